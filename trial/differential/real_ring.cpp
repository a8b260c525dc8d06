#include "reprise/trial/differential/real_ring.hpp"

#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/monotonic_clock.hpp"
#include "reprise/sim/packet.hpp"
#include "reprise/uring/ring.hpp"

namespace reprise::trial {
namespace {

using engine::Operation;
using engine::SubmissionFlags;

constexpr std::uint16_t kBufferGroup = 1;
constexpr std::uint32_t kBuffersMax = 128;
constexpr std::uint32_t kRegionBytesMax = 4096;
constexpr std::uint32_t kPayloadBytesMax = 69'632;
constexpr std::uint64_t kNoToken = 0;

unsigned setup_flags(sim::TaskRun task_run) {
  switch (task_run) {
    case sim::TaskRun::plain: return 0;
    case sim::TaskRun::cooperative: return IORING_SETUP_COOP_TASKRUN;
    case sim::TaskRun::deferred: return IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
  }
  return 0;
}

std::uint32_t header_bytes(const TraceSetup& setup, std::uint32_t socket) {
  return setup.receivers[socket].is_packet_socket ? sim::kHeaderBytes : 0;
}

bool is_receive(const TraceEntry& entry) { return entry.operation == Operation::receive; }

}  // namespace

engine::Expected<std::unique_ptr<RealRing>> RealRing::create(const TraceSetup& setup) {
  std::unique_ptr<RealRing> made(new RealRing);
  io_uring_params parameters{};
  parameters.flags = setup_flags(setup.task_run) | IORING_SETUP_CQSIZE;
  parameters.cq_entries = setup.completions_max;
  const int result = ::io_uring_queue_init_params(setup.submissions_max, &made->ring_, &parameters);
  if (result < 0) return std::unexpected(uring::ring_setup_error(-result, ""));
  made->is_open_ = true;
  made->task_run_ = setup.task_run;
  made->completions_max_ = setup.completions_max;
  for (unsigned entry = 0; entry < made->ring_.sq.ring_entries; ++entry) {
    made->ring_.sq.array[entry] = entry;
  }
  struct Memory {
    posix::Mapping* place;
    std::size_t bytes;
  };
  for (const Memory& memory :
       {Memory{&made->buffer_ring_, kBuffersMax * sizeof(io_uring_buf)},
        Memory{&made->regions_, std::size_t{kBuffersMax} * kRegionBytesMax},
        Memory{&made->payloads_, std::size_t{kTokensMax} * kPayloadBytesMax}}) {
    auto mapping = posix::Mapping::create(memory.bytes);
    if (!mapping) return std::unexpected(mapping.error());
    *memory.place = *std::move(mapping);
  }
  made->messages_.resize(kTokensMax);
  return made;
}

RealRing::~RealRing() {
  if (is_open_) ::io_uring_queue_exit(&ring_);
}

bool RealRing::fits(const TraceSetup& setup) const {
  return setup.task_run == task_run_ && setup.completions_max == completions_max_ &&
         setup.submissions_max == ring_.sq.ring_entries;
}

engine::Expected<void> RealRing::begin(const TraceSetup& setup) {
  if (setup.regions > kBuffersMax || setup.region_bytes > kRegionBytesMax) {
    return engine::failure("trace: more or larger regions than the recorder has", EINVAL);
  }
  if (has_buffers_) ::io_uring_unregister_buf_ring(&ring_, kBufferGroup);
  std::memset(buffer_ring_.bytes(), 0, kBuffersMax * sizeof(io_uring_buf));
  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_.bytes());
  request.ring_entries = kBuffersMax;
  request.bgid = kBufferGroup;
  if (const int error = ::io_uring_register_buf_ring(&ring_, &request, 0); error != 0) {
    return engine::failure("ring: cannot register buffers: " + posix::errno_text(-error), -error);
  }
  has_buffers_ = true;
  ::io_uring_buf_ring_init(reinterpret_cast<io_uring_buf_ring*>(buffer_ring_.bytes()));
  region_bytes_ = setup.region_bytes;
  operations_.assign(kTokensMax, {});
  prepared_.clear();
  open_ = 0;
  return {};
}

void RealRing::provide(std::uint32_t region) {
  auto* buffers = reinterpret_cast<io_uring_buf_ring*>(buffer_ring_.bytes());
  ::io_uring_buf_ring_add(buffers, regions_.bytes() + std::size_t{region} * kRegionBytesMax,
                          region_bytes_, static_cast<std::uint16_t>(region),
                          ::io_uring_buf_ring_mask(kBuffersMax), 0);
  ::io_uring_buf_ring_advance(buffers, 1);
}

