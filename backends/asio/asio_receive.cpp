// Receives: reading into provided regions while there are some.
#include <sys/socket.h>

#include <cerrno>

#include "reprise/asio/asio_backend.hpp"

namespace reprise::asio {

using engine::SocketIndex;
using engine::SubmissionFlags;

AsioBackend::Progress AsioBackend::start_receive(OperationIndex index) {
  const SocketIndex socket = operations_.at(index).socket;
  if (sockets_.descriptor(socket) < 0) return end(index, EBADF);
  operations_.push_back(queues_.at(socket).receives, index);
  queues_.push_unread(socket);  // read before the call that submits returns
  return Progress::open;
}

/// The first of a ring's receives has its frames.
AsioBackend::Progress AsioBackend::start_ring_receive(OperationIndex index) {
  const OperationRecord& record = operations_.at(index);
  const bool is_multishot = (record.flags & SubmissionFlags::kMultishot) != 0;
  if (!is_multishot || !rings_.has(record.socket)) return end(index, EINVAL);
  OperationList& receives = queues_.at(record.socket).ring_receives;
  if (receives.is_empty()) rings_.arm(record.socket, record.token);
  operations_.push_back(receives, index);
  return Progress::open;
}

engine::RegionIndex AsioBackend::stop_ring_receive(OperationIndex index) {
  const OperationRecord& record = operations_.at(index);
  OperationList& receives = queues_.at(record.socket).ring_receives;
  const bool is_first = receives.first == index;
  operations_.remove(receives, index);
  if (!is_first) return engine::kNoRegion;
  const engine::RegionIndex region = rings_.disarm(record.socket);
  if (!receives.is_empty()) rings_.arm(record.socket, operations_.at(receives.first).token);
  return region;
}

/// Reads from every socket that may have something, some from each.
void AsioBackend::read_unread() {
  for (std::uint32_t count = queues_.unread_count(); count > 0 && has_room_to_read(); --count) {
    const SocketIndex socket = queues_.pop_unread();
    if (read_some(socket)) queues_.push_unread(socket);
  }
}

/// Returns whether there may be more.
bool AsioBackend::read_some(SocketIndex socket) {
  OperationList& receives = queues_.at(socket).receives;
  for (std::uint32_t count = 0; count < kReadsPerTurn && has_room_to_read(); ++count) {
    if (receives.is_empty()) return false;
    const OperationIndex index = receives.first;
    const Reading reading = read_one(index);
    if (reading == Reading::goes_on) continue;
    if (reading == Reading::waits) return false;
    operations_.remove(receives, index);
    follow(index, reading == Reading::ended_ok ? Progress::ended_ok : Progress::ended_otherwise);
  }
  return true;
}

AsioBackend::Reading AsioBackend::read_one(OperationIndex index) {
  const OperationRecord& record = operations_.at(index);
  if (!regions_.has_provided()) {
    end(index, ENOBUFS);
    return Reading::ended_otherwise;
  }
  const std::uint32_t region_bytes = regions_.view().buffers.region_bytes;
  received_.set_receive(region_bytes, regions_.bytes({regions_.next(), 0, region_bytes}));
  const ssize_t length =
      ::recvmsg(sockets_.descriptor(record.socket), &received_.header, MSG_DONTWAIT | MSG_TRUNC);
  if (length < 0) {
    int errno_value = errno;
    if (errno_value == EAGAIN) {
      errno_value = want(record.socket, Readiness::readable);
      if (errno_value == 0) return Reading::waits;
    }
    end(index, errno_value);
    return Reading::ended_otherwise;
  }
  complete_receive(index, static_cast<std::uint32_t>(length));
  return record.state == OperationState::ended ? Reading::ended_ok : Reading::goes_on;
}

/// The region that was read into becomes the engine's (I5).
void AsioBackend::complete_receive(OperationIndex index, std::uint32_t length_bytes) {
  OperationRecord& record = operations_.at(index);
  const engine::PacketMemory& memory = regions_.view();
  posix::ReceivedMessage received = received_.received(length_bytes, memory.buffers.region_bytes);
  received.format = sockets_.format(record.socket);
  const engine::RegionIndex region = regions_.next();
  if (sockets_.has_segment_header(record.socket)) {
    posix::split_off_segment_header(regions_.bytes({region, 0, memory.buffers.region_bytes}),
                                    received);
  }
  regions_.take();
  EndedOperation& ended = completions_.push(index);
  ended.has_frame = true;
  ended.frame = {};
  posix::fill_frame(received, ended.frame);
  engine::Completion& completion = ended.completion;
  completion.token = record.token;
  completion.value = record.value;
  completion.region = region;
  completion.result_bytes = received.captured_bytes;
  completion.more = (record.flags & SubmissionFlags::kMultishot) != 0;
  if (!completion.more) record.state = OperationState::ended;
}

}  // namespace reprise::asio
