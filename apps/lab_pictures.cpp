#include "lab_pictures.hpp"

#include <fmt/format.h>

#include <utility>

#include "command.hpp"
#include "value_checks.hpp"

namespace reprise::apps {

void add_series_flag(CLI::App& command, std::uint32_t& series_points) {
  command
      .add_option("--series", series_points,
                  "so many points of occupancy over virtual time in the JSON result")
      ->check(whole_number(2, lab::kSeriesPointsMax));
}

void add_picture_flags(CLI::App& command, LabPictureArguments& arguments) {
  command.add_option("--trace", arguments.trace_path,
                     "write what threads did, for https://ui.perfetto.dev (JSON)");
  command
      .add_option("--trace-limit", arguments.trace_events_max,
                  "events of a trace at most (default: 1000000)")
      ->check(whole_number(1, kCountMax));
  command.add_option("--pcap", arguments.capture_path,
                     "write what left each relay, for Wireshark (pcapng)");
  add_series_flag(command, arguments.series_points);
}

engine::Expected<LabPictures> LabPictures::open(const LabPictureArguments& arguments,
                                                const std::string& scenario, std::uint64_t seed) {
  LabPictures pictures;
  pictures.arguments_ = arguments;
  if (!arguments.trace_path.empty()) {
    auto file = lab::TraceFile::create(arguments.trace_path);
    if (!file) return std::unexpected(file.error());
    pictures.trace_ =
        std::make_unique<lab::TraceObserver>(std::move(*file), arguments.trace_events_max);
  }
  if (!arguments.capture_path.empty()) {
    auto file = lab::PacketCaptureFile::create(
        arguments.capture_path,
        fmt::format("simulated: {}, seed {}; virtual time; payloads cut behind their tags",
                    scenario, seed));
    if (!file) return std::unexpected(file.error());
    pictures.capture_ = std::make_unique<lab::PacketCaptureObserver>(std::move(*file));
  }
  return pictures;
}

void LabPictures::attach(lab::RunControl& control) const {
  if (trace_) control.observers.push_back(trace_.get());
  if (capture_) control.observers.push_back(capture_.get());
  control.series_points = arguments_.series_points;
}

engine::Expected<void> LabPictures::close() {
  engine::Expected<void> closed;
  if (trace_) {
    closed = trace_->close();
    if (closed && trace_->full_at() != engine::kNever) {
      print_note(fmt::format(
          "{}: ends at {:.6f} ms of virtual time, with {} events; for more: --trace-limit\n",
          arguments_.trace_path, static_cast<double>(trace_->full_at().ns) / 1e6,
          trace_->events()));
    }
  }
  if (capture_) {
    auto captured = capture_->close();
    if (closed) closed = std::move(captured);
  }
  return closed;
}

}  // namespace reprise::apps