// Preparing.

bool RealRing::prepare(const TraceSetup& setup, const TraceEntry& entry, int socket) {
  io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr) return false;
  prepare_operation(setup, entry, socket, sqe);
  sqe->user_data = entry.token;
  if ((entry.flags & SubmissionFlags::kLinked) != 0) sqe->flags |= IOSQE_IO_LINK;
  switch (entry.malformation) {
    case sim::Malformation::none: break;
    case sim::Malformation::bad_descriptor: sqe->fd = -1; break;
    case sim::Malformation::bad_pointer: sqe->addr = 8; break;
    case sim::Malformation::malformed: sqe->opcode = 0xff; break;
  }
  operations_[entry.token] = {entry, false};
  prepared_.push_back(entry.token);
  return true;
}

void RealRing::prepare_operation(const TraceSetup& setup, const TraceEntry& entry, int socket,
                                 io_uring_sqe* sqe) {
  switch (entry.operation) {
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send: prepare_send(setup, entry, socket, sqe); return;
    case Operation::receive:
      ::io_uring_prep_recv(sqe, socket, nullptr, 0, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = kBufferGroup;
      if ((entry.flags & SubmissionFlags::kMultishot) != 0) sqe->ioprio |= IORING_RECV_MULTISHOT;
      return;
    case Operation::wait_readable: ::io_uring_prep_poll_add(sqe, socket, POLLIN); return;
    case Operation::wait_writable: ::io_uring_prep_poll_add(sqe, socket, POLLOUT); return;
    case Operation::deadline: {
      static __kernel_timespec over{0, 1};
      static __kernel_timespec never{0, 0};
      constexpr std::int64_t kHour = 3600;
      never.tv_sec = posix::monotonic_now().ns / 1'000'000'000 + kHour;
      ::io_uring_prep_timeout(sqe, entry.is_due ? &over : &never, 0, IORING_TIMEOUT_ABS);
      return;
    }
    case Operation::cancel: ::io_uring_prep_cancel64(sqe, entry.target, 0); return;
    case Operation::provide:
    case Operation::packet_ring_receive: break;
  }
  REPRISE_ASSERT(false);  // no entry of a trace
}

namespace {

/// Where a datagram lies that is a slice of its own: the last one first.
std::size_t place_of(const TraceEntry& entry, std::uint32_t number) {
  return std::size_t{datagram_count(entry) - 1 - number} * entry.segment_bytes;
}

}  // namespace

void RealRing::prepare_send(const TraceSetup& setup, const TraceEntry& entry, int socket,
                            io_uring_sqe* sqe) {
  write_payload(setup, entry);
  std::byte* const bytes = payloads_.bytes() + std::size_t{entry.token} * kPayloadBytesMax;
  const int flags = (entry.flags & SubmissionFlags::kDoNotWait) != 0 ? MSG_DONTWAIT : 0;
  if (entry.operation == Operation::send) {
    ::io_uring_prep_send(sqe, socket, bytes, entry.payload_bytes, flags);
    return;
  }
  if (entry.operation == Operation::zero_copy_send) {
    ::io_uring_prep_send_zc(sqe, socket, bytes, entry.payload_bytes, flags, 0);
    return;
  }
  Message& message = messages_[entry.token];
  message.header = {};
  message.header.msg_iov = message.slices.data();
  message.header.msg_iovlen = entry.sequence_step == 0 ? 1 : datagram_count(entry);
  message.slices[0] = {bytes, entry.payload_bytes};
  for (std::uint32_t number = 0; entry.sequence_step != 0 && number < datagram_count(entry);
       ++number) {
    const std::uint32_t done_bytes = number * entry.segment_bytes;
    message.slices[number] = {
        bytes + place_of(entry, number),
        std::min<std::uint32_t>(entry.segment_bytes, entry.payload_bytes - done_bytes)};
  }
  message.header.msg_control = message.control.data();
  message.header.msg_controllen = message.control.size();
  cmsghdr* const control = CMSG_FIRSTHDR(&message.header);
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof entry.segment_bytes);
  std::memcpy(CMSG_DATA(control), &entry.segment_bytes, sizeof entry.segment_bytes);
  ::io_uring_prep_sendmsg(sqe, socket, &message.header, static_cast<unsigned>(flags));
}

