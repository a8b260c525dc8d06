// A backend's sockets by index: descriptor, what its frames look like, drops so far.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/packet_ring.hpp"
#include "reprise/posix/socket_filter.hpp"

namespace reprise::posix {

struct Socket {
  Descriptor descriptor;
  engine::FrameFormat format = engine::FrameFormat::udp_payload;
  FilterLevel filter_level = FilterLevel::exact;
  bool is_packet_socket = false;
  std::uint32_t send_buffer_bytes = 0;  ///< as SO_SNDBUF reads back; 0: others may send on it too
  bool has_segment_header = false;      ///< want_segment_sizes()
  engine::SocketStatistics statistics;
  std::unique_ptr<PacketRing> ring;  ///< last: it goes before its socket
};

class SocketTable {
 public:
  engine::SocketIndex add(Socket socket);
  /// The error passes through.
  engine::Expected<engine::SocketIndex> add(engine::Expected<Socket> socket);
  void close(engine::SocketIndex index);

  /// The socket must be open.
  [[nodiscard]] Socket& at(engine::SocketIndex index);

  /// Any thread, while no socket is opened or closed. Error: it is no member of a fanout group.
  engine::Expected<void> steer(engine::SocketIndex member, engine::Steering steering);

  /// -1 where there is no such socket, which the kernel answers with EBADF.
  [[nodiscard]] int descriptor(engine::SocketIndex index) const {
    const auto place = static_cast<std::uint32_t>(index);
    return place < sockets_.size() ? sockets_[place].descriptor.get() : -1;
  }
  [[nodiscard]] engine::FrameFormat format(engine::SocketIndex index) const {
    const auto place = static_cast<std::uint32_t>(index);
    return place < sockets_.size() ? sockets_[place].format : engine::FrameFormat::ethernet;
  }

  [[nodiscard]] bool has_segment_header(engine::SocketIndex index) const {
    const auto place = static_cast<std::uint32_t>(index);
    return place < sockets_.size() && sockets_[place].has_segment_header;
  }

 private:
  std::vector<Socket> sockets_;
};

engine::Expected<Socket> open_socket(const engine::PacketSocketSpec& spec,
                                     const RingPlace& ring_place = {});
engine::Expected<Socket> open_socket(const engine::SendSocketSpec& spec);

/// Says what kind of socket an open descriptor is and makes its frames carry their metadata. Closes
/// the descriptor on failure. Error: neither a packet socket nor a UDP socket.
engine::Expected<Socket> adopt_socket(Descriptor descriptor);

/// Asks the kernel for its counts since the last call and adds them up.
engine::SocketStatistics statistics_of(Socket& socket);

}  // namespace reprise::posix
