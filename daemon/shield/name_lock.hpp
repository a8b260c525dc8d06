// A name that one process of a network namespace holds at a time: an abstract unix(7) address.
//
// The kernel gives it up when the process ends, however it ends, and each network namespace has its
// own names. That is what a filter on an interface needs: process ids are reused, and mean nothing
// to a relay in another container on the same network. `ss -xap` shows who holds one.
// Any process of the namespace can take a name, too; all it can do with it is keep a relay waiting
// or a dead relay's filter in place.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::daemon {

class NameLock {
 public:
  /// Nothing while someone holds it. `name`: up to 107 bytes.
  static engine::Expected<std::optional<NameLock>> try_take(const std::string& name);

  /// Waits for it, at most so long.
  static engine::Expected<NameLock> take(const std::string& name, engine::Duration longest);

 private:
  explicit NameLock(posix::Descriptor socket) : socket_(std::move(socket)) {}

  posix::Descriptor socket_;
};

}  // namespace reprise::daemon
