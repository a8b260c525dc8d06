#include "reprise/lab/isolated.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace reprise::lab {
namespace {

using engine::failure;

/// Of a child that answered.
constexpr int kAnswered = 0;
constexpr int kGaveNoAnswer = 3;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t length = ::write(descriptor, text.data(), text.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) ::_exit(kGaveNoAnswer);
    text.remove_prefix(static_cast<std::size_t>(length));
  }
}

/// Whatever is written to the pipe until its last writer ended.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 65'536> buffer{};
  for (;;) {
    const ssize_t length = ::read(descriptor, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(length));
  }
}

[[noreturn]] void run_as_child(const std::function<void(const Answer&)>& job, int output,
                               bool is_silent) {
  if (is_silent) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  }
  job([output](std::string_view text) {
    write_all(output, text);
    ::_exit(kAnswered);
  });
  ::_exit(kGaveNoAnswer);
}

}  // namespace

engine::Expected<std::string> answer_of(const std::function<void(const Answer&)>& job,
                                        bool is_silent) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return failure(fmt::format("no pipe to a process: {}", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child < 0) {
    const int errno_value = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return failure(fmt::format("no further process: {}", std::strerror(errno_value)));
  }
  if (child == 0) run_as_child(job, ends[1], is_silent);
  ::close(ends[1]);
  std::string text = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kAnswered) return text;
  if (WIFSIGNALED(status))
    return failure(fmt::format("the run was ended by a signal: {}", strsignal(WTERMSIG(status))));
  return failure(fmt::format("the run's process ended with status {}", WEXITSTATUS(status)));
}

}  // namespace reprise::lab
