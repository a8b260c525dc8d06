// What is said of an explanation: the sentence, JSON and text.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "reprise/lab/explain.hpp"

namespace reprise::lab {
namespace {

using nlohmann::ordered_json;

/// Of the larger of the change and the largest dividend: less counts as nothing in the sentence.
constexpr std::int64_t kNothingPercent = 2;
/// Terms that the sentence names.
constexpr std::size_t kTermsMax = 3;

/// 1362345 as "1,362.345", "1,362.3" or "1,362"; rounds half away from zero.
std::string number(std::int64_t thousandths, int decimals = 3) {
  std::int64_t parts_per_unit = 1;
  for (int place = 0; place < decimals; ++place) parts_per_unit *= 10;
  const std::int64_t step = 1000 / parts_per_unit;
  const std::int64_t rounded = (std::abs(thousandths) + step / 2) / step;
  std::string text = fmt::format("{}", rounded / parts_per_unit);
  for (std::size_t place = text.size(); place > 3;) text.insert(place -= 3, ",");
  if (decimals > 0) text += fmt::format(".{:0{}}", rounded % parts_per_unit, decimals);
  return (thousandths < 0 && rounded != 0 ? "−" : "") + text;
}

std::string signed_number(std::int64_t thousandths) {
  return (thousandths > 0 ? "+" : "") + number(thousandths);
}

double in_units(std::int64_t thousandths) { return static_cast<double>(thousandths) / 1e3; }

std::string display_name(const ExplainedFactor& factor) {
  return factor.symbol.empty() ? factor.name : factor.symbol + " " + factor.name;
}

std::vector<std::string> names_of(const Explanation& explanation, std::size_t group) {
  std::vector<std::string> names;
  for (std::size_t factor = 0; factor < explanation.factors.size(); ++factor) {
    if ((group >> factor & 1U) != 0) names.push_back(display_name(explanation.factors[factor]));
  }
  return names;
}

/// "a", "a and b", "a, b and c"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (index > 0) text += index + 1 == names.size() ? " and " : ", ";
    text += names[index];
  }
  return text;
}

/// Builds the sentence from the dividends that count.
class Sentence {
 public:
  explicit Sentence(const Explanation& explanation)
      : explanation_(explanation), attribution_(*explanation.attribution) {
    std::int64_t scale = std::abs(attribution_.change);
    for (const std::int64_t dividend : attribution_.dividends)
      scale = std::max(scale, std::abs(dividend));
    threshold_ = std::max<std::int64_t>(scale * kNothingPercent / 100, 1);
    decimals_ = scale >= 100'000 ? 0 : scale >= 10'000 ? 1 : 3;
    for (std::size_t group = 1; group < attribution_.dividends.size(); ++group) {
      if (counts(group)) terms_.push_back(group);
    }
    std::ranges::stable_sort(terms_, std::ranges::greater(), [&](std::size_t group) {
      return std::abs(attribution_.dividends[group]);
    });
  }

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::int64_t threshold() const { return threshold_; }
  [[nodiscard]] bool counts(std::size_t group) const {
    return std::abs(attribution_.dividends[group]) >= threshold_;
  }

 private:
  [[nodiscard]] bool is_time() const {
    return explanation_.request.metric == kNanosecondsPerDatagram;
  }
  [[nodiscard]] std::string amount(std::int64_t value) const {
    return number(value, decimals_) + (is_time() ? " ns" : "");
  }
  [[nodiscard]] bool has_smaller_term(std::size_t group) const {
    return std::ranges::any_of(
        terms_, [&](std::size_t other) { return other != group && (other & ~group) == 0; });
  }
  [[nodiscard]] std::string clause(std::size_t group, bool is_first) const;
  [[nodiscard]] std::string about_the_rest() const;

  const Explanation& explanation_;
  const Attribution& attribution_;
  std::int64_t threshold_ = 1;
  int decimals_ = 0;
  std::vector<std::size_t> terms_;  ///< groups whose dividend counts, the largest first
};

