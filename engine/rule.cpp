#include "reprise/engine/rule.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "reprise/engine/quoted.hpp"

namespace reprise::engine {
namespace {

/// Finds the rules that an output feeds: those that take in the same address and port on the same
/// interface. Source filters are left out of account on purpose: what the relay sends may carry
/// just the address that a filter lets through. An output without interface goes where the route
/// says, so it is taken to match on every interface.
class FeedsIndex {
 public:
  explicit FeedsIndex(std::span<const Rule> rules) : rules_(rules) {
    for (std::size_t index = 0; index < rules.size(); ++index) {
      by_destination_[destination(rules[index].input)].push_back(index);
    }
  }

  /// In rule order.
  [[nodiscard]] std::vector<std::size_t> fed_by(const Endpoint& output) const {
    std::vector<std::size_t> fed;
    for (const std::size_t index : with_destination_of(output)) {
      if (output.interface.empty() || output.interface == rules_[index].input.interface) {
        fed.push_back(index);
      }
    }
    return fed;
  }

  /// The first rule with the same input, source included, before rule `index`.
  [[nodiscard]] std::optional<std::size_t> earlier_with_same_input(std::size_t index) const {
    for (const std::size_t other : with_destination_of(rules_[index].input)) {
      if (other == index) break;
      if (rules_[other].input == rules_[index].input) return other;
    }
    return std::nullopt;
  }

  /// A shortest way from rule `from` to rule `to`, both included, where each rule feeds the next.
  /// Empty where there is none.
  [[nodiscard]] std::vector<std::size_t> path(std::size_t from, std::size_t to) const {
    std::map<std::size_t, std::size_t> reached_from{{from, from}};
    std::vector<std::size_t> to_visit{from};
    for (std::size_t next = 0; next < to_visit.size() && !reached_from.contains(to); ++next) {
      for (const Endpoint& output : rules_[to_visit[next]].outputs) {
        for (const std::size_t fed : fed_by(output)) {
          if (reached_from.emplace(fed, to_visit[next]).second) to_visit.push_back(fed);
        }
      }
    }
    if (!reached_from.contains(to)) return {};
    std::vector<std::size_t> way{to};
    while (way.back() != from) way.push_back(reached_from.at(way.back()));
    std::ranges::reverse(way);
    return way;
  }

 private:
  using Destination = std::pair<Address, std::uint16_t>;

  static Destination destination(const Endpoint& endpoint) {
    return {endpoint.group, endpoint.port};
  }

  [[nodiscard]] std::span<const std::size_t> with_destination_of(const Endpoint& endpoint) const {
    const auto found = by_destination_.find(destination(endpoint));
    if (found == by_destination_.end()) return {};
    return found->second;
  }

  std::span<const Rule> rules_;
  std::map<Destination, std::vector<std::size_t>> by_destination_;  ///< indices in rule order
};

/// Collects the findings about one set of rules.
class Check {
 public:
  explicit Check(std::span<const Rule> rules) : rules_(rules), feeds_(rules) {}

  std::vector<Error> run() {
    for (std::size_t index = 0; index < rules_.size(); ++index) {
      check_input(index);
      check_outputs(index);
    }
    return std::move(findings_);
  }

 private:
  void check_input(std::size_t index) {
    const Endpoint& input = rules_[index].input;
    const std::string written = to_string(input);
    if (input.interface.empty()) {
      report(index, "input " + written +
                        " has no interface; expected the one that the datagrams arrive on; write " +
                        written + "%INTERFACE");
    }
    if (const auto earlier = feeds_.earlier_with_same_input(index)) {
      report(index, "input " + written + " is already the input of " + title(*earlier) +
                        "; expected every input once; give one rule the outputs of both");
    }
  }

  void check_outputs(std::size_t index) {
    const std::vector<Endpoint>& outputs = rules_[index].outputs;
    if (outputs.empty()) {
      report(index, "no output; expected at least one; add one, like 239.1.1.2:5000%eth1");
    }
    for (auto output = outputs.begin(); output != outputs.end(); ++output) {
      const std::string written = to_string(*output);
      const bool lacks_interface = output->group.is_multicast() && output->interface.empty();
      if (lacks_interface) {
        report(index, "output " + written +
                          " is multicast and has no interface; expected the one to send on; "
                          "write " +
                          written + "%INTERFACE");
      }
      if (std::count(outputs.begin(), output, *output) == 1) {
        report(index, "output " + written +
                          " is written more than once; expected every output once; remove the "
                          "others");
      }
      if (!lacks_interface) check_feeding(index, *output);
    }
  }

  /// One finding for an output that feeds rules, about one that feeds back to this rule if any
  /// does.
  void check_feeding(std::size_t index, const Endpoint& output) {
    const std::vector<std::size_t> fed = feeds_.fed_by(output);
    if (fed.empty()) return;
    for (const std::size_t other : fed) {
      const std::vector<std::size_t> way_back = feeds_.path(other, index);
      if (way_back.empty()) continue;
      std::string round = title(index);
      for (const std::size_t step : way_back) round += " -> " + title(step);
      report(index, "output " + to_string(output) + " is the input of " + title(other) +
                        " and closes a loop, " + round +
                        "; expected an output that no rule takes in; change its group, port or "
                        "interface");
      return;
    }
    report(index, "output " + to_string(output) + " is the input of " + title(fed.front()) +
                      ", a loop within this host; expected an output that no rule takes in; "
                      "write the outputs of " +
                      title(fed.front()) + " into this rule instead");
  }

  void report(std::size_t index, const std::string& finding) {
    findings_.push_back({.message = title(index) + ": " + finding});
  }

  [[nodiscard]] std::string title(std::size_t index) const {
    const std::string& name = rules_[index].name;
    return "rule " + (name.empty() ? std::to_string(index + 1) : quoted(name));
  }

  std::span<const Rule> rules_;
  FeedsIndex feeds_;
  std::vector<Error> findings_;
};

}  // namespace

std::vector<Error> check(std::span<const Rule> rules) { return Check(rules).run(); }

}  // namespace reprise::engine
