// What all rounds gave: medians and ranges by case, relay and metric; as JSON and as tables.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cases.hpp"
#include "relays.hpp"

namespace reprise::bench::peers {

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

class Results {
 public:
  void add(const std::string& tried, const std::string& relay, const Metrics& metrics);
  /// A round that is not part of the figures, because the host was disturbed; it is repeated.
  void add_disturbed() { ++disturbed_; }
  /// Why there is nothing, or less than there should be.
  void add_problem(const std::string& tried, const std::string& relay, std::string problem);

  [[nodiscard]] std::optional<Spread> spread(const std::string& tried, const std::string& relay,
                                             const std::string& metric) const;
  [[nodiscard]] std::optional<double> median(const std::string& tried, const std::string& relay,
                                             const std::string& metric) const;
  [[nodiscard]] unsigned disturbed() const { return disturbed_; }
  /// Of a metric over all cases and relays; 0 where there is none.
  [[nodiscard]] double median_of_all(const std::string& metric) const;

  [[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Case>& cases,
                                               const std::vector<Relay>& relays) const;
  /// One table a case.
  [[nodiscard]] std::string to_text(const std::vector<Case>& cases,
                                    const std::vector<Relay>& relays) const;

 private:
  using Key = std::pair<std::string, std::string>;
  std::map<Key, std::map<std::string, std::vector<double>>> samples_;
  std::map<Key, std::string> problems_;
  unsigned disturbed_ = 0;
};

}  // namespace reprise::bench::peers
