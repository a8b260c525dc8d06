#include "isolated.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>

#include "reprise/engine/assert.hpp"

namespace reprise::proptests {
namespace {

/// Whatever is written to the pipe until its last writer ended.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t length = ::read(descriptor, buffer.data(), buffer.size());
    if (length <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(length));
  }
}

/// Ends the process: status 0 where the property holds.
[[noreturn]] void judge_as_child(const Property& property, const Case& tried, int output) {
  ::dup2(output, STDERR_FILENO);  // where a failed assertion writes
  CaseRun run(tried);
  engine::set_assertion_note(nullptr);
  const Verdict verdict = property.holds(run);
  if (!verdict) fmt::print(stderr, "{}", verdict.error());
  ::_exit(verdict ? 0 : 1);
}

}  // namespace

Verdict try_in_child(const Property& property, const Case& tried) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return std::unexpected("pipe: cannot be made");
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected("fork: no further process");
  if (child == 0) judge_as_child(property, tried, ends[1]);
  ::close(ends[1]);
  std::string text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (text.empty()) text = fmt::format("ended with wait status {:#x}", status);
  return std::unexpected(std::move(text));
}

}  // namespace reprise::proptests
