#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace reprise::bench::peers {
namespace {

using nlohmann::ordered_json;

struct Column {
  const char* metric;
  const char* title;
  double unit = 1;
  int digits = 0;
};

const std::vector<Column>& columns_of(Kind kind) {
  static const std::vector<Column> throughput{{"cpu_ns", "CPU ns"},
                                              {"core_ns", "core ns"},
                                              {"machine_ns", "machine ns"},
                                              {"delivered_per_second", "delivered k/s", 1e-3},
                                              {"offered_per_second", "offered k/s", 1e-3},
                                              {"loss_percent", "lost %", 1, 2}};
  static const std::vector<Column> checked{
      {"p50_us", "p50 µs", 1, 1}, {"p99_us", "p99 µs", 1, 1}, {"p999_us", "p99.9 µs", 1, 1},
      {"lost", "lost"},           {"reordered", "reordered"}, {"duplicated", "duplicated"},
      {"corrupted", "corrupted"}};
  static const std::vector<Column> start{{"start_ms", "start ms", 1, 1},
                                         {"pss_mib", "PSS MiB", 1, 1},
                                         {"rss_mib", "RSS MiB", 1, 1},
                                         {"pss_with_rings_mib", "PSS+rings", 1, 1},
                                         {"rss_with_rings_mib", "RSS+rings", 1, 1}};
  switch (kind) {
    case Kind::throughput: return throughput;
    case Kind::checked: return checked;
    case Kind::start: return start;
  }
  return throughput;
}

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front(), values.back()};
}

std::string cell(const Column& column, const std::optional<Spread>& spread) {
  if (!spread) return "-";
  const auto number = [&column](double value) {
    return fmt::format("{:.{}f}", value * column.unit, column.digits);
  };
  if (spread->least == spread->most) return number(spread->median);
  return fmt::format("{} ({}…{})", number(spread->median), number(spread->least),
                     number(spread->most));
}

}  // namespace

void Results::add(const std::string& tried, const std::string& relay, const Metrics& metrics) {
  for (const auto& [metric, value] : metrics) samples_[{tried, relay}][metric].push_back(value);
}

void Results::add_problem(const std::string& tried, const std::string& relay, std::string problem) {
  problems_[{tried, relay}] = std::move(problem);
}

std::optional<Spread> Results::spread(const std::string& tried, const std::string& relay,
                                      const std::string& metric) const {
  const auto found = samples_.find({tried, relay});
  if (found == samples_.end()) return std::nullopt;
  const auto values = found->second.find(metric);
  if (values == found->second.end()) return std::nullopt;
  return spread_of(values->second);
}

std::optional<double> Results::median(const std::string& tried, const std::string& relay,
                                      const std::string& metric) const {
  const auto found = spread(tried, relay, metric);
  if (!found) return std::nullopt;
  return found->median;
}

double Results::median_of_all(const std::string& metric) const {
  std::vector<double> all;
  for (const auto& [key, metrics] : samples_) {
    const auto found = metrics.find(metric);
    if (found != metrics.end()) all.insert(all.end(), found->second.begin(), found->second.end());
  }
  return all.empty() ? 0 : spread_of(all).median;
}

ordered_json Results::to_json(const std::vector<Case>& cases,
                              const std::vector<Relay>& relays) const {
  auto rows = ordered_json::array();
  for (const Case& tried : cases) {
    for (const Relay& relay : relays) {
      const Key key{tried.name, relay.name};
      const auto samples = samples_.find(key);
      const auto problem = problems_.find(key);
      if (samples == samples_.end() && problem == problems_.end()) continue;
      ordered_json row{{"case", tried.name}, {"relay", relay.name}};
      if (problem != problems_.end()) row["problem"] = problem->second;
      if (samples != samples_.end()) {
        for (const auto& [metric, values] : samples->second) {
          const Spread spread = spread_of(values);
          row["rounds"] = values.size();
          row["metrics"][metric] = {
              {"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
        }
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string Results::to_text(const std::vector<Case>& cases,
                             const std::vector<Relay>& relays) const {
  std::string text;
  for (const Case& tried : cases) {
    const auto& columns = columns_of(tried.kind);
    text += fmt::format("\n{}: {}\n{:<17}", tried.name, tried.title, "");
    for (const Column& column : columns) text += fmt::format("{:>21}", column.title);
    text += '\n';
    for (const Relay& relay : relays) {
      const Key key{tried.name, relay.name};
      const auto problem = problems_.find(key);
      if (!samples_.contains(key)) {
        if (problem != problems_.end())
          text += fmt::format("{:<17}  {}\n", relay.name, problem->second);
        continue;
      }
      text += fmt::format("{:<17}", relay.name);
      for (const Column& column : columns) {
        text += fmt::format("{:>21}", cell(column, spread(tried.name, relay.name, column.metric)));
      }
      if (problem != problems_.end()) text += fmt::format("  ({})", problem->second);
      text += '\n';
    }
  }
  return text;
}

}  // namespace reprise::bench::peers
