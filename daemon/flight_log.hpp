// The memory of a relay's flight recorders: a file that is mapped and shared, so that it holds what
// was recorded however the process ends, kill -9 included.
//
// While it lives, SIGUSR2 makes a copy of the recording beside the file (FILE.1, FILE.2, …), and a
// fatal signal leaves its number in the file before it ends the process. One at a time in a
// process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/flight/recorder.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/wake_event.hpp"

namespace reprise::daemon {

inline constexpr std::uint64_t kFlightLogBytes = 64U << 20U;

struct FlightLogOptions {
  std::string path;         ///< of the file; empty: nothing is recorded
  std::uint64_t bytes = 0;  ///< of the file; 0: kFlightLogBytes, or more where the stages need it
};

class FlightLog {
 public:
  /// Makes the file anew, with all of its blocks, and a recorder for each plan. A recording that is
  /// there already becomes FILE.previous. Errors: the file cannot be made, it is there and is no
  /// recording, or it is too small for the stages.
  static engine::Expected<std::unique_ptr<FlightLog>> create(
      const FlightLogOptions& options, std::span<const flight::TrackPlan> plans);
  FlightLog(const FlightLog&) = delete;
  FlightLog& operator=(const FlightLog&) = delete;
  /// The recorders record nothing more.
  ~FlightLog();

  /// In the order of the plans.
  [[nodiscard]] flight::Recorder& recorder(std::size_t index) { return *recorders_[index]; }
  /// Any thread, async-signal-safe: a thread of the log's makes a copy soon and says so on standard
  /// error.
  void request_copy() { request_.request(); }
  /// Makes a copy now, while recorders go on, and returns its path. One call at a time.
  [[nodiscard]] engine::Expected<std::string> copy() const;

 private:
  FlightLog(std::string path, posix::Descriptor file, std::span<std::byte> bytes,
            posix::Descriptor request);
  void start(std::span<const flight::TrackPlan> plans);
  void copy_on_request();
  /// A segment as it is now, into the copy; left out where it is begun anew meanwhile.
  [[nodiscard]] bool copy_segment(std::span<std::byte> segment, std::span<std::byte> copy) const;

  std::string path_;
  posix::Descriptor file_;
  std::span<std::byte> bytes_;  ///< mapped
  std::vector<std::span<std::byte>> tracks_;
  std::vector<std::unique_ptr<flight::Recorder>> recorders_;
  posix::WakeEvent request_;
  std::atomic<bool> is_ending_ = false;
  std::jthread copier_;
};

}  // namespace reprise::daemon
