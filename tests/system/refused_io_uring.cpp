#include "refused_io_uring.hpp"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <thread>

namespace reprise::tests {
namespace {

/// For the calling thread and what it starts; says whether the kernel took it.
bool install_filter() {
  constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
  // io_uring's three calls have consecutive numbers, the same on every architecture.
  static_assert(SYS_io_uring_register == SYS_io_uring_setup + 2);
  std::array<sock_filter, 5> instructions{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, kRefused),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = instructions.size(), .filter = instructions.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace

void without_io_uring(const std::function<void()>& action) {
  std::exception_ptr thrown;
  std::thread restricted([&] {
    if (!install_filter()) {
      ADD_FAILURE() << "no seccomp filter";
      return;
    }
    try {
      action();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  restricted.join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace reprise::tests