/// "backlog and drain together cost 1,362 ns"
std::string Sentence::clause(std::size_t group, bool is_first) const {
  const std::int64_t value = attribution_.dividends[group];
  const int size = std::popcount(group);
  const bool is_plural = size > 1;
  const bool adds_to_others = is_plural && has_smaller_term(group);
  std::string text = listed(names_of(explanation_, group));
  if (is_plural) text += " together";
  if (!is_plural && explanation_.factors.size() > 1) text += " alone";
  const std::string_view than = size == 2 ? "than apart" : "than their parts explain";
  if (is_time()) {
    const bool costs = value > 0 || adds_to_others;
    text += fmt::format(" {}{} {}{}", costs ? "cost" : "save", is_plural ? "" : "s",
                        amount(std::abs(value)), is_first ? " per datagram" : "");
    if (adds_to_others) text += fmt::format(" {} {}", value > 0 ? "more" : "less", than);
  } else {
    text += fmt::format(" {}{} {} by {}", value > 0 ? "raise" : "lower", is_plural ? "" : "s",
                        is_first ? explanation_.request.metric : "it", amount(std::abs(value)));
    if (adds_to_others) text += fmt::format(" more {}", than);
  }
  if (is_first && std::abs(attribution_.change) < threshold_) {
    text += ", though all in all nothing changes";
  } else if (is_first) {
    text +=
        fmt::format("{} of the {} change", adds_to_others ? "," : "", amount(attribution_.change));
  }
  if (is_plural && !adds_to_others)
    text += size == 2 ? "; neither does alone" : "; no fewer of them do";
  return text;
}

/// Terms that are not named, factors in no term, and what "others" is.
std::string Sentence::about_the_rest() const {
  std::string text;
  std::int64_t rest = 0;
  for (std::size_t index = kTermsMax; index < terms_.size(); ++index)
    rest += attribution_.dividends[terms_[index]];
  if (terms_.size() > kTermsMax) {
    text += fmt::format("; {} smaller terms add up to {}", terms_.size() - kTermsMax, amount(rest));
  }
  std::size_t named = 0;
  for (const std::size_t group : terms_) named |= group;
  const std::size_t all = (std::size_t{1} << explanation_.factors.size()) - 1;
  const std::size_t without_effect = all & ~named;
  if (without_effect != 0) {
    const bool is_plural = std::popcount(without_effect) > 1;
    text += fmt::format("; {} {}{} nothing", listed(names_of(explanation_, without_effect)),
                        is_time() ? "cost" : "change", is_plural ? "" : "s");
  }
  return text;
}

std::string Sentence::text() const {
  std::string text;
  for (std::size_t index = 0; index < std::min(terms_.size(), kTermsMax); ++index)
    text += (index == 0 ? "" : "; ") + clause(terms_[index], index == 0);
  text += about_the_rest();
  if (terms_.empty()) text.erase(0, 2);
  if (explanation_.carried) {
    text += fmt::format("; others: {} of {} differences in one",
                        explanation_.factors.back().keys.size(), explanation_.differences);
  }
  return fmt::format("{}. (Below {}, {} % of the {}, counts as nothing.)", text, amount(threshold_),
                     kNothingPercent,
                     std::abs(attribution_.change) * kNothingPercent / 100 == threshold_
                         ? "change"
                         : "largest term");
}

ordered_json names_json(const Explanation& explanation, std::size_t group) {
  ordered_json names = ordered_json::array();
  for (std::size_t factor = 0; factor < explanation.factors.size(); ++factor) {
    if ((group >> factor & 1U) != 0) names.push_back(explanation.factors[factor].name);
  }
  return names;
}

/// A value as a file has it, as JSON has it.
ordered_json value_json(const std::string& value) {
  if (value.empty()) return nullptr;
  const ordered_json parsed = ordered_json::parse(value, nullptr, false);
  return parsed.is_discarded() ? ordered_json(plain_value(value)) : parsed;
}

ordered_json factor_json(const Explanation& explanation, std::size_t index) {
  const ExplainedFactor& factor = explanation.factors[index];
  ordered_json json{{"name", factor.name}};
  if (explanation.attribution) json["shapley"] = in_units(explanation.attribution->shapley[index]);
  if (explanation.attribution && explanation.request.seeds > 1) {
    json["shapley_least"] = in_units(explanation.shapley_spread[index].least);
    json["shapley_most"] = in_units(explanation.shapley_spread[index].most);
  }
  if (!factor.symbol.empty()) json["symbol"] = factor.symbol;
  if (factor.keys.size() == 1) {
    json["key"] = factor.keys.front().key;
    json["from"] = value_json(factor.keys.front().from);
    json["to"] = value_json(factor.keys.front().to);
    return json;
  }
  json["keys"] = ordered_json::array();
  for (const Factor& key : factor.keys) {
    json["keys"].push_back(
        {{"key", key.key}, {"from", value_json(key.from)}, {"to", value_json(key.to)}});
  }
  return json;
}

