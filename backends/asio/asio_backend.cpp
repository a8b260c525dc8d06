// Set-up and sockets. Submissions come in in asio_prepare.cpp, are carried out in
// asio_operations.cpp, asio_send.cpp and asio_receive.cpp, and waited for in asio_wait.cpp.
#include "reprise/asio/asio_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "reprise/asio/places.hpp"
#include "reprise/posix/segmentation.hpp"

namespace reprise::asio {

using engine::Expected;
using engine::Operation;
using engine::SocketIndex;

namespace {

constexpr std::uint32_t kSubmissionEntriesMax = 32'768;
constexpr std::uint32_t kCompletionEntriesMax = 65'536;

Expected<void> check_at_least(const char* what, std::uint32_t value, std::uint32_t least,
                              std::uint32_t most) {
  if (value >= least && value <= most) return {};
  return engine::failure("asio: " + std::to_string(value) + ' ' + what + "; expected " +
                             std::to_string(least) + " to " + std::to_string(most),
                         EINVAL);
}

Expected<void> check(const AsioBackend::Options& options) {
  if (auto valid = check_at_least("submission entries", options.submission_entries, 1,
                                  kSubmissionEntriesMax);
      !valid) {
    return valid;
  }
  if (auto valid = check_at_least("completion entries", options.completion_entries,
                                  options.submission_entries, kCompletionEntriesMax);
      !valid) {
    return valid;
  }
  return check_at_least("operations in flight", options.operations_in_flight_max,
                        options.submission_entries, 1U << 24U);
}

engine::Limits limits_of(const AsioBackend::Options& options) {
  constexpr auto bit = [](Operation operation) { return 1U << static_cast<unsigned>(operation); };
  const posix::SegmentationLimits segmentation = posix::probe_segmentation();
  engine::Limits limits;
  limits.submissions_max = options.submission_entries;
  limits.completions_max = options.completion_entries;
  limits.segments_max = segmentation.segments_max;
  limits.segmented_bytes_max = segmentation.bytes_max;
  limits.operations = bit(Operation::receive) | bit(Operation::send) | bit(Operation::provide) |
                      bit(Operation::wait_readable) | bit(Operation::wait_writable) |
                      bit(Operation::deadline) | bit(Operation::cancel);
  if (posix::can_have_packet_rings()) limits.operations |= bit(Operation::packet_ring_receive);
  if (segmentation.segments_max > 1) limits.operations |= bit(Operation::segmented_send);
  return limits;
}

}  // namespace

Expected<std::unique_ptr<AsioBackend>> AsioBackend::create(const Options& options) {
  if (auto valid = check(options); !valid) return std::unexpected(valid.error());
  auto reactor = Reactor::create();
  if (!reactor) return std::unexpected(reactor.error());
  auto wake_descriptor = posix::WakeEvent::open_descriptor();
  if (!wake_descriptor) return std::unexpected(wake_descriptor.error());
  if (auto added = reactor->add(kWakePlace, wake_descriptor->get()); !added) {
    return std::unexpected(added.error());
  }
  auto ring_watch = RingWatch::create();
  if (!ring_watch) return std::unexpected(ring_watch.error());
  if (auto added = reactor->add(kRingsPlace, ring_watch->descriptor()); !added) {
    return std::unexpected(added.error());
  }
  return std::unique_ptr<AsioBackend>(new AsioBackend(
      *std::move(reactor), *std::move(wake_descriptor), *std::move(ring_watch), options));
}

AsioBackend::AsioBackend(Reactor reactor, posix::Descriptor wake_descriptor, RingWatch ring_watch,
                         const Options& options)
    : operations_(options.operations_in_flight_max),
      messages_(std::max(options.messages_in_flight_max, options.submission_entries)),
      deadlines_(options.operations_in_flight_max),
      wake_event_(std::move(wake_descriptor)),
      ring_watch_(std::move(ring_watch)),
      limits_(limits_of(options)),
      operations_in_flight_max_(options.operations_in_flight_max),
      reactor_(std::move(reactor)) {
  completions_.reserve(operations_in_flight_max_);
  chains_prepared_.reserve(options.submission_entries);
}

Expected<engine::PacketMemory> AsioBackend::register_memory(const engine::MemorySpec& spec) {
  REPRISE_ASSERT(regions_.view().buffers.region_count == 0);
  engine::MemorySpec own = spec;
  own.buffer_bytes += posix::kSegmentHeaderBytes;
  auto memory = posix::RegionMemory::create(own);
  if (!memory) return std::unexpected(memory.error());
  regions_ = ProvidedRegions(*std::move(memory));
  rings_.use(regions_.view());
  completions_.reserve(operations_in_flight_max_ + spec.buffers);
  return regions_.view();
}

Expected<void> AsioBackend::use_memory(const engine::PacketMemory& memory) {
  REPRISE_ASSERT(regions_.view().buffers.region_count == 0);
  auto borrowed = posix::RegionMemory::borrow(memory);
  if (!borrowed) return std::unexpected(borrowed.error());
  regions_ = ProvidedRegions(*std::move(borrowed));
  return {};
}

Expected<SocketIndex> AsioBackend::add(Expected<posix::Socket> opened) {
  const Expected<SocketIndex> socket = sockets_.add(std::move(opened));
  if (!socket) return socket;
  if (auto added = reactor_.add(place_of(*socket), sockets_.descriptor(*socket)); !added) {
    sockets_.close(*socket);
    return std::unexpected(added.error());
  }
  queues_.add(*socket);
  return socket;
}

Expected<SocketIndex> AsioBackend::open(const engine::PacketSocketSpec& spec) {
  const auto place = rings_.find_place(spec.ring_blocks);
  if (!place) return std::unexpected(place.error());
  auto socket = add(posix::open_socket(spec, *place));
  if (!socket || spec.ring_blocks == 0) return socket;
  if (auto added = ring_watch_.add(sockets_.descriptor(*socket)); !added) {
    close(*socket);
    return std::unexpected(added.error());
  }
  rings_.add(*socket, sockets_.at(*socket).ring.get());
  return socket;
}

Expected<SocketIndex> AsioBackend::open(const engine::SendSocketSpec& spec) {
  return add(posix::open_socket(spec));
}

Expected<SocketIndex> AsioBackend::adopt(int descriptor) {
  return add(posix::adopt_socket(posix::Descriptor(descriptor)));
}

void AsioBackend::close(SocketIndex socket) {
  REPRISE_ASSERT(queues_.at(socket).is_idle());
  reactor_.remove(place_of(socket));
  if (rings_.has(socket)) ring_watch_.remove(sockets_.descriptor(socket));
  rings_.remove(socket);
  sockets_.close(socket);
}

engine::SocketStatistics AsioBackend::statistics(SocketIndex socket) {
  return posix::statistics_of(sockets_.at(socket));
}

std::uint32_t AsioBackend::reap(engine::CompletionBatch& batch) {
  constexpr std::uint32_t kFramesPerCompletion = 1;
  batch.clear();
  while (completions_.size() > 0 && batch.has_room(kFramesPerCompletion)) {
    const EndedOperation& ended = completions_.front();
    engine::Completion& completion = batch.push();
    const std::uint32_t frame_first = completion.frame_first;
    completion = ended.completion;
    completion.frame_first = frame_first;
    if (ended.has_frame) batch.push_frame() = ended.frame;
    if (!ended.completion.more) {
      const std::uint32_t message = operations_.at(ended.operation).message;
      if (message != kNoMessage) messages_.give_back(message);
      operations_.give_back(ended.operation);
    }
    completions_.pop();
  }
  rings_.take(batch);
  return static_cast<std::uint32_t>(batch.completions().size());
}

}  // namespace reprise::asio
