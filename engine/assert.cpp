#include "reprise/engine/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace reprise::engine {
namespace {
thread_local const char* assertion_note = nullptr;
}  // namespace

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  if (assertion_note != nullptr) std::fprintf(stderr, "%s\n", assertion_note);
  std::abort();
}

void set_assertion_note(const char* note) noexcept { assertion_note = note; }

}  // namespace reprise::engine
