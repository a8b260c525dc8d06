#include "reprise/trial/core.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <utility>

#include "reprise/traffic/system_error.hpp"

namespace reprise::trial {
namespace {

cpu_set_t only(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return set;
}

}  // namespace

std::vector<unsigned> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

engine::Expected<PinnedHere> PinnedHere::pin(unsigned core) {
  cpu_set_t before;
  CPU_ZERO(&before);
  const cpu_set_t wanted = only(core);
  if (::sched_getaffinity(0, sizeof before, &before) != 0 ||
      ::sched_setaffinity(0, sizeof wanted, &wanted) != 0) {
    return traffic::system_failure(fmt::format("core {}: cannot run there", core));
  }
  return PinnedHere(before);
}

PinnedHere::PinnedHere(PinnedHere&& other) noexcept
    : before_(other.before_), is_pinned_(std::exchange(other.is_pinned_, false)) {}

PinnedHere::~PinnedHere() {
  if (is_pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
}

std::jthread start_on(unsigned core, std::function<void(const std::stop_token&)> body) {
  // Signals go to the thread that asked for the calibration: it is the one that can end it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::jthread thread([core, body = std::move(body)](const std::stop_token& stop) {
    const cpu_set_t wanted = only(core);
    ::sched_setaffinity(0, sizeof wanted, &wanted);
    body(stop);
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace reprise::trial
