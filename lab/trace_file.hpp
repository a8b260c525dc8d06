// A trace in the JSON format of Chrome and Perfetto ("Trace Event Format"): https://ui.perfetto.dev
// opens it. Written as a stream of bounded length; whenever the program ends, and however, the file
// holds valid JSON.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "reprise/engine/time.hpp"
#include "reprise/lab/output_file.hpp"

namespace reprise::lab {

/// A line of the picture: a thread of a process, both numbered from 1.
struct TraceTrack {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
};

/// One figure beside an event, or one of a counter's.
struct TraceValue {
  std::string_view name;
  std::uint64_t value = 0;
};
using TraceValues = std::initializer_list<TraceValue>;

class TraceFile {
 public:
  static engine::Expected<TraceFile> create(const std::string& path);

  // All names are text for people; times are virtual.

  void name_process(std::uint32_t process, std::string_view name);
  void name_thread(TraceTrack track, std::string_view name);
  /// Slices of a track lie one after the other, or one in the other.
  void slice(TraceTrack track, std::string_view name, engine::Instant start, engine::Instant end,
             TraceValues values = {});
  void begin(TraceTrack track, std::string_view name, engine::Instant at, TraceValues values = {});
  void end(TraceTrack track, engine::Instant at);
  /// Slices of a process that may overlap; those of one `name` are told apart by `number`.
  void begin_beside(std::uint32_t process, std::string_view name, std::uint64_t number,
                    engine::Instant at, TraceValues values = {});
  void end_beside(std::uint32_t process, std::string_view name, std::uint64_t number,
                  engine::Instant at);
  void instant(std::uint32_t process, std::string_view name, engine::Instant at,
               TraceValues values = {});
  void counter(std::uint32_t process, std::string_view name, engine::Instant at,
               TraceValues values);

  /// Events so far, names not counted.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] const std::string& path() const { return file_.path(); }
  /// Writes what is left. Call it once.
  engine::Expected<void> close();

 private:
  explicit TraceFile(OutputFile file) : file_(std::move(file)) {}
  void open_event(char kind, TraceTrack track, std::string_view name);
  void add_time(std::string_view key, std::int64_t ns);
  void add_values(TraceValues values);
  void close_event();
  void flush();

  OutputFile file_;
  std::string text_;
  bool is_first_ = true;
  std::uint64_t events_ = 0;
};

}  // namespace reprise::lab
