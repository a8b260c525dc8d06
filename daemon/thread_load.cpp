#include "reprise/daemon/thread_load.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

namespace reprise::daemon {
namespace {

/// "RAN WAITED SLICES\n", the first two in nanoseconds.
std::optional<std::int64_t> read_schedstat(int descriptor) {
  std::array<char, 80> text{};
  const ssize_t length = ::pread(descriptor, text.data(), text.size(), 0);
  if (length <= 0) return std::nullopt;
  const char* end = text.data() + length;
  std::int64_t ran_ns = 0;
  std::int64_t waited_ns = 0;
  const auto ran = std::from_chars(text.data(), end, ran_ns);
  if (ran.ec != std::errc{} || ran.ptr == end) return std::nullopt;
  const auto waited = std::from_chars(ran.ptr + 1, end, waited_ns);
  if (waited.ec != std::errc{}) return std::nullopt;
  return ran_ns + waited_ns;
}

}  // namespace

std::int64_t ThreadLoad::busy_ns() {
  if (!is_opened_) {
    is_opened_ = true;
    schedstat_ = posix::Descriptor(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  }
  if (schedstat_.is_open()) {
    if (const auto busy = read_schedstat(schedstat_.get())) return *busy;
  }
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

}  // namespace reprise::daemon
