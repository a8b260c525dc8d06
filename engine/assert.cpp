#include "reprise/engine/assert.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace reprise::engine {
namespace {
thread_local const char* assertion_note = nullptr;
thread_local AssertionHandler assertion_handler = nullptr;
}  // namespace

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  if (assertion_note != nullptr) std::fprintf(stderr, "%s\n", assertion_note);
  if (const auto handler = std::exchange(assertion_handler, nullptr); handler != nullptr)
    handler(condition, file, line);
  std::abort();
}

void set_assertion_note(const char* note) noexcept { assertion_note = note; }

void set_assertion_handler(AssertionHandler handler) noexcept { assertion_handler = handler; }

}  // namespace reprise::engine
