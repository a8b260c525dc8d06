#include "reprise/uring/features.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/mapping.hpp"

namespace reprise::uring {
namespace {

struct NeededOperation {
  int opcode;
  const char* description;
};
constexpr std::array<NeededOperation, 6> kNeededOperations{{
    {IORING_OP_SENDMSG, "sendmsg (5.3)"},
    {IORING_OP_RECVMSG, "recvmsg (5.3)"},
    {IORING_OP_SEND, "send (5.6)"},
    {IORING_OP_POLL_ADD, "poll (5.1)"},
    {IORING_OP_TIMEOUT, "timeout (5.4)"},
    {IORING_OP_ASYNC_CANCEL, "cancel (5.5)"},
}};

bool has_provided_buffer_rings(io_uring* ring) {
  constexpr int kProbeGroup = 0xffff;
  const auto page = posix::Mapping::create(4096);
  if (!page) return false;
  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uintptr_t>(page->bytes());
  request.ring_entries = 1;
  request.bgid = kProbeGroup;
  if (::io_uring_register_buf_ring(ring, &request, 0) != 0) return false;
  ::io_uring_unregister_buf_ring(ring, kProbeGroup);
  return true;
}

/// A kernel that does not know the flag refuses the entry (EINVAL) before it looks at the bad
/// descriptor (EBADF).
bool has_multishot_recvmsg(io_uring* ring) {
  msghdr header{};
  io_uring_sqe* entry = ::io_uring_get_sqe(ring);
  ::io_uring_prep_recvmsg_multishot(entry, -1, &header, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  ::io_uring_submit(ring);
  io_uring_cqe* completion = nullptr;
  if (::io_uring_wait_cqe(ring, &completion) != 0) return false;
  const bool known = completion->res == -EBADF;
  ::io_uring_cqe_seen(ring, completion);
  return known;
}

}  // namespace

engine::Expected<Features> probe_features(io_uring* ring) {
  const std::unique_ptr<io_uring_probe, decltype(&::io_uring_free_probe)> probe(
      ::io_uring_get_probe_ring(ring), &::io_uring_free_probe);
  std::string missing;
  const auto note_missing = [&](const char* description) {
    missing += (missing.empty() ? "" : ", ") + std::string(description);
  };
  for (const NeededOperation& needed : kNeededOperations) {
    if (probe == nullptr || ::io_uring_opcode_supported(probe.get(), needed.opcode) == 0) {
      note_missing(needed.description);
    }
  }
  if (!has_provided_buffer_rings(ring)) note_missing("provided buffer rings (5.19)");
  if (!has_multishot_recvmsg(ring)) note_missing("multishot recvmsg (6.0)");
  if (!missing.empty()) {
    return engine::failure(
        "io_uring: this kernel lacks " + missing +
            " (in brackets: the first Linux that has it); use Linux 6.0 or later",
        EOPNOTSUPP);
  }
  return Features{::io_uring_opcode_supported(probe.get(), IORING_OP_SEND_ZC) != 0};
}

}  // namespace reprise::uring
