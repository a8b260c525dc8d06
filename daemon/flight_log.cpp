#include "reprise/daemon/flight_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "reprise/daemon/flight_signals.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::daemon {

using engine::Expected;
using engine::failure;
using flight::SegmentHeader;
using posix::Descriptor;

namespace {

constexpr int kCopiesMax = 1000;
constexpr mode_t kOwnerOnly = 0600;

std::unexpected<engine::Error> cannot(std::string_view act, const std::string& path,
                                      int errno_value) {
  return failure(
      fmt::format("flight recorder {}: cannot {}: {}", path, act, posix::errno_text(errno_value)),
      errno_value);
}

/// What an earlier relay recorded is kept, once.
Expected<void> keep_previous(const std::string& path) {
  const Descriptor before(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!before.is_open()) {
    if (errno == ENOENT) return {};
    return cannot("open it", path, errno);
  }
  std::array<std::byte, 8> beginning{};
  const ssize_t there = ::read(before.get(), beginning.data(), beginning.size());
  if (there == 0) return {};
  if (there < 0 ||
      !flight::is_flight_recording(std::span(beginning).first(static_cast<std::size_t>(there)))) {
    return failure(fmt::format(
        "flight recorder {}: it is there and is no flight recording; name another file", path));
  }
  if (::rename(path.c_str(), (path + ".previous").c_str()) != 0)
    return cannot("keep the previous recording", path, errno);
  return {};
}

Expected<Descriptor> make_file(const std::string& path, std::uint64_t bytes) {
  if (const auto kept = keep_previous(path); !kept) return std::unexpected(kept.error());
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
  if (!file.is_open()) return cannot("make it", path, errno);
  // All blocks now: a full disk must not end the relay later.
  if (const int problem = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); problem != 0)
    return cannot(fmt::format("reserve {} bytes", bytes), path, problem);
  return file;
}

Expected<std::uint64_t> file_bytes(const FlightLogOptions& options,
                                   std::span<const flight::TrackPlan> plans) {
  const std::uint64_t least = flight::least_file_bytes(plans);
  if (options.bytes == 0) return std::max(kFlightLogBytes, least);
  if (options.bytes >= least) return options.bytes / flight::kPageBytes * flight::kPageBytes;
  return failure(fmt::format(
      "flight recorder: {} bytes for {} stage{}; expected at least {}, or a smaller --pool",
      options.bytes, plans.size(), plans.size() == 1 ? "" : "s", least));
}

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_all(int file, std::span<std::byte> bytes, std::size_t first_byte) {
  while (!bytes.empty()) {
    const ssize_t read = ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(first_byte));
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(read));
    first_byte += static_cast<std::size_t>(read);
  }
  return true;
}

}  // namespace

Expected<std::unique_ptr<FlightLog>> FlightLog::create(const FlightLogOptions& options,
                                                       std::span<const flight::TrackPlan> plans) {
  const auto bytes = file_bytes(options, plans);
  if (!bytes) return std::unexpected(bytes.error());
  auto request = posix::WakeEvent::open_descriptor();
  if (!request) return std::unexpected(request.error());
  auto file = make_file(options.path, *bytes);
  if (!file) return std::unexpected(file.error());
  void* const mapped =
      ::mmap(nullptr, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file->get(), 0);
  if (mapped == MAP_FAILED) return cannot("map it", options.path, errno);
  std::unique_ptr<FlightLog> log(new FlightLog(options.path, *std::move(file),
                                               {static_cast<std::byte*>(mapped), *bytes},
                                               *std::move(request)));
  log->start(plans);
  return log;
}

FlightLog::FlightLog(std::string path, Descriptor file, std::span<std::byte> bytes,
                     Descriptor request)
    : path_(std::move(path)), file_(std::move(file)), bytes_(bytes), request_(std::move(request)) {}

