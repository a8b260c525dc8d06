#include "reprise/posix/errno_outcome.hpp"

#include <cerrno>

namespace reprise::posix {

engine::Outcome outcome_of(int errno_value) {
  using enum engine::Outcome;
  switch (errno_value) {
    case 0: return ok;
    case EAGAIN: return refused;
    case ECANCELED: return cancelled;
    case ENOMEM:
    case ENOBUFS: return no_buffer;
    case EMSGSIZE: return too_large;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ENODEV:
    case ENXIO: return unreachable;
    case ECONNREFUSED: return connection_refused;
    case EPERM:
    case EACCES: return not_permitted;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOENT:
    case EOPNOTSUPP: return invalid;
    case ETIME:
    case ETIMEDOUT: return expired;
    default: return failed;
  }
}

}  // namespace reprise::posix
