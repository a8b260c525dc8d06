// Runs side by side: figures, the census, occupancy over virtual time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "reprise/lab/census.hpp"
#include "reprise/lab/report_html.hpp"
#include "reprise/lab/report_page.hpp"
#include "reprise/lab/series.hpp"

namespace reprise::lab {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t kBarsMax = 40;
constexpr std::size_t kSeriesRunsMax = 12;
constexpr std::size_t kSeriesRowsMax = 48;

struct Metric {
  const char* key;
  const char* column;
  const char* title;  ///< of its bars; nullptr: it has none
  const char* description;
  double factor;
  int decimals;
};
constexpr std::array<Metric, 11> kMetrics{{
    {"sent", "sent", nullptr, nullptr, 1, 0},
    {"egress_pps", "egress, datagrams/s", "Egress rate",
     "Datagrams a second that left the last relay.", 1, 0},
    {"no_buffer", "no buffer", nullptr, nullptr, 1, 0},
    {"no_buffer_fraction", "no buffer, %", "No buffer",
     "Share of the datagrams that found no buffer, in percent.", 100, 2},
    {"kernel_drops", "receive buffer full", nullptr, nullptr, 1, 0},
    {"outstanding_mean", "outstanding, mean", "Outstanding buffers",
     "Mean over virtual time, from the accepted datagram to its release.", 1, 2},
    {"outstanding_max", "outstanding, most", nullptr, nullptr, 1, 0},
    {"outstanding_time_mean_ns", "outstanding time, mean, µs", nullptr, nullptr, 1e-3, 2},
    {"outstanding_time_p99_ns", "outstanding time, p99, µs", "Time outstanding, p99",
     "99 % of the buffers were back within so many µs.", 1e-3, 2},
    {"in_flight_mean", "in flight, mean", "Sends in flight",
     "Mean over virtual time, from submission to the reaped completion.", 1, 2},
    {"duration_ns", "virtual time, ms", nullptr, nullptr, 1e-6, 3},
}};

double number(const ordered_json& json, const char* key) { return json[key].get<double>(); }

std::string text_of(const Metric& metric, const ordered_json& json) {
  if (!json.contains(metric.key)) return "";
  return shown(number(json, metric.key) * metric.factor, metric.decimals);
}

ReportTable comparison_table(const std::vector<ReportRun>& runs) {
  ReportTable table{"All runs. Times are virtual.", {"run"}, {}};
  for (const Metric& metric : kMetrics) table.columns.emplace_back(metric.column);
  table.columns.emplace_back("seed");
  for (const ReportRun& run : runs) {
    std::vector<std::string> row{run.label};
    for (const Metric& metric : kMetrics) row.push_back(text_of(metric, *run.json));
    row.push_back((*run.json)["seed"].dump());
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string comparison_bars(const std::vector<ReportRun>& runs) {
  std::string markup = "<div class=\"figures\">\n";
  for (const Metric& metric : kMetrics) {
    if (metric.title == nullptr) continue;
    std::vector<BarRow> rows;
    for (const ReportRun& run : runs) {
      if (rows.size() == kBarsMax) break;
      rows.push_back(
          {run.label, text_of(metric, *run.json), number(*run.json, metric.key) * metric.factor});
    }
    markup += bars_html({metric.title, metric.description}, rows);
  }
  return markup + "</div>\n";
}

/// Runs, or the relays of one.
struct CensusRow {
  std::string label;
  const ordered_json* figures = nullptr;
  double duration_ns = 0;
};

std::string_view kind_of_node(const ordered_json& run) {
  return run.contains("each_worker") ? "worker" : "relay";
}

std::vector<CensusRow> census_rows(const std::vector<ReportRun>& runs) {
  std::vector<CensusRow> rows;
  for (const ReportRun& run : runs) {
    const double duration_ns = number(*run.json, "duration_ns");
    const bool has_workers = run.json->contains("each_worker");
    const char* const nodes = has_workers ? "each_worker" : "hops";
    if (!run.json->contains(nodes)) {
      rows.push_back({run.label, run.json, duration_ns});
      continue;
    }
    rows.push_back(
        {run.label + (has_workers ? ", all workers" : ", all relays"), run.json, duration_ns});
    for (std::size_t node = 0; node < (*run.json)[nodes].size(); ++node) {
      rows.push_back({fmt::format("{}, {} {}", run.label, kind_of_node(*run.json), node + 1),
                      &(*run.json)[nodes][node], duration_ns});
    }
  }
  return rows;
}

std::string quantity_name(std::string_view key) {
  if (key == "socket_frames") return "receive buffer";
  if (key == "link_frames") return "queueing discipline";
  if (key == "hand_off") return "hand-off";
  std::string words(key);
  std::ranges::replace(words, '_', ' ');
  return words;
}

std::string census_html(const std::vector<ReportRun>& runs) {
  std::vector<std::string> places;
  for (std::size_t place = 0; place < kPlaceCount; ++place) {
    if (is_outstanding(static_cast<Place>(place)))
      places.push_back(quantity_name(kPlaceNames[place]));
  }
  ReportTable table{"Mean number of outstanding buffers, by place.", {"run"}, {}};
  table.columns.insert(table.columns.end(), places.begin(), places.end());
  std::vector<StackRow> rows;
  for (const CensusRow& row : census_rows(runs)) {
    StackRow stack{row.label, shown_short(number(*row.figures, "outstanding_mean")), {}};
    std::vector<std::string> cells{row.label};
    for (std::size_t place = 0; place < kPlaceCount; ++place) {
      if (!is_outstanding(static_cast<Place>(place))) continue;
      const double region_ns =
          (*row.figures)["outstanding_region_ns_by_place"][std::string(kPlaceNames[place])]
              .get<double>();
      stack.parts.push_back(row.duration_ns > 0 ? region_ns / row.duration_ns : 0);
      cells.push_back(shown(stack.parts.back(), 3));
    }
    if (rows.size() < kBarsMax) rows.push_back(std::move(stack));
    table.rows.push_back(std::move(cells));
  }
  return "<h3>Where the buffers were</h3>\n" +
         stacks_html({"Buffer census",
                      "Outstanding buffers by the place they were in, mean over "
                      "virtual time."},
                     places, rows) +
         table_html(table);
}

// Occupancy over virtual time.

std::vector<double> numbers(const ordered_json& list) { return list.get<std::vector<double>>(); }

bool is_zero(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return value == 0; });
}

/// One relay's series, as pictures and as a table.
class SeriesFigures {
 public:
  SeriesFigures(std::string label, const ordered_json& series, const ordered_json& hop)
      : label_(std::move(label)),
        hop_(hop),
        interval_ms_(number(series, "interval_ns") / 1e6),
        end_ms_(number(series, "end_ns") / 1e6) {
    const std::size_t count = hop["outstanding"].size();
    for (std::size_t index = 0; index < count; ++index)
      middles_ms_.push_back(start_ms(index) + length_ms(index) / 2);
  }

