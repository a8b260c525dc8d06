#include "reprise/traffic/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <system_error>
#include <utility>

#include "reprise/engine/assert.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::traffic {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;

constexpr std::string_view kReadyNote = "ready\n";
constexpr int kCannotRun = 127;  ///< a shell's status for a program that is not there
constexpr int kSetupFailed = 126;

/// One per process: a forked child has its own copy. Lock-free, so a signal handler may set it.
std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void request_stop(int) { stop_requested.store(true, std::memory_order_relaxed); }

struct Pipe {
  posix::Descriptor read_end;
  posix::Descriptor write_end;
};

Expected<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("cannot make a pipe");
  Pipe result{posix::Descriptor(ends[0]), posix::Descriptor(ends[1])};
  fcntl(result.read_end.get(), F_SETFL, O_NONBLOCK);
  return result;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the parent is gone: nobody is left to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Appends what is there without waiting; closes the descriptor at its end.
void drain(posix::Descriptor& descriptor, std::string& text) {
  std::array<char, 4096> buffer{};
  while (descriptor.is_open()) {
    const ssize_t count = ::read(descriptor.get(), buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      descriptor.reset();
    } else if (errno != EINTR) {
      return;
    }
  }
}

void set_signal(int number, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // no SA_RESTART: a blocking call must return to see the stop flag
  sigaction(number, &action, nullptr);
}

/// Holds signals back across a fork, so that none meets the parent's handlers in the child.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

void accept_signals() {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// The child's side of the fork, up to its own work.
Expected<void> become_child(const ChildSpec& spec, pid_t parent) {
  if (spec.where != nullptr) {
    if (auto entered = spec.where->enter(); !entered) return entered;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kSetupFailed);  // it died before the line above
  if (spec.cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(*spec.cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);  // a wish: a host that refuses is only slower
  }
  return {};
}

[[noreturn]] void run_program(const std::vector<std::string>& arguments, int report, int notes) {
  dup2(report, STDOUT_FILENO);
  dup2(notes, STDERR_FILENO);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  write_all(notes, fmt::format("{}: cannot run: {}\n", arguments[0],
                               std::generic_category().message(errno)));
  _exit(kCannotRun);
}

struct Forked {
  pid_t pid;
  posix::Descriptor process;
  posix::Descriptor report;
  posix::Descriptor notes;
};

/// Forks; the child calls `work` with the write ends and never returns. Signals are held back until
/// `work` calls accept_signals().
Expected<Forked> fork_child(const ChildSpec& spec, const std::function<int(int, int)>& work) {
  auto report = make_pipe();
  if (!report) return std::unexpected(report.error());
  auto notes = make_pipe();
  if (!notes) return std::unexpected(notes.error());
  std::fflush(nullptr);  // or both processes would write what is buffered
  const pid_t parent = getpid();
  const SignalsHeld held;
  const pid_t pid = fork();
  if (pid < 0) return system_failure(fmt::format("{}: cannot fork", spec.name));
  if (pid == 0) {
    const int notes_descriptor = notes->write_end.get();
    int status = kSetupFailed;
    if (auto ready = become_child(spec, parent); ready) {
      status = work(report->write_end.get(), notes_descriptor);
    } else {
      write_all(notes_descriptor, ready.error().message);
    }
    std::fflush(nullptr);
    _exit(status);
  }
  // By number: <sys/pidfd.h> of glibc 2.36 declares pidfd_open() without C linkage.
  posix::Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
  if (!process.is_open()) {
    auto failed = system_failure(fmt::format("{}: cannot watch the process", spec.name));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return failed;
  }
  return Forked{pid, std::move(process), std::move(report->read_end), std::move(notes->read_end)};
}

}  // namespace

void ChildContext::ready() const { write_all(notes_descriptor_, kReadyNote); }

void ChildContext::report(std::string_view text) const { write_all(report_descriptor_, text); }

std::string describe(const ChildEnd& end) {
  if (end.signal != 0) return fmt::format("was ended by signal {}", end.signal);
  return fmt::format("ended with status {}", end.exit_status);
}

