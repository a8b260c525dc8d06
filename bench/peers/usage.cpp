#include "usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "reprise/traffic/monotonic_clock.hpp"

namespace reprise::bench::peers {
namespace {

constexpr std::int64_t kTickNs = 10'000'000;  ///< USER_HZ is 100 on every Linux that matters

/// A process and all below it.
void add_tree(pid_t process, std::vector<pid_t>& tree) {
  tree.push_back(process);
  std::error_code ignored;
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", process);
  for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) add_tree(child, tree);
  }
}

std::vector<pid_t> trees_of(std::span<const pid_t> processes) {
  std::vector<pid_t> all;
  for (const pid_t process : processes) add_tree(process, all);
  return all;
}

void add_memory(pid_t process, MemoryUse& use) {
  std::ifstream file(fmt::format("/proc/{}/smaps", process));
  bool is_ring = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint64_t kibibytes = 0;
    fields >> name;
    if (!name.ends_with(':')) {  // a mapping's first line: addresses, …, what is mapped
      is_ring = line.find("socket:[") != std::string::npos;
      continue;
    }
    if (name != "Rss:" && name != "Pss:") continue;
    fields >> kibibytes;
    const std::uint64_t bytes = kibibytes * 1024;
    if (name == "Rss:") {
      use.resident_bytes += bytes;
      if (is_ring) use.ring_resident_bytes += bytes;
    } else {
      use.proportional_bytes += bytes;
      if (is_ring) use.ring_proportional_bytes += bytes;
    }
  }
}

}  // namespace

MachineReading read_machine() {
  MachineReading reading;
  std::ifstream file("/proc/stat");
  reading.at = traffic::monotonic_now();
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("cpu") || line.starts_with("cpu ")) continue;
    std::istringstream fields(line);
    std::string name;
    std::int64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0;
    std::int64_t steal = 0;
    fields >> name >> user >> nice >> system >> idle >> waiting >> irq >> softirq >> steal;
    reading.unused_ns.push_back((idle + waiting + steal) * kTickNs);
    reading.steal_ns += steal * kTickNs;
  }
  return reading;
}

MachineUse use_between(const MachineReading& before, const MachineReading& after,
                       std::size_t core) {
  MachineUse use;
  const std::int64_t elapsed_ns = (after.at - before.at).ns;
  use.elapsed_ns = elapsed_ns;
  const std::size_t cores = std::min(before.unused_ns.size(), after.unused_ns.size());
  for (std::size_t index = 0; index < cores; ++index) {
    const std::int64_t busy_ns =
        std::max<std::int64_t>(0, elapsed_ns - after.unused_ns[index] + before.unused_ns[index]);
    use.busy_ns += busy_ns;
    if (index == core) use.core_busy_ns = busy_ns;
  }
  use.steal_fraction = static_cast<double>(after.steal_ns - before.steal_ns) /
                       std::max(1.0, static_cast<double>(elapsed_ns) * static_cast<double>(cores));
  return use;
}

std::int64_t cpu_ns_of(std::span<const pid_t> processes) {
  std::int64_t total_ns = 0;
  for (const pid_t process : trees_of(processes)) {
    std::error_code ignored;
    const std::filesystem::path tasks = fmt::format("/proc/{}/task", process);
    for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
      std::ifstream file(task.path() / "schedstat");
      std::int64_t ns = 0;
      if (file >> ns) total_ns += ns;
    }
  }
  return total_ns;
}

pid_t softirq_thread_of(unsigned core) {
  const std::string wanted = fmt::format("ksoftirqd/{}", core);
  std::error_code ignored;
  for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(process.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == wanted)
      return std::stoi(process.path().filename().string());
  }
  return 0;
}

MemoryUse memory_of(std::span<const pid_t> processes) {
  MemoryUse use;
  for (const pid_t process : trees_of(processes)) add_memory(process, use);
  return use;
}

}  // namespace reprise::bench::peers
