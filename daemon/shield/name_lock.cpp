#include "reprise/daemon/shield/name_lock.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <thread>

#include "reprise/engine/assert.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::daemon {
namespace {

constexpr engine::Duration kPoll = engine::milliseconds(1);

std::unexpected<engine::Error> cannot_take(const std::string& name, const std::string& why,
                                           int errno_value) {
  return engine::failure("cannot take the name @" + name + ": " + why, errno_value);
}

}  // namespace

engine::Expected<std::optional<NameLock>> NameLock::try_take(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REPRISE_ASSERT(name.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // the leading zero: abstract
  posix::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return cannot_take(name, posix::errno_text(errno), errno);
  const auto length_bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length_bytes) == 0) {
    return NameLock(std::move(socket));
  }
  if (errno == EADDRINUSE) return std::nullopt;
  return cannot_take(name, posix::errno_text(errno), errno);
}

engine::Expected<NameLock> NameLock::take(const std::string& name, engine::Duration longest) {
  for (engine::Duration waited{}; waited < longest; waited = waited + kPoll) {
    auto taken = try_take(name);
    if (!taken) return std::unexpected(taken.error());
    if (*taken) return *std::move(*taken);
    std::this_thread::sleep_for(std::chrono::nanoseconds(kPoll.ns));
  }
  return cannot_take(name, "another process keeps it; see: ss -xap", EBUSY);
}

}  // namespace reprise::daemon
