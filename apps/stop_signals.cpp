#include "stop_signals.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

namespace reprise::apps {
namespace {

std::atomic<bool> stop_flag = false;
std::function<void()> also_call;

void on_signal(int) {
  const int saved_errno = errno;
  stop_flag.store(true, std::memory_order_relaxed);
  if (also_call) also_call();
  errno = saved_errno;
}

void handle(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // without SA_RESTART: blocking calls return
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals(std::function<void()> also) {
  stop_flag = false;
  also_call = std::move(also);
  handle(on_signal);
}

StopSignals::~StopSignals() {
  handle(SIG_DFL);
  also_call = nullptr;
}

const std::atomic<bool>& StopSignals::flag() const { return stop_flag; }

}  // namespace reprise::apps
