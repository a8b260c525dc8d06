// --trace, --pcap and --series of `reprise-lab run`: their flags, and the files that they fill.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "reprise/engine/error.hpp"
#include "reprise/lab/packet_capture_observer.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/trace_observer.hpp"

namespace reprise::apps {

struct LabPictureArguments {
  std::string trace_path;
  std::uint64_t trace_events_max = 1'000'000;
  std::string capture_path;
  std::uint32_t series_points = 0;
};
/// --series alone, for commands that write no other picture.
void add_series_flag(CLI::App& command, std::uint32_t& series_points);
void add_picture_flags(CLI::App& command, LabPictureArguments& arguments);

class LabPictures {
 public:
  /// Makes the files. `seed`: of the run, for their heads.
  static engine::Expected<LabPictures> open(const LabPictureArguments& arguments,
                                            const std::string& scenario, std::uint64_t seed);
  /// The run shows everything to the observers, which live as long as this.
  void attach(lab::RunControl& control) const;
  /// After the run: the files are whole, or an error says which one is not. A trace that reached
  /// its limit is told on standard error.
  engine::Expected<void> close();

 private:
  LabPictureArguments arguments_;
  std::unique_ptr<lab::TraceObserver> trace_;
  std::unique_ptr<lab::PacketCaptureObserver> capture_;
};

}  // namespace reprise::apps
