// A test stand: one backend, and what is outside of it: who sends to its receivers, and who gets
// what it sends. Cases of the contract know a backend only through this.
//
//   S1  What offer() sends reaches the receivers in the order offered.
//   S2  collect() returns what left through the output, in wire order.
//   S3  A payload tells its number if it has 16 bytes; where more of it is real than these, it is
//       checked (Payload::is_damaged).
//   S4  A blocked output keeps what it was given and sends it, in order, when it is unblocked.
//
// A simulated stand moves virtual time in settle(), collect() and submit_and_wait().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/io.hpp"

namespace reprise::tests {

inline constexpr std::uint16_t kPort = 5000;
inline constexpr std::uint16_t kOtherPort = 5001;

struct Payload {
  std::uint64_t number = 0;
  std::uint32_t length_bytes = 0;
  bool is_damaged = false;  ///< it is not what was sent with this number
  friend bool operator==(const Payload&, const Payload&) = default;
};

/// What byte `place` of a payload is on stands where all of it is real.
std::uint8_t payload_byte(std::uint64_t number, std::uint32_t place);
/// Reads back a payload of which the first bytes are `visible`, on such a stand.
Payload read_payload(std::span<const std::byte> visible, std::uint32_t length_bytes);

struct StandOptions {
  std::uint32_t submission_entries = 64;
  std::uint32_t completion_entries = 256;
  std::uint32_t regions = 256;
  std::uint32_t region_bytes = 2048;
  std::uint32_t blocks = 0;  ///< for packet rings
  std::uint32_t block_bytes = 0;
};

/// What is offered in one frame: a datagram, or several of one length that offloads have merged.
struct OfferedFrame {
  Payload first;
  std::uint32_t datagrams = 1;   ///< with the numbers that follow
  std::uint32_t last_bytes = 0;  ///< 0: the last one is as long as the others
  bool has_partial_checksum = false;
  std::uint16_t vlan_tci = 0;  ///< 0: no tag
};

class Stand {
 public:
  Stand() = default;
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;
  virtual ~Stand() = default;

  [[nodiscard]] virtual engine::Backend& backend() = 0;

  // Sockets that exist here.

  /// Takes UDP to 239.1.1.1 and this port that arrives at the input.
  [[nodiscard]] virtual engine::PacketSocketSpec receiver(std::uint16_t port) const;
  /// Sends to 239.1.1.1 and kPort through the output; its buffer holds fewer than 40 datagrams of
  /// 1400 bytes.
  [[nodiscard]] virtual engine::SendSocketSpec sender() const;
  /// Opens a sender to a port that nobody listens on, whose host says so.
  virtual engine::Expected<engine::SocketIndex> open_sender_to_closed_port();
  /// The longest payload that the output takes.
  [[nodiscard]] virtual std::uint32_t payload_bytes_max() const { return 1500 - 20 - 8; }

  /// A UDP socket that a supervisor opened, and what sends to it.
  struct Adoptable {
    int descriptor = -1;
    engine::SendSocketSpec sender;
  };
  [[nodiscard]] virtual bool has_descriptors() const { return false; }
  virtual Adoptable adoptable() { return {}; }
  /// Whether there are packet rings; then also offer_frame() and set_input_up().
  [[nodiscard]] virtual bool has_packet_rings() { return false; }
  /// One more, whose senders use the same output.
  [[nodiscard]] virtual bool has_second_backend() const { return false; }
  virtual std::unique_ptr<engine::Backend> second_backend() { return nullptr; }

  /// Fills in a payload of which only the first bytes are `visible`.
  virtual void write_payload(std::span<std::byte> visible, const Payload& payload);
  /// Reads it back.
  [[nodiscard]] virtual Payload read_payload(std::span<const std::byte> visible,
                                             std::uint32_t length_bytes) const;

  // Who is outside.

  /// Sends a datagram to 239.1.1.1 and this port into the input.
  virtual void offer(const Payload& payload, std::uint16_t port) = 0;
  virtual void offer_frame(const OfferedFrame& frame, std::uint16_t port);
  virtual void set_input_up(bool is_up);
  /// Returns when all that was offered has reached the sockets.
  virtual void settle() = 0;
  /// What left since the last call: waits until there is `count`, and gives up after a while.
  virtual std::vector<Payload> collect(std::size_t count) = 0;

  virtual void block_output() = 0;
  virtual void unblock_output() = 0;
  virtual void set_output_up(bool is_up) = 0;
  /// Calls wake() in a moment, from another thread where there are threads.
  virtual void wake_from_outside() = 0;
};

/// A way to make a stand. `name` ends the names of its tests; the part before the first '_' is
/// their label.
struct StandKind {
  std::string name;
  /// Error: this host cannot have it, and why.
  std::function<engine::Expected<std::unique_ptr<Stand>>(const StandOptions&)> create;
};

/// All stands that this build has.
const std::vector<StandKind>& stand_kinds();

// Each in a file of its own.
std::vector<StandKind> uring_stands();
std::vector<StandKind> asio_stands();
std::vector<StandKind> sim_stands();

}  // namespace reprise::tests
