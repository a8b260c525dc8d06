// Anonymous network namespaces, for the demo and for system tests.
//
// A namespace lives as long as something holds it: here an open descriptor, or a process inside. It
// has no name anywhere, so when the processes end, even by SIGKILL, it vanishes with its interfaces
// and nothing is left behind (namespaces(7), network_namespaces(7)).
//
// Every call changes or reads the namespace of the *calling thread* only. Call from a process with
// one thread: a user namespace can be made by such a process alone, and threads started later would
// inherit whichever namespace their parent is in.
#pragma once

#include <functional>

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::traffic {

/// Owns a descriptor of a network namespace.
class Namespace {
 public:
  explicit Namespace(posix::Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  /// The namespace that the calling thread is in.
  static engine::Expected<Namespace> current();

  /// A new, empty one, with its loopback interface up and without IPv6 duplicate address detection.
  /// Needs allow_namespaces() before. The calling thread stays where it is.
  static engine::Expected<Namespace> create();

  /// Moves the calling thread into this namespace, for good.
  [[nodiscard]] engine::Expected<void> enter() const;

  /// Runs `action` with the calling thread inside, then moves the thread back to where it was.
  /// Sockets opened by `action` stay in this namespace.
  [[nodiscard]] engine::Expected<void> visit(
      const std::function<engine::Expected<void>()>& action) const;

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

 private:
  posix::Descriptor descriptor_;
};

/// Makes sure that this process may create network namespaces: with CAP_SYS_ADMIN it may already;
/// else it moves, for good, into a user namespace of its own where its user is mapped to root, and
/// into a new network namespace without interfaces. The error names the missing capability and the
/// settings that stand in the way. Calling it again does nothing.
engine::Expected<void> allow_namespaces();

}  // namespace reprise::traffic
