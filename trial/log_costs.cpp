// A line of some hundred characters, formatted and written with one write(2): to a file without a
// name in the temporary folder, and for comparison to a pipe and to /dev/null.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/trial/chunks.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using posix::Descriptor;

constexpr std::uint32_t kLines = 1500;
constexpr std::uint32_t kPipeLines = 300;  ///< what a pipe of 64 KiB holds

Expected<Descriptor> open_file_without_name() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) {
    return engine::failure(fmt::format(
        "the temporary folder cannot be used: {}; expected TMPDIR to name one", error.message()));
  }
  std::string path = folder / "reprise-calibrate-XXXXXX";  // mkostemp(3) fills the X in
  Descriptor file(::mkostemp(path.data(), O_CLOEXEC | O_APPEND));
  if (!file.is_open()) return traffic::system_failure(fmt::format("{}: cannot create", path));
  ::unlink(path.c_str());
  return file;
}

/// Nanoseconds per line.
Expected<double> write_lines(int descriptor, std::uint32_t count, const char* what) {
  constexpr std::uint32_t kChunk = 20;
  std::array<char, 256> line{};
  std::uint32_t number = 0;
  int errno_value = 0;
  const double line_ns = chunked_ns(count / kChunk, kChunk, [&] {
    ++number;
    const auto end = fmt::format_to_n(
        line.data(), line.size(),
        "{}.{:09} debug relay: datagram {} of {} bytes from 192.0.2.{} to 239.1.1.{}:{} accepted\n",
        1'700'000'000 + number, number * 997, number, 1400, number % 250, number % 200,
        5000 + number % 100);
    if (::write(descriptor, line.data(), std::min(end.size, line.size())) < 0) errno_value = errno;
  });
  if (errno_value == 0) return line_ns;
  return traffic::system_failure(fmt::format("log lines: cannot write to {}", what), errno_value);
}

class LogCosts final : public Instrument {
 public:
  LogCosts(Descriptor file, Descriptor nowhere, Descriptor pipe_out, Descriptor pipe_in)
      : file_(std::move(file)),
        nowhere_(std::move(nowhere)),
        pipe_out_(std::move(pipe_out)),
        pipe_in_(std::move(pipe_in)) {}

  Expected<void> read(Readings& readings) override {
    const auto to_file = write_lines(file_.get(), kLines, "a file in the temporary folder");
    if (!to_file) return std::unexpected(to_file.error());
    if (::ftruncate(file_.get(), 0) != 0) return traffic::system_failure("log lines: ftruncate");
    const auto to_nowhere = write_lines(nowhere_.get(), kLines, "/dev/null");
    if (!to_nowhere) return std::unexpected(to_nowhere.error());
    const auto to_pipe = write_lines(pipe_in_.get(), kPipeLines, "a pipe");
    if (!to_pipe) return std::unexpected(to_pipe.error());
    std::array<char, 4096> sink{};
    while (::read(pipe_out_.get(), sink.data(), sink.size()) > 0) {
    }
    readings["log_line_ns"] = *to_file;
    readings["log_line_to_nowhere_ns"] = *to_nowhere;
    readings["log_line_to_a_pipe_ns"] = *to_pipe;
    return {};
  }

 private:
  Descriptor file_;
  Descriptor nowhere_;
  Descriptor pipe_out_;
  Descriptor pipe_in_;
};

}  // namespace

MadeInstrument make_log_costs() {
  auto file = open_file_without_name();
  if (!file) return std::unexpected(file.error());
  Descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  std::array<int, 2> ends{-1, -1};
  if (!nowhere.is_open() || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return traffic::system_failure("log lines: cannot open /dev/null or a pipe");
  }
  return std::make_unique<LogCosts>(std::move(*file), std::move(nowhere), Descriptor(ends[0]),
                                    Descriptor(ends[1]));
}

}  // namespace reprise::trial