Expected<Child> Child::start(const ChildSpec& spec, const ChildBody& body) {
  auto forked = fork_child(spec, [&](int report, int notes) {
    stop_requested.store(false, std::memory_order_relaxed);
    set_signal(SIGTERM, request_stop);
    set_signal(SIGINT, SIG_IGN);
    accept_signals();
    return body(ChildContext(stop_requested, report, notes));
  });
  if (!forked) return std::unexpected(forked.error());
  return Child(spec.name, forked->pid, std::move(forked->process), std::move(forked->report),
               std::move(forked->notes));
}

Expected<Child> Child::start_program(const ChildSpec& spec,
                                     const std::vector<std::string>& arguments) {
  REPRISE_ASSERT(!arguments.empty());
  auto forked = fork_child(spec, [&](int report, int notes) -> int {
    set_signal(SIGTERM, SIG_DFL);
    set_signal(SIGINT, SIG_DFL);
    accept_signals();
    run_program(arguments, report, notes);
  });
  if (!forked) return std::unexpected(forked.error());
  return Child(spec.name, forked->pid, std::move(forked->process), std::move(forked->report),
               std::move(forked->notes));
}

Child::Child(std::string name, pid_t pid, posix::Descriptor process, posix::Descriptor report,
             posix::Descriptor notes)
    : name_(std::move(name)),
      pid_(pid),
      process_(std::move(process)),
      report_(std::move(report)),
      notes_(std::move(notes)) {}

Child::Child(Child&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      process_(std::move(other.process_)),
      report_(std::move(other.report_)),
      notes_(std::move(other.notes_)),
      end_(std::move(other.end_)),
      ended_(other.ended_) {}

Child::~Child() {
  if (pid_ > 0) stop();
}

/// Waits until the child writes or ends, and takes in either.
void Child::read_some(Duration timeout) {
  std::array<pollfd, 3> events{};
  events[0] = {process_.get(), POLLIN, 0};
  events[1] = {report_.get(), POLLIN, 0};  // poll() skips a closed one, −1
  events[2] = {notes_.get(), POLLIN, 0};
  const timespec longest{timeout.ns / 1'000'000'000, timeout.ns % 1'000'000'000};
  if (ppoll(events.data(), events.size(), &longest, nullptr) <= 0) return;
  const bool over = events[0].revents != 0;
  drain(report_, end_.report);
  drain(notes_, end_.notes);
  if (over) reap();
}

void Child::reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  if (WIFSIGNALED(status)) {
    end_.signal = WTERMSIG(status);
  } else {
    end_.exit_status = WEXITSTATUS(status);
  }
}

const ChildEnd* Child::wait(Duration timeout) {
  const Instant deadline = monotonic_now() + timeout;
  while (!ended_) {
    const Instant now = monotonic_now();
    read_some(std::max(deadline - now, Duration{}));
    if (now >= deadline) break;
  }
  return ended_ ? &end_ : nullptr;
}

Expected<void> Child::wait_until_ready(Duration timeout) {
  return wait_for_note(kReadyNote, timeout);
}

Expected<void> Child::wait_for_note(std::string_view text, Duration timeout) {
  const Instant deadline = monotonic_now() + timeout;
  while (end_.notes.find(text) == std::string::npos) {
    if (ended_) {
      const std::string reason = end_.notes.empty() ? "" : ": " + end_.notes;
      return engine::failure(
          fmt::format("{}: {} before it was ready{}", name_, describe(end_), reason));
    }
    const Instant now = monotonic_now();
    if (now >= deadline) {
      return engine::failure(
          fmt::format("{}: not ready after {} ms", name_, timeout.ns / 1'000'000));
    }
    read_some(deadline - now);
  }
  return {};
}

const ChildEnd& Child::stop(Duration grace) {
  if (!ended_) kill(pid_, SIGTERM);
  if (wait(grace) == nullptr) {
    kill(pid_, SIGKILL);
    while (wait(engine::seconds(1)) == nullptr) {
    }
  }
  return end_;
}

}  // namespace reprise::traffic