void FlightLog::start(std::span<const flight::TrackPlan> plans) {
  tracks_ = flight::format_file(bytes_, plans);
  for (std::size_t index = 0; index < plans.size(); ++index) {
    recorders_.push_back(std::make_unique<flight::Recorder>(tracks_[index], plans[index].memory));
  }
  copier_ = std::jthread([this] { copy_on_request(); });
  handle_flight_signals(*this, reinterpret_cast<flight::FileHeader*>(bytes_.data())->fatal_signal);
}

FlightLog::~FlightLog() {
  if (copier_.joinable()) {
    ignore_flight_signals();
    is_ending_ = true;
    request_.request();
    copier_.join();
  }
  ::munmap(bytes_.data(), bytes_.size());
}

void FlightLog::copy_on_request() {
  pollfd readable{request_.descriptor(), POLLIN, 0};
  for (;;) {
    if (::poll(&readable, 1, -1) < 0 && errno != EINTR) return;
    request_.empty();
    if (is_ending_) return;
    if (!request_.take()) continue;
    const auto path = copy();
    const std::string line = path ? fmt::format("reprise: flight recording copied to {}\n", *path)
                                  : fmt::format("reprise: {}\n", path.error().message);
    static_cast<void>(write_all(STDERR_FILENO, std::as_bytes(std::span(line))));
  }
}

Expected<std::string> FlightLog::copy() const {
  std::vector<std::byte> copy(bytes_.size());
  const std::size_t headers_bytes = flight::kPageBytes * (1 + tracks_.size());
  if (!read_all(file_.get(), std::span(copy).first(headers_bytes), 0))
    return cannot("read it", path_, errno);
  for (const std::span<std::byte> track : tracks_) {
    const std::size_t segment_bytes = track.size() / flight::kSegments;
    for (std::size_t index = 0; index < flight::kSegments; ++index) {
      const auto segment = track.subspan(index * segment_bytes, segment_bytes);
      const auto first_byte = static_cast<std::size_t>(segment.data() - bytes_.data());
      if (!copy_segment(segment, std::span(copy).subspan(first_byte, segment_bytes)))
        return cannot("read it", path_, errno);
    }
  }
  for (int number = 1; number <= kCopiesMax; ++number) {
    std::string path = fmt::format("{}.{}", path_, number);
    const Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (!file.is_open() && errno == EEXIST) continue;
    if (!file.is_open() || !write_all(file.get(), copy)) return cannot("copy it", path, errno);
    return path;
  }
  return failure(fmt::format("flight recorder {}: {} copies are there; expected fewer, remove some",
                             path_, kCopiesMax));
}

/// The recorder may go on meanwhile: what is read first covers no more than what is read later.
bool FlightLog::copy_segment(std::span<std::byte> segment, std::span<std::byte> copy) const {
  auto& live = *reinterpret_cast<SegmentHeader*>(segment.data());
  const auto now = [](auto& value) {
    return std::atomic_ref(value).load(std::memory_order_acquire);
  };
  SegmentHeader header;
  header.sequence = now(live.sequence);
  if (header.sequence == 0) return true;
  header.end = now(live.end);
  header.lost_at = now(live.lost_at);
  header.steps = now(live.steps);
  header.committed = now(live.committed);
  header.first_step = now(live.first_step);
  header.snapshot_words = now(live.snapshot_words);
  header.snapshot_sum = now(live.snapshot_sum);
  const std::size_t used_bytes =
      std::min(segment.size() - sizeof header,
               (header.snapshot_words + header.committed) * sizeof(std::uint64_t));
  const auto first_byte = static_cast<std::size_t>(segment.data() - bytes_.data());
  // Through the file: the mapping belongs to the recorder's thread.
  if (!read_all(file_.get(), copy.subspan(sizeof header, used_bytes), first_byte + sizeof header))
    return false;
  if (now(live.sequence) != header.sequence) header.sequence = 0;
  std::memcpy(copy.data(), &header, sizeof header);
  return true;
}

}  // namespace reprise::daemon
