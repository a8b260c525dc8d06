#include "reprise/uring/ring.hpp"

#include <sys/utsname.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "reprise/posix/errno_text.hpp"

namespace reprise::uring {
namespace {

constexpr std::uint32_t kSubmissionEntriesMax = 32'768;
constexpr std::uint32_t kCompletionEntriesMax = 65'536;

std::string disabled_setting() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  std::string value;
  file >> value;
  return value;
}

std::string kernel_release() {
  utsname host{};
  ::uname(&host);
  return host.release;
}

engine::Expected<void> check_entries(const char* what, std::uint32_t entries, std::uint32_t max) {
  if (entries >= 1 && entries <= max) return {};
  return engine::failure("io_uring: " + std::to_string(entries) + ' ' + what +
                             " entries; expected 1 to " + std::to_string(max),
                         EINVAL);
}

}  // namespace

engine::Error ring_setup_error(int errno_value, const std::string& disabled_setting) {
  const std::string refused = "io_uring: the host refuses it: ";
  switch (errno_value) {
    case ENOSYS:
      return {refused +
                  "no system call io_uring_setup (ENOSYS); use a kernel with CONFIG_IO_URING, or "
                  "allow the call in the container's seccomp profile",
              errno_value};
    case EPERM:
      if (disabled_setting == "2") {
        return {refused + "kernel.io_uring_disabled = 2; run: sysctl -w kernel.io_uring_disabled=0",
                errno_value};
      }
      if (disabled_setting == "1") {
        return {refused +
                    "kernel.io_uring_disabled = 1; run as root, join the group in "
                    "kernel.io_uring_group, or run: sysctl -w kernel.io_uring_disabled=0",
                errno_value};
      }
      return {refused +
                  "a security policy (EPERM); allow io_uring_setup, io_uring_enter and "
                  "io_uring_register in the container's seccomp profile",
              errno_value};
    case EINVAL:
      return {refused + "Linux " + kernel_release() +
                  " has no IORING_SETUP_COOP_TASKRUN; Linux 6.0 or later is needed",
              errno_value};
    case ENOMEM:
      return {refused + "no memory (ENOMEM); ask for fewer entries or raise ulimit -l",
              errno_value};
    case EMFILE:
    case ENFILE: return {refused + "too many open files; raise ulimit -n", errno_value};
    default: return {refused + posix::errno_text(errno_value), errno_value};
  }
}

engine::Expected<Ring> Ring::create(std::uint32_t submission_entries,
                                    std::uint32_t completion_entries) {
  if (auto valid = check_entries("submission", submission_entries, kSubmissionEntriesMax); !valid) {
    return std::unexpected(valid.error());
  }
  if (auto valid = check_entries("completion", completion_entries, kCompletionEntriesMax); !valid) {
    return std::unexpected(valid.error());
  }
  if (completion_entries < submission_entries) {
    return engine::failure("io_uring: " + std::to_string(completion_entries) +
                               " completion entries; expected at least as many as submission "
                               "entries, " +
                               std::to_string(submission_entries),
                           EINVAL);
  }
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE;
  parameters.cq_entries = completion_entries;
  Ring ring;
  const int result = ::io_uring_queue_init_params(submission_entries, &ring.ring_, &parameters);
  if (result < 0) return std::unexpected(ring_setup_error(-result, disabled_setting()));
  ring.is_open_ = true;
  return ring;
}

Ring::Ring(Ring&& other) noexcept
    : ring_(other.ring_), is_open_(std::exchange(other.is_open_, false)) {}

Ring::~Ring() {
  if (is_open_) ::io_uring_queue_exit(&ring_);
}

}  // namespace reprise::uring
