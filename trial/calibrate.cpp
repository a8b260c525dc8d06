#include "reprise/trial/calibrate.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "reprise/posix/capability.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"
#include "reprise/trial/readings.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::failure;

constexpr std::uint32_t kRoundsMax = 40;

using Instruments = std::vector<std::unique_ptr<Instrument>>;

Host this_host() {
  Host host;
  utsname names{};
  host.kernel_release = ::uname(&names) == 0 ? names.release : "unknown";
  host.cpu_model = "unknown";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    host.cpu_model = line.substr(colon + 2);
    break;
  }
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  host.date =
      fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
  return host;
}

struct Cores {
  unsigned measured = 0;
  unsigned other = 0;
};

Expected<Cores> choose_cores(const CalibrateRequest& request) {
  const std::vector<unsigned> allowed = allowed_cores();
  if (allowed.size() < 2) {
    return failure(fmt::format(
        "calibrate: this process may run on {} core; expected two, one of them for the thread that "
        "sends and wakes (see taskset(1))",
        allowed.size()));
  }
  const Cores cores{request.core.value_or(allowed.back()),
                    request.other_core.value_or(allowed.front())};
  for (const unsigned core : {cores.measured, cores.other}) {
    if (std::ranges::find(allowed, core) == allowed.end())
      return failure(fmt::format("core {}: this process may not run there", core));
  }
  if (cores.measured == cores.other) {
    return failure(fmt::format("core {}: named for both threads; expected two cores", cores.other));
  }
  return cores;
}

Expected<Instruments> make_instruments(const Cable& cable, const Cores& cores) {
  Instruments instruments;
  const auto add = [&](MadeInstrument made) -> Expected<void> {
    if (!made) return std::unexpected(made.error());
    instruments.push_back(std::move(*made));
    return {};
  };
  Expected<void> done = add(make_send_costs(cable, cores.other));
  if (done) done = add(make_receive_costs(cable, cores.other));
  if (done) done = add(make_turn_costs());
  if (done) done = add(make_wake_costs(cores.other));
  if (done) done = add(make_crossing_costs(cores.other));
  if (done) done = add(make_scheduler_costs(cores.measured));
  if (done) done = add(make_move_costs());
  if (done) done = add(make_log_costs());
  if (!done) return std::unexpected(done.error());
  return instruments;
}

/// Every value of every round, by name.
using Values = std::map<std::string, std::vector<double>>;

/// All instruments take turns, so that a slow moment of the machine hits all of them alike. The
/// first round warms up and does not count.
Expected<Values> measure(const CalibrateRequest& request, Instruments& instruments) {
  const std::uint64_t of = (std::uint64_t{request.rounds} + 1) * instruments.size();
  std::uint64_t done = 0;
  Values values;
  for (std::uint32_t round = 0; round <= request.rounds; ++round) {
    Readings readings;
    for (const std::unique_ptr<Instrument>& instrument : instruments) {
      if (request.stop != nullptr && request.stop->load(std::memory_order_relaxed)) {
        return failure("calibrate: interrupted; nothing was kept", EINTR);
      }
      if (auto read = instrument->read(readings); !read) return std::unexpected(read.error());
      if (request.progress) request.progress(++done, of);
    }
    if (round == 0) continue;
    for (const auto& [name, value] : readings) values[name].push_back(value);
  }
  return values;
}

Spread spread_of(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return {median(values), least, most};
}

/// Names what no instrument has read: a programming error, which the tests look for.
Expected<void> fill(Calibration& calibration, Values values) {
  for (std::size_t index = 0; index < kCosts.size(); ++index) {
    const Cost& cost = kCosts[index];
    const auto found = values.find(std::string(cost.name));
    if (found == values.end())
      return failure(fmt::format("calibrate: {}: not measured", cost.name));
    calibration.spreads[index] = spread_of(found->second);
    calibration.costs.*cost.member =
        std::max<std::int64_t>(0, std::llround(calibration.spreads[index].median));
    values.erase(found);
  }
  for (const auto& [name, of_rounds] : values) {
    calibration.figures.push_back({name, spread_of(of_rounds)});
  }
  return {};
}

}  // namespace

Expected<Calibration> calibrate(const CalibrateRequest& request) {
  if (request.rounds < 1 || request.rounds > kRoundsMax) {
    return failure(
        fmt::format("calibrate: {} rounds; expected 1 to {}", request.rounds, kRoundsMax));
  }
  const auto cores = choose_cores(request);
  if (!cores) return std::unexpected(cores.error());
  const auto cable = lay_cable();
  if (!cable) return std::unexpected(cable.error());
  if (auto allowed = posix::require_capability(posix::Capability::net_raw,
                                               "calibrate: a packet socket in its own namespace");
      !allowed) {
    return std::unexpected(allowed.error());
  }
  const auto pinned = PinnedHere::pin(cores->measured);
  if (!pinned) return std::unexpected(pinned.error());
  auto instruments = make_instruments(*cable, *cores);
  if (!instruments) return std::unexpected(instruments.error());
  auto values = measure(request, *instruments);
  if (!values) return std::unexpected(values.error());
  Calibration calibration;
  calibration.host = this_host();
  if (!request.date.empty()) calibration.host.date = request.date;
  calibration.rounds = request.rounds;
  calibration.core = cores->measured;
  calibration.other_core = cores->other;
  if (auto filled = fill(calibration, std::move(*values)); !filled) {
    return std::unexpected(filled.error());
  }
  return calibration;
}

}  // namespace reprise::trial