ordered_json corners_json(const Explanation& explanation) {
  ordered_json corners = ordered_json::array();
  for (std::size_t group = 0; group < explanation.corners.size(); ++group) {
    const std::optional<Corner>& corner = explanation.corners[group];
    if (!corner) continue;
    ordered_json json{{"on", names_json(explanation, group)}, {"value", in_units(corner->value)}};
    if (explanation.request.seeds > 1) {
      json["least"] = in_units(corner->spread.least);
      json["most"] = in_units(corner->spread.most);
    }
    corners.push_back(std::move(json));
  }
  return corners;
}

std::string interrupted_text(const Explanation& explanation) {
  return fmt::format("interrupted: {} of {} corners finished; the same call simulates them all\n",
                     explanation.corners_done(), explanation.corners.size());
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// "  label      value", padded by what is seen, not by bytes.
std::string row(const std::string& label, std::size_t width, const std::string& value,
                const std::string& more = {}) {
  constexpr std::size_t kValueWidth = 16;
  const auto padding = [](std::size_t wide, const std::string& text) {
    const std::size_t seen = width_of(text);
    return std::string(wide > seen ? wide - seen : 0, ' ');
  };
  return fmt::format("  {}{}{} {}{}{}\n", label, padding(width, label), padding(kValueWidth, value),
                     value, more.empty() ? "" : "  ", more);
}

std::size_t widest(const std::vector<std::string>& labels) {
  std::size_t width = 8;
  for (const std::string& label : labels) width = std::max(width, width_of(label));
  return width;
}

std::string spread_text(const Explanation& explanation, const Spread& spread) {
  if (explanation.request.seeds == 1) return {};
  return fmt::format("{} … {} over the seeds", number(spread.least), number(spread.most));
}

std::string shapley_text(const Explanation& explanation) {
  std::string text =
      "\nShapley values: shares of the change; what only a group does is split "
      "evenly among it\n";
  std::vector<std::string> labels;
  labels.reserve(explanation.factors.size());
  for (const ExplainedFactor& factor : explanation.factors) labels.push_back(display_name(factor));
  const std::size_t width = widest(labels);
  for (std::size_t index = 0; index < labels.size(); ++index) {
    const ExplainedFactor& factor = explanation.factors[index];
    std::string more = factor.keys.size() == 1
                           ? fmt::format("{} → {}", plain_value(factor.keys.front().from),
                                         plain_value(factor.keys.front().to))
                           : fmt::format("{} keys", factor.keys.size());
    const std::string spread = spread_text(explanation, explanation.shapley_spread[index]);
    if (!spread.empty()) more += "; " + spread;
    text += row(labels[index], width, signed_number(explanation.attribution->shapley[index]), more);
  }
  return text + row("sum", width, signed_number(explanation.attribution->change));
}

std::string dividends_text(const Explanation& explanation, const Sentence& sentence) {
  std::string text = "\ndividends: what a group adds beyond what smaller groups within it do\n";
  const std::vector<std::int64_t>& dividends = explanation.attribution->dividends;
  std::vector<std::size_t> shown;
  std::int64_t folded = 0;
  for (std::size_t group = 1; group < dividends.size(); ++group) {
    if (sentence.counts(group) || explanation.factors.size() <= kTermsMax) {
      shown.push_back(group);
    } else {
      folded += dividends[group];
    }
  }
  std::ranges::stable_sort(shown, std::ranges::greater(),
                           [&](std::size_t group) { return std::abs(dividends[group]); });
  const std::string rest = fmt::format("{} smaller ones", dividends.size() - 1 - shown.size());
  std::vector<std::string> labels{rest};
  for (const std::size_t group : shown)
    labels.push_back(fmt::format("{}", fmt::join(names_of(explanation, group), " + ")));
  const std::size_t width = widest(labels);
  for (std::size_t index = 0; index < shown.size(); ++index)
    text += row(labels[index + 1], width, signed_number(dividends[shown[index]]));
  if (shown.size() + 1 < dividends.size()) text += row(rest, width, signed_number(folded));
  return text + row("sum", width, signed_number(explanation.attribution->change));
}

std::string corners_text(const Explanation& explanation) {
  std::string text = fmt::format("\ncorners: {} with these factors as in {}\n",
                                 explanation.request.from_path, explanation.request.to_path);
  std::vector<std::string> labels;
  for (std::size_t group = 0; group < explanation.corners.size(); ++group) {
    const std::string names = fmt::format("{}", fmt::join(names_of(explanation, group), " + "));
    labels.push_back(group == 0 ? "none" : names);
  }
  const std::size_t width = widest(labels);
  for (std::size_t group = 0; group < labels.size(); ++group) {
    const std::optional<Corner>& corner = explanation.corners[group];
    if (corner) {
      text += row(labels[group], width, number(corner->value),
                  spread_text(explanation, corner->spread));
    }
  }
  return text;
}

std::string heading(const Explanation& explanation) {
  const ExplainRequest& request = explanation.request;
  const bool is_time = request.metric == kNanosecondsPerDatagram;
  std::string text = fmt::format(
      "{}{}; seed {}{}\n", request.metric,
      is_time ? ": virtual time for each datagram that left the last relay (1e9 / egress_pps)" : "",
      explanation.seed,
      request.seeds == 1 ? "" : fmt::format(" and the {} after it, mean", request.seeds - 1));
  if (explanation.carried) {
    text += fmt::format(
        "{} keys differ; delta debugging found {} of them, which alone change it by {}; all others "
        "are one factor\n",
        explanation.differences, explanation.factors.size() - 1,
        signed_number(*explanation.carried));
  }
  return text;
}

}  // namespace