  [[nodiscard]] std::string html(PictureNumbers& ids) const {
    if (middles_ms_.empty()) return {};
    return "<div class=\"figures\">\n" +
           lines("Buffers and sends",
                 "Mean in each interval; the shade reaches up to the most buffers outstanding.",
                 {"outstanding", "backlog", "in_flight"}, true, ids) +
           lines("Frames and items that wait", "Mean in each interval.",
                 {"socket_frames", "link_frames", "hand_off"}, false, ids) +
           refusals(ids) + "</div>\n" + table();
  }

 private:
  [[nodiscard]] double start_ms(std::size_t index) const {
    return static_cast<double>(index) * interval_ms_;
  }
  /// The last one may be cut short.
  [[nodiscard]] double length_ms(std::size_t index) const {
    return std::clamp(end_ms_ - start_ms(index), 0.0, interval_ms_);
  }
  [[nodiscard]] std::string lines(const std::string& title, const std::string& description,
                                  const std::vector<std::string>& quantities, bool always,
                                  PictureNumbers& ids) const {
    LineFigure figure{
        {title + ": " + label_, description}, "virtual time, ms", 0, end_ms_, middles_ms_, {}};
    for (const std::string& quantity : quantities) {
      LineSeries line{quantity_name(quantity), numbers(hop_[quantity]), {}};
      if (quantity == "outstanding") line.most = numbers(hop_["outstanding_max"]);
      if (always || !is_zero(line.values)) figure.lines.push_back(std::move(line));
    }
    return figure.lines.empty() ? std::string() : lines_html(figure, ids.next());
  }

