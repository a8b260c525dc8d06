#include "reprise/lab/swarm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "reprise/engine/source_hash.hpp"
#include "reprise/lab/parallel.hpp"
#include "reprise/lab/recorded_run.hpp"
#include "reprise/lab/written_scenario.hpp"
#include "reprise/sim/source_hash.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

/// Equal where scenario, engine and simulator are.
std::string fingerprint_of(const WrittenScenario& written) {
  WrittenScenario without_seed = written;
  without_seed.seed = 0;
  std::uint64_t hash = 0;
  for (const char c : to_toml(std::move(without_seed)))
    hash = sim::mix(hash ^ static_cast<unsigned char>(c));
  return fmt::format("{:016x}-{}-{}", hash, engine::source_hash(), sim::source_hash());
}

/// Changes with every seed and its digest, and adds up in any order.
std::uint64_t signature(std::uint64_t seed, std::uint64_t digest) {
  return sim::mix(sim::mix(seed) ^ digest);
}

/// The seeds stay the lowest ones, whatever the order they come in.
void insert(std::vector<SwarmFailure>& failures, SwarmFailure failure) {
  const auto place = std::ranges::lower_bound(failures, failure.seed, {}, &SwarmFailure::seed);
  failures.insert(place, std::move(failure));
  if (failures.size() > kListedFailuresMax) failures.pop_back();
}

class Swarm {
 public:
  Swarm(const SwarmRequest& request, const SwarmControl& control, WrittenScenario written,
        Scenario scenario)
      : request_(request),
        control_(control),
        written_(std::move(written)),
        scenario_(std::move(scenario)) {
    result_.scenario = scenario_.name;
    result_.fingerprint = fingerprint_of(written_);
  }

  SwarmResult run();

 private:
  void run_seed(std::uint64_t seed);
  [[nodiscard]] Expected<std::string> save(std::uint64_t seed) const;

  const SwarmRequest& request_;
  const SwarmControl& control_;
  WrittenScenario written_;
  Scenario scenario_;
  std::mutex mutex_;
  SwarmResult result_;  ///< under the mutex while seeds run
};

/// Runs it once more, recording it.
Expected<std::string> Swarm::save(std::uint64_t seed) const {
  WrittenScenario written = written_;
  written.seed = seed;
  const auto recorded = record_run(written);
  if (!recorded) return std::unexpected(recorded.error());
  std::string path = (std::filesystem::path(request_.save_folder) / run_file_name(seed)).string();
  if (auto done = write_run_file(recorded->file, path); !done) return std::unexpected(done.error());
  return path;
}

void Swarm::run_seed(std::uint64_t seed) {
  sim::Hashed hashed(seed);
  Coverage coverage;
  Covering choices(hashed, coverage);
  const RunResult run =
      lab::run(scenario_, seed,
               {.stop = control_.stop, .progress = {}, .observers = {}, .choices = &choices});
  if (!run.complete) return;
  SwarmFailure failed{seed, run.digest, check(scenario_.expectations, run), ""};
  std::erase_if(failed.failed, &ExpectationResult::held);
  std::optional<engine::Error> save_error;
  if (!failed.failed.empty() && !request_.save_folder.empty()) {
    auto saved = save(seed);
    if (saved) failed.run_file = std::move(*saved);
    if (!saved) save_error = saved.error();
  }
  const std::lock_guard lock(mutex_);
  static_cast<void>(add(result_.done, {seed, seed}));
  result_.events += run.events;
  result_.digest += signature(seed, run.digest);
  result_.coverage.add(coverage);
  for (const auto& [kind, times] : run.faults) {
    FaultTotal& total = result_.faults[kind];
    total.runs += times > 0 ? 1 : 0;
    total.count += times;
  }
  if (!failed.failed.empty()) {
    ++result_.failed;
    insert(result_.failures, std::move(failed));
  }
  if (save_error && !result_.save_error) result_.save_error = std::move(save_error);
  if (control_.progress) control_.progress(result_);
}

SwarmResult Swarm::run() {
  const SeedRange seeds = part_of(request_.seeds, request_.shard);
  static_cast<void>(add(result_.asked, seeds));
  for_each_in_parallel(seeds.count(),
                       {.jobs = control_.jobs, .stop = control_.stop, .progress = {}},
                       [&](std::size_t index, const Progress&) { run_seed(seeds.first + index); });
  return std::move(result_);
}

}  // namespace

Expected<SwarmResult> swarm(const SwarmRequest& request, const SwarmControl& control) {
  std::error_code ignored;
  if (!request.save_folder.empty() &&
      !std::filesystem::is_directory(request.save_folder, ignored)) {
    return failure(fmt::format("--save-failures {}: is no folder; expected one for run files",
                               request.save_folder));
  }
  auto written = read_scenario(request.scenario_path, request.settings, request.costs_path,
                               request.profile_path);
  if (!written) return std::unexpected(written.error());
  auto scenario = resolve(*written);
  if (!scenario) return std::unexpected(scenario.error());
  return Swarm(request, control, std::move(*written), std::move(*scenario)).run();
}

Expected<void> merge(SwarmResult& into, const SwarmResult& other, const std::string& name) {
  if (other.fingerprint != into.fingerprint) {
    return failure(fmt::format(
        "{}: of another scenario, engine or simulator ({}) than the files before it ({}); expected "
        "shards of one campaign",
        name, other.fingerprint, into.fingerprint));
  }
  for (const SeedRange& range : other.asked) {
    if (!add(into.asked, range)) {
      return failure(fmt::format(
          "{}: seeds {}..{} are in the files before it, or some of them; expected each seed once",
          name, range.first, range.last));
    }
  }
  for (const SeedRange& range : other.done) static_cast<void>(add(into.done, range));
  into.failed += other.failed;
  for (const SwarmFailure& failure : other.failures) insert(into.failures, failure);
  into.events += other.events;
  into.digest += other.digest;
  for (const auto& [kind, total] : other.faults) {
    into.faults[kind].runs += total.runs;
    into.faults[kind].count += total.count;
  }
  into.coverage.add(other.coverage);
  return {};
}

}  // namespace reprise::lab
