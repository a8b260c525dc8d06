// reprise-lab calibrate
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/trial/calibrate.hpp"
#include "reprise/trial/calibration_text.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabCalibrateArguments {
  trial::CalibrateRequest request;
  std::string toml_path;
  bool json = false;
};

engine::Error cannot_write(const std::string& path, int errno_value) {
  return {fmt::format("--toml {}: cannot be written: {}; expected a file in a folder that is there",
                      path, std::generic_category().message(errno_value)),
          errno_value};
}

engine::Expected<void> write_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) return std::unexpected(cannot_write(path, errno));
  return {};
}

/// Asked before anything is measured. Leaves a file that is there as it is, and none where there is
/// none.
engine::Expected<void> check_writable(const std::string& path) {
  std::error_code ignored;
  const bool was_there = std::filesystem::exists(path, ignored);
  errno = 0;
  if (!std::ofstream(path, std::ios::app)) return std::unexpected(cannot_write(path, errno));
  if (!was_there) std::filesystem::remove(path, ignored);
  return {};
}

Exit lab_calibrate(const LabCalibrateArguments& arguments) {
  if (!arguments.toml_path.empty()) {
    if (auto writable = check_writable(arguments.toml_path); !writable)
      return refuse(writable.error());
  }
  const StopSignals signals;
  trial::CalibrateRequest request = arguments.request;
  request.stop = &signals.flag();
  engine::Expected<trial::Calibration> calibration;
  {
    LabProgress progress("calibrate");
    request.progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); };
    calibration = trial::calibrate(request);
  }
  if (!calibration) {
    refuse(calibration.error());
    return calibration.error().errno_value == EINTR ? Exit::not_held : Exit::wrong;
  }
  if (!arguments.toml_path.empty()) {
    if (auto written = write_file(arguments.toml_path, to_toml(*calibration)); !written)
      return refuse(written.error());
  }
  if (arguments.json) {
    print_json(trial::to_json(*calibration));
  } else {
    print_text(trial::to_text(*calibration));
  }
  return Exit::held;
}

}  // namespace

void add_lab_calibrate_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabCalibrateArguments>();
  CLI::App* command = program.add_subcommand(
      "calibrate", "Measure on this machine what the simulation's acts cost");
  command->footer(
      "  reprise-lab calibrate --toml here.toml\n"
      "  reprise-lab run examples/scenarios/poisson.toml --costs here.toml\n"
      "Makes two network namespaces, sends nothing outside and leaves nothing behind. Runs as "
      "root, "
      "or without\nwhere user namespaces are allowed; needs two cores.");
  command
      ->add_option("--rounds", arguments->request.rounds, "rounds to take medians of (default 9)")
      ->check(whole_number(1, 40));
  command->add_option("--toml", arguments->toml_path, "write the costs to this file, for --costs");
  command->add_option("--date", arguments->request.date,
                      "date to give the result (default: the system clock's)");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_calibrate(*arguments); }; });
}

}  // namespace reprise::apps
