#include "reprise/lab/parallel.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

namespace reprise::lab {
namespace {

/// Each job counts for so many units, whatever it counts in itself.
constexpr std::uint64_t kUnitsPerJob = 1'000;

/// Adds up how far the jobs are.
class TotalProgress {
 public:
  TotalProgress(std::size_t count, const Progress& progress)
      : total_units_(count * kUnitsPerJob), progress_(progress) {}

  /// What job `index`, which counted for `units` so far, says. Updates `units`.
  void add(std::uint64_t& units, std::uint64_t done, std::uint64_t of) {
    if (!progress_ || of == 0) return;
    const auto share = static_cast<double>(std::min(done, of)) / static_cast<double>(of);
    const auto reached = static_cast<std::uint64_t>(share * static_cast<double>(kUnitsPerJob));
    if (reached <= units) return;
    const std::lock_guard lock(mutex_);
    done_units_ += reached - units;
    units = reached;
    progress_(done_units_, total_units_);
  }

 private:
  std::uint64_t total_units_;
  const Progress& progress_;
  std::mutex mutex_;
  std::uint64_t done_units_ = 0;
};

}  // namespace

std::uint32_t core_count() { return std::max(1U, std::thread::hardware_concurrency()); }

void for_each_in_parallel(std::size_t count, const ParallelControl& control,
                          const std::function<void(std::size_t, const Progress&)>& job) {
  TotalProgress total(count, control.progress);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    while (control.stop == nullptr || !control.stop->load(std::memory_order_relaxed)) {
      const std::size_t index = next.fetch_add(1, std::memory_order_relaxed);
      if (index >= count) return;
      std::uint64_t units = 0;
      job(index, [&](std::uint64_t done, std::uint64_t of) { total.add(units, done, of); });
      total.add(units, 1, 1);
    }
  };
  const std::size_t threads =
      std::min<std::size_t>(control.jobs == 0 ? core_count() : control.jobs, count);
  std::vector<std::jthread> others;
  for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work);
  work();
}

std::vector<std::optional<RunResult>> run_all(const std::vector<PlannedRun>& planned,
                                              const ParallelControl& control) {
  std::vector<std::optional<RunResult>> results(planned.size());
  for_each_in_parallel(planned.size(), control, [&](std::size_t index, const Progress& progress) {
    RunResult result = run(*planned[index].scenario, planned[index].seed,
                           {.stop = control.stop,
                            .progress = progress,
                            .observers = {},
                            .series_points = planned[index].series_points});
    if (result.complete) results[index] = std::move(result);
  });
  return results;
}

std::size_t finished_count(const std::vector<std::optional<RunResult>>& results) {
  return static_cast<std::size_t>(std::ranges::count_if(
      results, [](const std::optional<RunResult>& result) { return result.has_value(); }));
}

}  // namespace reprise::lab
