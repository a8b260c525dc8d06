// Set-up, sockets, submitting and waiting; what an entry says is in uring_prepare.cpp, what a
// completion means in uring_reap.cpp.
#include "reprise/uring/uring_backend.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "reprise/uring/kernel_time.hpp"
#include "reprise/uring/multishot_layout.hpp"
#include "reprise/uring/user_data.hpp"

namespace reprise::uring {

using engine::Duration;
using engine::Expected;
using engine::Instant;
using engine::Operation;
using engine::SocketIndex;
using engine::SubmitResult;

namespace {

engine::Limits limits_of(const Ring& ring, const Features& features) {
  constexpr auto bit = [](Operation operation) { return 1U << static_cast<unsigned>(operation); };
  const posix::SegmentationLimits segmentation = posix::probe_segmentation();
  engine::Limits limits;
  limits.submissions_max = ring.submission_entries();
  limits.completions_max = ring.completion_entries();
  limits.segments_max = segmentation.segments_max;
  limits.segmented_bytes_max = segmentation.bytes_max;
  limits.operations = bit(Operation::receive) | bit(Operation::send) | bit(Operation::provide) |
                      bit(Operation::wait_readable) | bit(Operation::wait_writable) |
                      bit(Operation::deadline) | bit(Operation::cancel);
  if (segmentation.segments_max > 1) limits.operations |= bit(Operation::segmented_send);
  if (features.has_zero_copy_send) limits.operations |= bit(Operation::zero_copy_send);
  if (posix::can_have_packet_rings()) limits.operations |= bit(Operation::packet_ring_receive);
  return limits;
}

}  // namespace

Expected<std::unique_ptr<UringBackend>> UringBackend::create(const Options& options) {
  auto ring = Ring::create(options.submission_entries, options.completion_entries);
  if (!ring) return std::unexpected(ring.error());
  const auto features = probe_features(ring->get());
  if (!features) return std::unexpected(features.error());
  auto wake_descriptor = posix::WakeEvent::open_descriptor();
  if (!wake_descriptor) return std::unexpected(wake_descriptor.error());
  if (options.operations_in_flight_max < ring->submission_entries()) {
    return engine::failure("io_uring: " + std::to_string(options.operations_in_flight_max) +
                               " operations in flight; expected at least the submission entries, " +
                               std::to_string(ring->submission_entries()),
                           EINVAL);
  }
  return std::unique_ptr<UringBackend>(
      new UringBackend(*std::move(ring), *std::move(wake_descriptor), options, *features));
}

UringBackend::UringBackend(Ring ring, posix::Descriptor wake_descriptor, const Options& options,
                           const Features& features)
    : operations_(options.operations_in_flight_max),
      messages_(std::max(options.messages_in_flight_max, ring.submission_entries())),
      deadlines_(ring.submission_entries()),
      wake_event_(std::move(wake_descriptor)),
      limits_(limits_of(ring, features)),
      ring_(std::move(ring)) {
  multishot_header_.msg_namelen = posix::kNameBytes;
  multishot_header_.msg_controllen = posix::kMetadataBytes;
}

Expected<engine::PacketMemory> UringBackend::register_memory(const engine::MemorySpec& spec) {
  REPRISE_ASSERT(regions_.memory().buffers.region_count == 0);
  engine::MemorySpec own = spec;
  own.buffer_bytes += kRegionOverheadBytes;
  auto regions = ProvidedRegions::create(ring_.get(), own);
  if (!regions) return std::unexpected(regions.error());
  regions_ = *std::move(regions);
  rings_.use(regions_.memory());
  return regions_.memory();
}

Expected<void> UringBackend::use_memory(const engine::PacketMemory& memory) {
  REPRISE_ASSERT(regions_.memory().buffers.region_count == 0);
  auto regions = ProvidedRegions::borrow(memory);
  if (!regions) return std::unexpected(regions.error());
  regions_ = *std::move(regions);
  return {};
}

Expected<SocketIndex> UringBackend::open(const engine::PacketSocketSpec& spec) {
  const auto place = rings_.find_place(spec.ring_blocks);
  if (!place) return std::unexpected(place.error());
  const auto socket = sockets_.add(posix::open_socket(spec, *place));
  if (!socket) return socket;
  rings_.add(*socket, sockets_.at(*socket).ring.get());
  // Two receives may follow each other on a ring.
  polls_ended_.reserve(2 * (static_cast<std::size_t>(*socket) + 1));
  return socket;
}

Expected<SocketIndex> UringBackend::open(const engine::SendSocketSpec& spec) {
  return sockets_.add(posix::open_socket(spec));
}

Expected<SocketIndex> UringBackend::adopt(int descriptor) {
  return sockets_.add(posix::adopt_socket(posix::Descriptor(descriptor)));
}

void UringBackend::close(SocketIndex socket) {
  rings_.remove(socket);
  sockets_.close(socket);
}

engine::SocketStatistics UringBackend::statistics(SocketIndex index) {
  return posix::statistics_of(sockets_.at(index));
}

/// Done by the thread that submits, since a poll's completions are made in the context of the
/// thread that armed it. What the submission queue has no room for, a later call does.
void UringBackend::arm_polls() {
  if (!is_wake_poll_armed_) {
    is_wake_poll_armed_ = arm_poll(wake_event_.descriptor(), kWakeUserData);
  }
  arm_ring_polls();
}

void UringBackend::arm_ring_polls() {
  while (!polls_ended_.empty()) {
    const std::uint64_t user_data = polls_ended_.back();
    const SocketIndex socket = operations_.at(user_data).socket;
    if (!arm_poll(sockets_.descriptor(socket), user_data)) return;
    polls_ended_.pop_back();
  }
}

bool UringBackend::arm_poll(int descriptor, std::uint64_t user_data) {
  io_uring_sqe* entry = ::io_uring_get_sqe(ring_.get());
  if (entry == nullptr) return false;
  ::io_uring_prep_poll_multishot(entry, descriptor, POLLIN);
  ::io_uring_sqe_set_data64(entry, user_data);
  ++own_entries_unsubmitted_;
  return true;
}

SubmitResult UringBackend::hand_over(bool also_collect) {
  io_uring* ring = ring_.get();
  const std::uint32_t waiting = ::io_uring_sq_ready(ring);
  int result = 0;
  if (also_collect) {
    result = ::io_uring_submit_and_get_events(ring);
  } else if (waiting > 0) {
    result = ::io_uring_submit(ring);
  }
  const std::uint32_t left = ::io_uring_sq_ready(ring);
  const std::uint32_t own = std::min(own_entries_unsubmitted_, waiting - left);
  own_entries_unsubmitted_ -= own;
  SubmitResult handed_over;
  handed_over.submitted = waiting - left - own + std::exchange(provides_unsubmitted_, 0);
  if (result < 0 && result != -EINTR) {
    handed_over.errno_value = -result;
  } else if (left > 0) {
    handed_over.errno_value = EAGAIN;
  }
  return handed_over;
}

SubmitResult UringBackend::submit() {
  arm_polls();
  // With nothing to hand over the kernel is entered all the same: with cooperative task run the
  // rest of a chain that it has begun may be done only then.
  return hand_over(::io_uring_sq_ready(ring_.get()) == 0);
}

/// Takes events off the front of the completion queue. They are nobody's completions: left there
/// they would end every wait until something is reaped.
void UringBackend::drop_events() {
  io_uring* ring = ring_.get();
  unsigned head = 0;
  unsigned taken = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(ring, head, entry) {
    if (!take_event(*entry)) break;
    ++taken;
  }
  ::io_uring_cq_advance(ring, taken);
}

/// Frames that can be reaped count as one.
std::uint32_t UringBackend::reapable() const {
  return ::io_uring_cq_ready(ring_.get()) + (rings_.has_ready() ? 1 : 0);
}

/// Blocks until more than `ready` completions can be reaped, or for `remaining`. Returns 0 or an
/// errno. The caller passes what it saw: completions appear at any time (task work runs whenever
/// the thread returns from the kernel), and one that came since must end the wait.
int UringBackend::wait_for_more_than(std::uint32_t ready, std::optional<Duration> remaining) {
  io_uring* ring = ring_.get();
  __kernel_timespec timeout{};
  io_uring_getevents_arg argument{};
  if (remaining) {  // a timer costs, so none is set where nothing expires
    timeout = kernel_time(remaining->ns);
    argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
  }
  const int result = ::io_uring_enter2(static_cast<unsigned>(ring->ring_fd), 0, ready + 1,
                                       IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                                       reinterpret_cast<sigset_t*>(&argument), sizeof(argument));
  return result < 0 ? -result : 0;
}

/// Waits for one completion after the other: a wake is one completion, and ends any wait.
SubmitResult UringBackend::submit_and_wait(std::uint32_t count, Instant deadline) {
  io_uring* ring = ring_.get();
  const std::uint32_t wanted = std::min(count, ring_.completion_entries());
  drop_events();
  arm_polls();
  bool expired = wanted > 0 && deadline != engine::kNever && deadline <= now();
  SubmitResult result;
  if (wanted == 0 || expired || ::io_uring_sq_ready(ring) > 0 || provides_unsubmitted_ > 0) {
    result = hand_over(wanted == 0 || expired);
  }
  if (!are_polls_armed()) {  // the queue was full before, and is not now
    arm_polls();
    result.submitted += hand_over(false).submitted;
  }
  // In this order: who wakes asks first and posts then, so that what drop_events() took off was
  // asked for, and one that comes between the two ends the wait. So it is with a ring's blocks.
  drop_events();
  std::uint32_t ready = ::io_uring_cq_ready(ring);
  result.woken = wake_event_.take();
  // What was not handed over has no completion to wait for: the next call hands it over.
  const bool all_handed_over = result.errno_value == 0;
  while (all_handed_over && !result.woken && !expired && reapable() < wanted) {
    std::optional<Duration> remaining;
    if (deadline != engine::kNever) remaining = deadline - now();
    expired = (remaining && *remaining <= Duration{0}) || wait_for_more_than(ready, remaining) != 0;
    drop_events();
    if (!are_polls_armed()) {  // one ended, as it does when completions overflow
      arm_polls();
      hand_over(false);
      drop_events();
    }
    ready = ::io_uring_cq_ready(ring);
    result.woken = wake_event_.take();
  }
  return result;
}

}  // namespace reprise::uring
