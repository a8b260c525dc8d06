#include "reprise/lab/trace_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace reprise::lab {

using engine::Instant;

namespace {

constexpr std::size_t kFlushBytes = std::size_t{1} << 18U;
constexpr std::string_view kOpening = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
constexpr std::string_view kClosing = "\n]}\n";

/// In quotes. Most names are plain.
std::string quoted(std::string_view text) {
  const auto is_plain = [](char letter) {
    return letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
  };
  if (std::ranges::all_of(text, is_plain)) return fmt::format("\"{}\"", text);
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

engine::Expected<TraceFile> TraceFile::create(const std::string& path) {
  auto file = OutputFile::create(path, "--trace");
  if (!file) return std::unexpected(file.error());
  file->write(kOpening, kClosing);
  return TraceFile(std::move(*file));
}

void TraceFile::open_event(char kind, TraceTrack track, std::string_view name) {
  text_ += is_first_ ? "" : ",\n";
  is_first_ = false;
  fmt::format_to(std::back_inserter(text_), "{{\"ph\":\"{}\",\"pid\":{},\"tid\":{}", kind,
                 track.process, track.thread);
  if (!name.empty()) fmt::format_to(std::back_inserter(text_), ",\"name\":{}", quoted(name));
}

/// The format counts in microseconds.
void TraceFile::add_time(std::string_view key, std::int64_t ns) {
  fmt::format_to(std::back_inserter(text_), ",\"{}\":{}.{:03}", key, ns / 1000, ns % 1000);
}

void TraceFile::add_values(TraceValues values) {
  if (values.size() == 0) return;
  text_ += ",\"args\":{";
  bool is_first = true;
  for (const TraceValue& value : values) {
    fmt::format_to(std::back_inserter(text_), "{}{}:{}", is_first ? "" : ",", quoted(value.name),
                   value.value);
    is_first = false;
  }
  text_ += '}';
}

void TraceFile::close_event() {
  text_ += '}';
  ++events_;
  if (text_.size() >= kFlushBytes) flush();
}

void TraceFile::flush() {
  file_.write(text_, kClosing);
  text_.clear();
}

void TraceFile::name_process(std::uint32_t process, std::string_view name) {
  open_event('M', {process, 0}, "process_name");
  fmt::format_to(std::back_inserter(text_), ",\"args\":{{\"name\":{}}}}}", quoted(name));
}

void TraceFile::name_thread(TraceTrack track, std::string_view name) {
  open_event('M', track, "thread_name");
  fmt::format_to(std::back_inserter(text_), ",\"args\":{{\"name\":{}}}}}", quoted(name));
}

void TraceFile::slice(TraceTrack track, std::string_view name, Instant start, Instant end,
                      TraceValues values) {
  open_event('X', track, name);
  add_time("ts", start.ns);
  add_time("dur", (end - start).ns);
  add_values(values);
  close_event();
}

void TraceFile::begin(TraceTrack track, std::string_view name, Instant at, TraceValues values) {
  open_event('B', track, name);
  add_time("ts", at.ns);
  add_values(values);
  close_event();
}

void TraceFile::end(TraceTrack track, Instant at) {
  open_event('E', track, {});
  add_time("ts", at.ns);
  close_event();
}

void TraceFile::begin_beside(std::uint32_t process, std::string_view name, std::uint64_t number,
                             Instant at, TraceValues values) {
  open_event('b', {process, 0}, name);
  fmt::format_to(std::back_inserter(text_), ",\"cat\":{0},\"id2\":{{\"local\":\"{1}\"}}",
                 quoted(name), number);
  add_time("ts", at.ns);
  add_values(values);
  close_event();
}

void TraceFile::end_beside(std::uint32_t process, std::string_view name, std::uint64_t number,
                           Instant at) {
  open_event('e', {process, 0}, name);
  fmt::format_to(std::back_inserter(text_), ",\"cat\":{0},\"id2\":{{\"local\":\"{1}\"}}",
                 quoted(name), number);
  add_time("ts", at.ns);
  close_event();
}

void TraceFile::instant(std::uint32_t process, std::string_view name, Instant at,
                        TraceValues values) {
  open_event('i', {process, 0}, name);
  text_ += ",\"s\":\"p\"";
  add_time("ts", at.ns);
  add_values(values);
  close_event();
}

void TraceFile::counter(std::uint32_t process, std::string_view name, Instant at,
                        TraceValues values) {
  open_event('C', {process, 0}, name);
  add_time("ts", at.ns);
  add_values(values);
  close_event();
}

engine::Expected<void> TraceFile::close() {
  flush();
  return file_.close();
}

}  // namespace reprise::lab
