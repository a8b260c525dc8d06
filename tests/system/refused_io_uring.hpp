// A host that refuses io_uring, as container runtimes do by default: a seccomp filter that answers
// io_uring_setup, io_uring_enter and io_uring_register with EPERM.
#pragma once

#include <functional>

namespace reprise::tests {

/// Runs `action` on a thread that cannot use io_uring, and neither can the children it starts: all
/// that they belong to begins and ends within `action`. A filter is never taken off again, so the
/// calling thread gets none.
void without_io_uring(const std::function<void()>& action);

}  // namespace reprise::tests
