// A function or a program in a child process, in a namespace, with its results brought back.
//
// The child dies with its parent (PR_SET_PDEATHSIG: with the parent's *thread* that started it), so
// a killed parent leaves nothing running. A Child that goes out of scope is stopped and reaped.
//
// Signals in the child: SIGTERM raises its stop flag; SIGINT is ignored, because a terminal sends
// it to the whole group and the parent decides in which order to stop. A body may install handlers
// of its own. A started program has the default handlers.
//
// All calls belong to the thread that started the child, of a process with one thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/namespaces.hpp"

namespace reprise::traffic {

struct ChildSpec {
  std::string name;                  ///< for error texts
  const Namespace* where = nullptr;  ///< entered before anything else; nullptr: the parent's
  std::optional<unsigned> cpu = {};  ///< pinned to this CPU where the host allows it
};

/// What a child's function gets.
class ChildContext {
 public:
  ChildContext(const std::atomic<bool>& stop, int report_descriptor, int notes_descriptor)
      : stop_(stop), report_descriptor_(report_descriptor), notes_descriptor_(notes_descriptor) {}

  /// True once the parent asked this child to end.
  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_; }
  /// Lets the parent's wait_until_ready() return. Call it once.
  void ready() const;
  /// Adds text to the report that the parent gets; usually one JSON object.
  void report(std::string_view text) const;

 private:
  const std::atomic<bool>& stop_;
  int report_descriptor_;
  int notes_descriptor_;
};

/// Runs in the child; what it returns (0…255) is the child's exit status.
using ChildBody = std::function<int(const ChildContext&)>;

struct ChildEnd {
  int exit_status = 0;  ///< meaningless where a signal ended it
  int signal = 0;       ///< 0, or the signal that ended it
  std::string report;   ///< what the body reported; a program's standard output
  std::string notes;    ///< a program's standard error; not for people in a body's case

  [[nodiscard]] bool succeeded() const { return signal == 0 && exit_status == 0; }
};

/// "ended with status 2", "was ended by signal 9".
std::string describe(const ChildEnd& end);

class Child {
 public:
  /// Forks and runs `body`. Its standard output and error are the parent's.
  static engine::Expected<Child> start(const ChildSpec& spec, const ChildBody& body);

  /// Forks and runs the program `arguments[0]` (searched in PATH); standard output becomes the
  /// report, standard error the notes. A program that cannot be run ends with status 127 and a
  /// note.
  static engine::Expected<Child> start_program(const ChildSpec& spec,
                                               const std::vector<std::string>& arguments);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Waits for the body's ready(). An error where the child ended first, or after `timeout`.
  engine::Expected<void> wait_until_ready(engine::Duration timeout);

  /// Waits until the notes contain `text`: the same for a program that says so on standard error.
  engine::Expected<void> wait_for_note(std::string_view text, engine::Duration timeout);

  /// Waits for the end at most this long; nullptr while the child still runs. Reads what the child
  /// writes meanwhile. What it points to lives as long as this Child.
  const ChildEnd* wait(engine::Duration timeout);

  /// Sends SIGTERM, and SIGKILL when the child still runs after `grace`. Returns how it ended.
  const ChildEnd& stop(engine::Duration grace = engine::seconds(5));

 private:
  Child(std::string name, pid_t pid, posix::Descriptor process, posix::Descriptor report,
        posix::Descriptor notes);
  void read_some(engine::Duration timeout);
  void reap();

  std::string name_;
  pid_t pid_;  ///< −1 once moved from
  posix::Descriptor process_;
  posix::Descriptor report_;
  posix::Descriptor notes_;
  ChildEnd end_;
  bool ended_ = false;
};

}  // namespace reprise::traffic
