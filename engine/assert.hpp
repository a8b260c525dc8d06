// Assertions that stay on in every build: only a bug can make one fail.
//
// What the kernel, the network, a file or an operator can cause is never asserted; it is a value
// (see error.hpp).
#pragma once

namespace reprise::engine {

/// Prints the failed condition with its place, and what `set_assertion_note` left, calls what
/// `set_assertion_handler` left, then aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

/// A line that a failed assertion prints last, for example the seed that reproduces it. One per
/// thread; the text must outlive its use. nullptr removes it.
void set_assertion_note(const char* note) noexcept;

/// Is called between the message of a failed assertion and the end of the process, which it may
/// bring about itself. One per thread; nullptr removes it. It is not called for an assertion that
/// fails inside it.
using AssertionHandler = void (*)(const char* condition, const char* file, int line);
void set_assertion_handler(AssertionHandler handler) noexcept;

}  // namespace reprise::engine

#define REPRISE_ASSERT(condition)                    \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::reprise::engine::assertion_failed(#condition, __FILE__, __LINE__))
