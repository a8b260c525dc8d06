#include "reprise/posix/socket_table.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "reprise/posix/fanout.hpp"
#include "reprise/posix/packet_socket.hpp"
#include "reprise/posix/send_socket.hpp"

namespace reprise::posix {
namespace {

std::optional<int> socket_property(int descriptor, int option) {
  int value = 0;
  socklen_t length_bytes = sizeof(value);
  if (::getsockopt(descriptor, SOL_SOCKET, option, &value, &length_bytes) != 0) return std::nullopt;
  return value;
}

}  // namespace

engine::SocketIndex SocketTable::add(Socket socket) {
  const auto free = std::ranges::find_if(
      sockets_, [](const Socket& entry) { return !entry.descriptor.is_open(); });
  const auto place = static_cast<std::uint32_t>(free - sockets_.begin());
  if (free == sockets_.end()) {
    sockets_.push_back(std::move(socket));
  } else {
    *free = std::move(socket);
  }
  return engine::SocketIndex{place};
}

engine::Expected<engine::SocketIndex> SocketTable::add(engine::Expected<Socket> socket) {
  if (!socket) return std::unexpected(socket.error());
  return add(*std::move(socket));
}

void SocketTable::close(engine::SocketIndex index) {
  Socket& socket = at(index);
  socket.ring.reset();
  socket = {};
}

Socket& SocketTable::at(engine::SocketIndex index) {
  const auto place = static_cast<std::uint32_t>(index);
  REPRISE_ASSERT(place < sockets_.size() && sockets_[place].descriptor.is_open());
  return sockets_[place];
}

engine::Expected<void> SocketTable::steer(engine::SocketIndex member, engine::Steering steering) {
  return steer_fanout(at(member).descriptor.get(), steering, "a packet socket");
}

engine::Expected<Socket> open_socket(const engine::PacketSocketSpec& spec,
                                     const RingPlace& ring_place) {
  auto opened = open_packet_socket(spec, ring_place);
  if (!opened) return std::unexpected(opened.error());
  Socket socket;
  socket.descriptor = std::move(opened->descriptor);
  socket.format = engine::FrameFormat::ethernet;
  socket.filter_level = opened->filter_level;
  socket.is_packet_socket = true;
  socket.has_segment_header = opened->has_segment_header;
  socket.ring = std::move(opened->ring);
  return socket;
}

engine::Expected<Socket> open_socket(const engine::SendSocketSpec& spec) {
  auto opened = open_send_socket(spec);
  if (!opened) return std::unexpected(opened.error());
  Socket socket;
  socket.descriptor = *std::move(opened);
  const std::optional<int> room = socket_property(socket.descriptor.get(), SO_SNDBUF);
  socket.send_buffer_bytes = static_cast<std::uint32_t>(room.value_or(0));
  return socket;
}

engine::Expected<Socket> adopt_socket(Descriptor descriptor) {
  const std::optional<int> domain = socket_property(descriptor.get(), SO_DOMAIN);
  const std::optional<int> type = socket_property(descriptor.get(), SO_TYPE);
  const bool is_packet = domain == AF_PACKET && (type == SOCK_RAW || type == SOCK_DGRAM);
  const bool is_udp = (domain == AF_INET || domain == AF_INET6) && type == SOCK_DGRAM;
  if (!is_packet && !is_udp) {
    return engine::failure("descriptor " + std::to_string(descriptor.get()) +
                               ": cannot adopt it; expected an open packet socket or UDP socket",
                           EINVAL);
  }
  Socket socket;
  socket.is_packet_socket = is_packet;
  if (is_packet) {
    socket.format = type == SOCK_RAW ? engine::FrameFormat::ethernet : engine::FrameFormat::ip;
    if (auto wanted = want_frame_metadata(descriptor.get()); !wanted) {
      return std::unexpected(wanted.error());
    }
    socket.has_segment_header = want_segment_sizes(descriptor.get());
  }
  socket.descriptor = std::move(descriptor);
  return socket;
}

engine::SocketStatistics statistics_of(Socket& socket) {
  if (socket.is_packet_socket) {
    const PacketCounts counts = take_packet_counts(socket.descriptor.get());
    socket.statistics.kernel_drops += counts.drops;
    socket.statistics.queued += counts.queued;
  }
  return socket.statistics;
}

}  // namespace reprise::posix
