// The outside of a backend on this host's kernel: a network namespace with two cables. What goes
// into `in_peer` arrives at `in`, what is sent through `out` arrives at `out_peer`.
//
// Made once for a process, entered by the thread that asks first, restored by each test that
// changes it. Closing a packet socket takes the kernel some 20 ms, so these are opened when needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/posix/descriptor.hpp"
#include "stand.hpp"

namespace reprise::tests {

class HostNetwork {
 public:
  /// Error: no network namespace, no cable, and why.
  static engine::Expected<HostNetwork*> get();

  HostNetwork(const HostNetwork&) = delete;
  HostNetwork& operator=(const HostNetwork&) = delete;
  ~HostNetwork();

  void offer(const Payload& payload, std::uint16_t port);
  void offer_frame(const OfferedFrame& offered, std::uint16_t port);
  void settle();
  std::vector<Payload> collect(std::size_t count);
  /// Everything as it was made, and nothing left to collect.
  void restore();
  void block_output();
  void unblock_output();
  void set_output_up(bool is_up);
  void set_input_up(bool is_up);

 private:
  HostNetwork() = default;

  void split(const std::uint8_t* frame, std::size_t length_bytes, std::uint32_t segment_bytes,
             std::vector<Payload>& into) const;
  /// Sends a frame that is no datagram through the output, which makes its queue look again.
  void kick_output();

  posix::Descriptor namespace_before_;
  posix::Descriptor injector_;
  posix::Descriptor offload_injector_;  ///< with a segment header in front of its frames
  posix::Descriptor witness_;           ///< sees what arrives at `in`, behind the receivers
  posix::Descriptor collector_;         ///< sees what arrives at `out_peer`
  std::uint32_t offered_ = 0;           ///< and not yet seen by the witness
  bool has_queue_ = false;
  bool is_blocked_ = false;
  bool is_down_ = false;
  bool is_input_down_ = false;
};

}  // namespace reprise::tests
