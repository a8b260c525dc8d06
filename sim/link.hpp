// A device with its queueing discipline, and the cable behind it: a queue of frames that depart one
// after the other, and arrive later.
//
//   L1  A frame occupies its sender's socket buffer until it departs.
//   L2  A frame beyond the queueing discipline's length is dropped. A frame that has departed is
//       not in that queue; a cable carries one per µs of its delay.
//   L3  A device that goes down, or loses its carrier, drops what waits in its queue.
//   L4  Departures and arrivals are in order; a departure goes before an arrival at the same
//       instant.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/sim/packet.hpp"

namespace reprise::sim {

/// A time in which a link takes nothing from its sender: the sender's socket buffer fills.
struct Stall {
  std::int64_t start_ns = 0;
  std::int64_t length_ns = 0;
};

/// How long a frame keeps a link busy.
enum class LinkService : std::uint8_t {
  by_length,    ///< its bits at the link's rate
  exponential,  ///< a random time with that mean (queueing theory's M)
};
inline constexpr std::array<std::string_view, 2> kLinkServiceNames{"by_length", "exponential"};

struct LinkConfig {
  std::uint64_t bits_per_second = 0;  ///< 0: as fast as it is sent
  std::int64_t delay_ns = 0;
  /// Frames that wait in the queueing discipline; beyond: dropped, success reported.
  std::uint32_t queue = 1000;
  std::vector<Stall> stalls;  ///< in order, not overlapping
  std::uint32_t mtu_bytes = 1500;
  /// The device takes a segmented send whole, and it arrives so (veth with offloads).
  bool carries_merged = false;
  LinkService service = LinkService::by_length;
  /// The device fills in UDP checksums; veth does not: they arrive partial.
  bool fills_checksums = false;
};

class Link {
 public:
  void place(engine::FlatLayout& layout, const LinkConfig& config);
  void start(const LinkConfig& config);

  // What an operator or a cable does.
  void set_up(bool up) { is_up_ = up ? 1 : 0; }
  void set_carrier(bool carrier) { has_carrier_ = carrier ? 1 : 0; }
  void set_address(bool present) { has_address_ = present ? 1 : 0; }
  void set_mtu(std::uint32_t mtu_bytes) { mtu_bytes_ = mtu_bytes; }
  /// Untimed: frames depart whenever whoever steps the link says, and where a pick says.
  void set_untimed() { is_untimed_ = is_blocked_ = 1; }
  [[nodiscard]] bool is_untimed() const { return is_untimed_ != 0; }
  /// Blocked: nothing departs until it is unblocked; then at `at` at the earliest.
  void set_blocked(bool blocked, engine::Instant at);

  [[nodiscard]] bool is_up() const { return is_up_ != 0; }
  [[nodiscard]] bool has_carrier() const { return has_carrier_ != 0; }
  [[nodiscard]] bool has_address() const { return has_address_ != 0; }
  [[nodiscard]] bool is_blocked() const { return is_blocked_ != 0; }
  [[nodiscard]] bool carries_merged() const { return carries_merged_ != 0; }
  [[nodiscard]] bool fills_checksums() const { return fills_checksums_ != 0; }
  [[nodiscard]] std::uint32_t mtu_bytes() const { return mtu_bytes_; }
  [[nodiscard]] LinkService service() const { return service_; }

  /// Nothing more fits into the queueing discipline.
  [[nodiscard]] bool is_full() const { return frames_.full() || waiting_count() >= queue_max_; }
  /// Appends a frame that is handed over at `at` and keeps the link busy for service_ns().
  void transmit(const Packet& packet, engine::Instant at, std::int64_t service_ns);
  /// By its length.
  [[nodiscard]] std::int64_t service_ns(const Packet& packet) const;

  [[nodiscard]] bool departs_by(engine::Instant at) const {
    return is_blocked_ == 0 && waiting_count() > 0 && frames_[departed_].departs <= at;
  }
  /// The next instant at which it does something; kNever where it has nothing to do.
  [[nodiscard]] engine::Instant next_instant() const;
  /// Whether what it does then is an arrival (L4).
  [[nodiscard]] bool arrives_next() const;
  /// The next frame leaves the device.
  Packet depart();
  /// The next frame arrives.
  Packet arrive();
  /// Takes a frame that has not departed out of the queue: it is lost (L3).
  Packet drop();

  /// In the queueing discipline.
  [[nodiscard]] std::uint32_t waiting_count() const { return frames_.size() - departed_; }
  /// On the cable.
  [[nodiscard]] std::uint32_t carried_count() const { return departed_; }
  /// One of these, the oldest at place 0; for captures.
  struct Carried {
    Packet packet;
    engine::Instant departed;
  };
  [[nodiscard]] Carried carried(std::uint32_t place) const {
    REPRISE_ASSERT(place < departed_);
    return {frames_[place].packet, frames_[place].departs};
  }
  /// Datagrams, whole or the last of their frames, that wait or travel.
  [[nodiscard]] std::uint64_t datagram_count() const;
  /// Appends everything that decides what it will do.
  void append_state(std::vector<std::byte>& state) const;

 private:
  struct Travelling {
    Packet packet;
    engine::Instant departs;
    engine::Instant arrives;
  };
  engine::FlatQueue<Travelling> frames_;
  engine::FlatArray<std::int64_t> stalls_;  ///< start and end of each
  std::uint64_t bits_per_second_ = 0;
  std::int64_t delay_ns_ = 0;
  engine::Instant free_at_;
  std::uint32_t departed_ = 0;  ///< of the frames, from the front
  std::uint32_t queue_max_ = 0;
  std::uint32_t mtu_bytes_ = 0;
  std::uint8_t is_up_ = 1;
  std::uint8_t has_carrier_ = 1;
  std::uint8_t has_address_ = 1;
  std::uint8_t is_blocked_ = 0;
  std::uint8_t is_untimed_ = 0;
  std::uint8_t carries_merged_ = 0;
  LinkService service_ = LinkService::by_length;
  std::uint8_t fills_checksums_ = 0;
  std::uint8_t reserved_ = 0;
};

}  // namespace reprise::sim