  [[nodiscard]] std::string refusals(PictureNumbers& ids) const {
    LineSeries line{"no buffer", numbers(hop_["no_buffer"]), {}};
    if (is_zero(line.values)) return {};
    double most = 0;
    double sum = 0;
    for (std::size_t index = 0; index < line.values.size(); ++index) {
      double& value = line.values[index];
      sum += value;
      // A rate over a small rest would tell of nothing but its length.
      const bool is_rest = length_ms(index) < interval_ms_ / 2;
      value = is_rest ? std::numeric_limits<double>::quiet_NaN() : value / length_ms(index);
      if (!is_rest) most = std::max(most, value);
    }
    line.most = line.values;
    const std::string description =
        fmt::format("Datagrams for each ms that found no buffer: {} in all, at most {} for a ms.",
                    shown(sum), shown_short(most));
    return lines_html({{"No buffer: " + label_, description},
                       "virtual time, ms",
                       0,
                       end_ms_,
                       middles_ms_,
                       {line}},
                      ids.next());
  }

  [[nodiscard]] std::string table() const {
    const std::size_t step = (middles_ms_.size() + kSeriesRowsMax - 1) / kSeriesRowsMax;
    ReportTable table{step == 1 ? "Every interval: " + label_
                                : fmt::format("One of {} intervals: {}", step, label_),
                      {"from, ms"},
                      {}};
    std::vector<std::string> keys(kQuantityNames.begin(), kQuantityNames.end());
    keys.insert(keys.end(), {"outstanding_max", "arrived", "no_buffer"});
    for (const std::string& key : keys) table.columns.push_back(quantity_name(key));
    for (std::size_t index = 0; index < middles_ms_.size(); index += step) {
      std::vector<std::string> row{shown(start_ms(index), 3)};
      for (const std::string& key : keys)
        row.push_back(shown_short(hop_[key][index].get<double>()));
      table.rows.push_back(std::move(row));
    }
    return details_html("The same in figures: " + label_, table_html(table));
  }

  std::string label_;
  const ordered_json& hop_;
  double interval_ms_;
  double end_ms_;
  std::vector<double> middles_ms_;
};

std::string occupancy_html(const std::vector<ReportRun>& runs, PictureNumbers& ids) {
  std::string markup;
  std::size_t drawn = 0;
  std::size_t all = 0;
  for (const ReportRun& run : runs) {
    if (!run.json->contains("series")) continue;
    const ordered_json& series = (*run.json)["series"];
    for (std::size_t hop = 0; hop < series["hops"].size(); ++hop) {
      if (++all > kSeriesRunsMax) continue;
      const std::string label =
          series["hops"].size() == 1
              ? run.label
              : fmt::format("{}, {} {}", run.label, kind_of_node(*run.json), hop + 1);
      markup += SeriesFigures(label, series, series["hops"][hop]).html(ids);
      ++drawn;
    }
  }
  if (all == 0) return {};
  if (drawn < all)
    markup += note_html(fmt::format("{} of {} relays are drawn.", drawn, all), "soft");
  return "<h3>Occupancy over virtual time</h3>\n" + markup;
}

bool is_false(const ordered_json& json, const char* key) {
  return json.contains(key) && json[key].is_boolean() && !json[key].get<bool>();
}

}  // namespace

std::string runs_html(const std::vector<ReportRun>& runs, PictureNumbers& ids) {
  std::string markup;
  for (const ReportRun& run : runs) {
    if (is_false(*run.json, "complete"))
      markup +=
          note_html(run.label + ": interrupted; the figures cover what was simulated.", "alert");
    if (is_false(*run.json, "laws_hold"))
      markup +=
          note_html(run.label + ": a conservation law does not hold: this is a bug.", "alert");
  }
  if (runs.empty()) return note_html("No run has finished.", "alert");
  markup += table_html(comparison_table(runs)) + comparison_bars(runs);
  if (runs.size() > kBarsMax) {
    markup += note_html(fmt::format("The bars show the first {} of {} runs, the tables all.",
                                    kBarsMax, runs.size()),
                        "soft");
  }
  return markup + census_html(runs) + occupancy_html(runs, ids);
}

}  // namespace reprise::lab
