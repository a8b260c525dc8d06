// The network of the differential test: two hosts of its own with two cables, over which one frame
// arrives inside the call that sends it, and another waits behind a token bucket. Made once, used
// for all sequences.
//
// What an operator does goes by ioctl and returns when the kernel has done all of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

inline constexpr std::uint32_t kPlainLink = 0;
inline constexpr std::uint32_t kShapedLink = 1;
inline constexpr std::uint32_t kNetworkLinks = 2;
inline constexpr std::uint64_t kShapedBytesPerSecond = 5'000'000;

/// The sockets and links that a sequence finds there; sizes may be changed for each.
TraceSetup network_setup();

class RealNetwork {
 public:
  /// Errors: the host allows no namespaces, or lacks the token bucket (sch_tbf).
  static engine::Expected<RealNetwork> create();

  /// Gives sockets and queues the sizes asked for; `setup` then has those that the kernel reports.
  engine::Expected<void> adjust(TraceSetup& setup);
  /// Any rate; 1 a second is as good as nothing.
  engine::Expected<void> set_rate(std::uint32_t link, std::uint64_t bytes_per_second,
                                  std::uint32_t queue);

  /// Carries out an operator's act.
  engine::Expected<void> operate(const Act& act);
  /// As it was in the beginning: links up and free, sockets without frames and errors.
  engine::Expected<void> restore();

  /// By the model's socket index.
  [[nodiscard]] int socket(std::uint32_t index) const { return sockets_[index].get(); }
  /// Nothing waits in a send buffer.
  [[nodiscard]] bool is_empty() const;
  [[nodiscard]] bool is_blocked(std::uint32_t link) const { return links_[link].blocked; }

 private:
  struct LinkState {
    bool up = true;
    bool carrier = true;
    bool address = true;
    bool blocked = false;
    std::uint32_t mtu_bytes = 1500;
    std::uint32_t queue = 1000;
    friend bool operator==(const LinkState&, const LinkState&) = default;
  };

  RealNetwork(traffic::Namespace near, traffic::Namespace far)
      : near_(std::move(near)), far_(std::move(far)) {}
  engine::Expected<void> lay_cables();
  engine::Expected<void> open_sockets();
  engine::Expected<void> open_receivers(const TraceSetup& setup);
  engine::Expected<void> open_senders(const TraceSetup& setup);
  engine::Expected<void> set_flag_up(bool near, std::uint32_t link, bool up);
  engine::Expected<void> settle(std::uint32_t link);
  engine::Expected<void> set_address(std::uint32_t link, bool present);
  engine::Expected<void> set_mtu(std::uint32_t link, std::uint32_t mtu_bytes);
  engine::Expected<void> add_neighbours();
  void kick(std::uint32_t link);
  void drain(int descriptor);

  traffic::Namespace near_;
  traffic::Namespace far_;
  posix::Descriptor near_control_;  ///< for ioctls
  posix::Descriptor far_control_;
  posix::Descriptor near_netlink_;
  posix::Descriptor kick_socket_;
  std::vector<posix::Descriptor> sockets_;
  std::uint32_t receiver_count_ = 0;
  std::array<LinkState, kNetworkLinks> links_;
};

}  // namespace reprise::trial
