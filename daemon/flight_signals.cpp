#include "reprise/daemon/flight_signals.hpp"

#include <array>
#include <atomic>
#include <csignal>

#include "reprise/daemon/flight_log.hpp"

namespace reprise::daemon {
namespace {

constexpr std::array kFatalSignals{SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

std::atomic<FlightLog*> log_to_copy = nullptr;
std::atomic<std::uint32_t*> place_for_signal = nullptr;
static_assert(std::atomic<FlightLog*>::is_always_lock_free);

void on_copy_signal(int) {
  if (FlightLog* const log = log_to_copy.load(std::memory_order_acquire)) log->request_copy();
}

void on_fatal_signal(int signal) {
  if (std::uint32_t* const place = place_for_signal.load(std::memory_order_acquire)) {
    std::atomic_ref(*place).store(static_cast<std::uint32_t>(signal), std::memory_order_release);
  }
  static_cast<void>(std::raise(signal));  // by its default action, when this returns
}

void set_handler(int signal, void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void handle_flight_signals(FlightLog& log, std::uint32_t& fatal_signal) {
  log_to_copy = &log;
  place_for_signal = &fatal_signal;
  set_handler(SIGUSR2, on_copy_signal, SA_RESTART);
  for (const int signal : kFatalSignals)
    set_handler(signal, on_fatal_signal, static_cast<int>(SA_RESETHAND));
}

void ignore_flight_signals() {
  // A copy that was asked for too late must not end the process.
  set_handler(SIGUSR2, SIG_IGN, 0);
  for (const int signal : kFatalSignals) set_handler(signal, SIG_DFL, 0);
  log_to_copy = nullptr;
  place_for_signal = nullptr;
}

}  // namespace reprise::daemon