std::string sentence(const Explanation& explanation) {
  return explanation.attribution ? Sentence(explanation).text() : "";
}

ordered_json to_json(const Explanation& explanation) {
  const ExplainRequest& request = explanation.request;
  const std::optional<Attribution>& attribution = explanation.attribution;
  ordered_json json{{"metric", request.metric}};
  const auto value_at = [&](const std::optional<Corner>& corner) -> ordered_json {
    return corner ? ordered_json(in_units(corner->value)) : ordered_json();
  };
  json["from"] = value_at(explanation.corners.front());
  json["to"] = value_at(explanation.corners.back());
  json["corners"] = corners_json(explanation);
  json["factors"] = ordered_json::array();
  for (std::size_t index = 0; index < explanation.factors.size(); ++index)
    json["factors"].push_back(factor_json(explanation, index));
  json["dividends"] = ordered_json::array();
  for (std::size_t group = 1; attribution && group < attribution->dividends.size(); ++group) {
    json["dividends"].push_back({{"factors", names_json(explanation, group)},
                                 {"value", in_units(attribution->dividends[group])}});
  }
  if (attribution) json["sentence"] = sentence(explanation);
  json["unit"] = request.metric == kNanosecondsPerDatagram ? "ns" : "";
  json["scenarios"] = {{"from", request.from_path}, {"to", request.to_path}};
  json["seed"] = explanation.seed;
  json["seeds"] = request.seeds;
  json["differences"] = explanation.differences;
  if (explanation.carried) json["carried"] = in_units(*explanation.carried);
  json["laws_hold"] = explanation.laws_hold;
  if (!attribution) {
    json["complete"] = false;
    json["corners_of"] = explanation.corners.size();
  }
  return json;
}

std::string to_text(const Explanation& explanation) {
  std::string text;
  if (!explanation.attribution) {
    text = heading(explanation) + corners_text(explanation) + interrupted_text(explanation);
  } else {
    const Sentence sentence(explanation);
    text = sentence.text() + "\n\n" + heading(explanation) + shapley_text(explanation) +
           dividends_text(explanation, sentence) + corners_text(explanation);
  }
  if (!explanation.laws_hold)
    text += "a conservation law does not hold: this is a bug, please report it\n";
  return text;
}

}  // namespace reprise::lab