void RealRing::write_payload(const TraceSetup& setup, const TraceEntry& entry) {
  const auto flow = static_cast<std::uint32_t>(entry.socket - setup.receivers.size());
  const std::uint32_t step =
      entry.segment_bytes == 0 ? entry.payload_bytes : std::uint32_t{entry.segment_bytes};
  std::byte* const bytes = payloads_.bytes() + std::size_t{entry.token} * kPayloadBytesMax;
  std::uint64_t sequence = entry.sequence;
  for (std::uint32_t place = 0; place + sim::kTagBytes <= entry.payload_bytes; place += step) {
    const sim::Tag tag =
        sim::make_tag(sequence++, flow, std::min(step, entry.payload_bytes - place));
    std::memcpy(bytes + place, &tag, sizeof tag);
    if (step == 0) break;
  }
  for (std::uint32_t number = 0; entry.sequence_step != 0 && number < datagram_count(entry);
       ++number) {
    const std::uint32_t left_bytes = entry.payload_bytes - number * entry.segment_bytes;
    const sim::Tag tag = sim::make_tag(entry.sequence + std::uint64_t{number} * entry.sequence_step,
                                       flow, std::min(step, left_bytes));
    std::memcpy(bytes + place_of(entry, number), &tag, sizeof tag);
  }
}

// Entering.

namespace {

int enter_kernel(int descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument,
                 std::size_t bytes) {
  const long result =
      ::syscall(__NR_io_uring_enter, descriptor, submit, wait, flags, argument, bytes);
  return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace

std::uint32_t RealRing::prepared_count() const {
  return ring_.sq.sqe_tail - __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
}

int RealRing::enter(bool collects) {
  const std::uint32_t prepared = prepared_count();
  __atomic_store_n(ring_.sq.ktail, ring_.sq.sqe_tail, __ATOMIC_RELEASE);
  ring_.sq.sqe_head = ring_.sq.sqe_tail;
  const int taken =
      enter_kernel(ring_.ring_fd, prepared, 0, collects ? IORING_ENTER_GETEVENTS : 0U, nullptr, 0);
  for (int index = 0; index < taken; ++index) {
    operations_[prepared_[static_cast<std::size_t>(index)]].is_open = true;
    ++open_;
  }
  if (taken > 0) prepared_.erase(prepared_.begin(), prepared_.begin() + taken);
  return taken;
}

int RealRing::wait(std::uint32_t count, std::int64_t timeout_ns) {
  __kernel_timespec timeout{0, timeout_ns};
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
  return enter_kernel(ring_.ring_fd, 0, count, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                      &argument, sizeof argument);
}

void RealRing::cancel_all() {
  io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr) return;
  ::io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  sqe->user_data = kNoToken;
  prepared_.push_back(kNoToken);
  enter(true);
}

// Reaping.

bool RealRing::has_overflow() const {
  return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_CQ_OVERFLOW) != 0;
}

bool RealRing::has_completions() const {
  return __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE) != *ring_.cq.khead;
}

void RealRing::reap(const TraceSetup& setup, std::vector<TraceCompletion>& completions) {
  unsigned head = *ring_.cq.khead;
  const unsigned tail = __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE);
  for (; head != tail; ++head) {
    const io_uring_cqe& cqe = ring_.cq.cqes[head & *ring_.cq.kring_mask];
    if ((cqe.flags & IORING_CQE_F_MORE) == 0 && operations_[cqe.user_data].is_open) {
      operations_[cqe.user_data].is_open = false;
      --open_;
    }
    completions.push_back(read(setup, cqe));
  }
  __atomic_store_n(ring_.cq.khead, head, __ATOMIC_RELEASE);
}

TraceCompletion RealRing::read(const TraceSetup& setup, const io_uring_cqe& cqe) const {
  TraceCompletion completion;
  completion.token = static_cast<std::uint32_t>(cqe.user_data);
  completion.more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (cqe.res < 0) {
    completion.errno_value = -cqe.res;
    return completion;
  }
  const TraceEntry& entry = operations_[completion.token].entry;
  switch (entry.operation) {
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send:
    case Operation::receive: completion.result_bytes = static_cast<std::uint32_t>(cqe.res); break;
    case Operation::wait_readable:
    case Operation::wait_writable:
    case Operation::deadline:
    case Operation::cancel:
    case Operation::provide:
    case Operation::packet_ring_receive: break;  // an event mask, or nothing
  }
  if (!is_receive(entry) || (cqe.flags & IORING_CQE_F_BUFFER) == 0) return completion;
  completion.has_datagram = true;
  completion.region = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
  sim::Tag tag{};
  std::memcpy(&tag,
              regions_.bytes() + std::size_t{completion.region} * kRegionBytesMax +
                  header_bytes(setup, entry.socket),
              sizeof tag);
  completion.sequence = tag.sequence;
  completion.flow = tag.flow;
  return completion;
}

}  // namespace reprise::trial
