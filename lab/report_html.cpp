#include "reprise/lab/report_html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reprise/lab/report_svg.hpp"

namespace reprise::lab {
namespace {

constexpr std::size_t kColours = 8;  ///< of the page's style

std::string row_head(std::string_view label, std::string_view value) {
  return fmt::format("<div class=\"row\"><span>{}</span><b>{}</b></div>\n", escaped(label),
                     escaped(value));
}

std::string figure_html(const FigureText& text, const std::string& markup) {
  return fmt::format("<figure>\n<figcaption><strong>{}</strong><br>{}</figcaption>\n{}</figure>\n",
                     escaped(text.title), escaped(text.description), markup);
}

/// A picture beside its text: nothing to read out.
Svg bar_svg() { return Svg("class=\"bar\" width=\"100%\" height=\"14\" aria-hidden=\"true\""); }

std::string colour(std::size_t index) { return fmt::format("class=\"c{}\"", index % kColours); }

std::string legend_html(const std::vector<std::string>& names, bool are_lines) {
  std::string markup = "<ul class=\"legend\">";
  for (std::size_t index = 0; index < names.size(); ++index) {
    Svg swatch("width=\"22\" height=\"12\" aria-hidden=\"true\"");
    if (are_lines) {
      swatch.line({0, 6}, {22, 6}, fmt::format("class=\"l{}\"", index % kColours));
    } else {
      swatch.rectangle({0, 0}, 12, 12, colour(index));
    }
    markup += fmt::format("<li>{}{}</li>", swatch.str(), escaped(names[index]));
  }
  return markup + "</ul>\n";
}

}  // namespace

std::string shown(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", std::abs(value), decimals);
  const bool is_negative = value < 0 && text.find_first_of("123456789") != std::string::npos;
  const std::size_t end = std::min(text.find('.'), text.size());
  for (std::size_t place = end; place > 3; place -= 3) text.insert(place - 3, ",");
  return is_negative ? "−" + text : text;
}

std::string shown_short(double value) {
  const double size = std::abs(value);
  const bool is_whole = value == std::round(value);
  return shown(value, is_whole || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

std::string table_html(const ReportTable& table) {
  std::string markup = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n"
      "<caption>{0}</caption>\n<thead><tr>",
      escaped(table.caption));
  for (const std::string& column : table.columns)
    markup += fmt::format("<th scope=\"col\">{}</th>", escaped(column));
  markup += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    markup += "<tr>";
    for (std::size_t cell = 0; cell < row.size(); ++cell) {
      constexpr std::size_t kLong = 24;  // such a cell's text may go on in further lines
      const std::string_view element = cell == 0                  ? "th scope=\"row\""
                                       : row[cell].size() > kLong ? "td class=\"text\""
                                                                  : "td";
      markup += fmt::format("<{}>{}</{}>", element, escaped(row[cell]), element.substr(0, 2));
    }
    markup += "</tr>\n";
  }
  return markup + "</tbody></table></div>\n";
}

std::string bars_html(const FigureText& text, const std::vector<BarRow>& rows) {
  double most = 0;
  for (const BarRow& row : rows) most = std::max(most, row.value);
  std::string markup;
  for (const BarRow& row : rows) {
    Svg bar = bar_svg();
    bar.rectangle({0, 0}, Extent::percent(most > 0 ? 100 * std::max(row.value, 0.0) / most : 0), 14,
                  colour(0));
    markup += row_head(row.label, row.value_text) + bar.str();
  }
  return figure_html(text, markup);
}

std::string stacks_html(const FigureText& text, const std::vector<std::string>& part_names,
                        const std::vector<StackRow>& rows) {
  double most = 0;
  for (const StackRow& row : rows) {
    double sum = 0;
    for (const double part : row.parts) sum += part;
    most = std::max(most, sum);
  }
  std::string markup = legend_html(part_names, false);
  for (const StackRow& row : rows) {
    Svg bar = bar_svg();
    double at = 0;
    for (std::size_t part = 0; part < row.parts.size(); ++part) {
      const double width = most > 0 ? 100 * row.parts[part] / most : 0;
      if (width > 0) {
        bar.rectangle({Extent::percent(at), 0}, Extent::percent(width), 14, colour(part),
                      fmt::format("{} {}", part_names[part], shown_short(row.parts[part])));
      }
      at += width;
    }
    markup += row_head(row.label, row.value_text) + bar.str();
  }
  return figure_html(text, markup);
}

std::string steps_html(const FigureText& text, const std::vector<StepRow>& rows) {
  double least = 0;
  double most = 0;
  for (const StepRow& row : rows) {
    least = std::min({least, row.from, row.to});
    most = std::max({most, row.from, row.to});
  }
  const double range = most > least ? most - least : 1;
  const auto place = [&](double value) { return 100 * (value - least) / range; };
  std::string markup;
  for (const StepRow& row : rows) {
    Svg bar = bar_svg();
    const double from = place(row.from);
    const double to = place(row.to);
    const std::size_t which = row.is_total ? 7 : row.to >= row.from ? 4 : 3;
    bar.rectangle({Extent::percent(std::min(from, to)), 0},
                  Extent::percent(std::max(std::abs(to - from), 0.3)), 14, colour(which));
    if (least < 0) {
      bar.line({Extent::percent(place(0)), 0}, {Extent::percent(place(0)), 14}, "class=\"axis\"");
    }
    markup += row_head(row.label, row.value_text) + bar.str();
  }
  return figure_html(text, markup);
}

namespace {

constexpr double kTop = 18;  ///< of the plot, in pixels: a label has room above its line
constexpr double kBottom = 190;
constexpr double kHeight = 230;

/// Shares of the plot's width and height, 0 at the bottom, for a picture stretched over it.
constexpr double kStretched = 1000;

std::string tick_text(double value) {
  return std::abs(value) >= 1000 ? shown_short(value) : fmt::format("{:.4g}", value);
}

class LinePlot {
 public:
  explicit LinePlot(const LineFigure& figure)
      : figure_(figure),
        y_(most_of(figure)),
        range_(figure.x_most > figure.x_least ? figure.x_most - figure.x_least : 1) {}

  [[nodiscard]] std::string html(const std::string& id) const {
    Svg svg(
        fmt::format("class=\"plot\" width=\"100%\" height=\"{0}\" role=\"img\" "
                    "aria-labelledby=\"{1}-title {1}-desc\"",
                    kHeight, id));
    svg.describe(figure_.text.title, figure_.text.description, id);
    add_grid(svg);
    Svg stretched(
        fmt::format("x=\"0\" y=\"{0}\" width=\"100%\" height=\"{1}\" "
                    "viewBox=\"0 0 {2} {2}\" preserveAspectRatio=\"none\"",
                    kTop, kBottom - kTop, kStretched));
    for (std::size_t index = 0; index < figure_.lines.size(); ++index) add_line(stretched, index);
    svg.add(stretched);
    if (figure_.has_dots) add_dots(svg);
    add_labels(svg);  // over the lines
    return svg.str();
  }

 private:
  static double most_of(const LineFigure& figure) {
    double most = 0;
    for (const LineSeries& line : figure.lines) {
      for (const auto* values : {&line.values, &line.most}) {
        for (const double value : *values) {
          if (std::isfinite(value)) most = std::max(most, value);
        }
      }
    }
    return most;
  }
  [[nodiscard]] double x_share(double x) const { return (x - figure_.x_least) / range_; }
  [[nodiscard]] double y_pixels(double value) const {
    return kBottom - (kBottom - kTop) * y_.share(value);
  }

  void add_grid(Svg& svg) const {
    for (double tick = 0; tick <= y_.most * 1.0001; tick += y_.step) {
      svg.line({0, y_pixels(tick)}, {Extent::percent(100), y_pixels(tick)},
               tick == 0 ? "class=\"axis\"" : "class=\"grid\"");
    }
  }

  void add_labels(Svg& svg) const {
    for (double tick = 0; tick <= y_.most * 1.0001; tick += y_.step)
      svg.text({0, y_pixels(tick) - 4}, tick_text(tick), "start");
    constexpr std::array<double, 3> kShares{0, 0.5, 1};
    constexpr std::array<const char*, 3> kAnchors{"start", "middle", "end"};
    for (std::size_t tick = 0; tick < kShares.size(); ++tick) {
      svg.text({Extent::percent(100 * kShares[tick]), kBottom + 16},
               tick_text(figure_.x_least + range_ * kShares[tick]), kAnchors[tick]);
    }
    svg.text({Extent::percent(50), kBottom + 34}, figure_.x_name, "middle");
  }

  [[nodiscard]] std::array<double, 2> stretched_point(std::size_t at, double value) const {
    return {kStretched * x_share(figure_.xs[at]), kStretched * (1 - y_.share(value))};
  }

  void add_line(Svg& svg, std::size_t index) const {
    const LineSeries& line = figure_.lines[index];
    std::vector<std::array<double, 2>> points;
    for (std::size_t at = 0; at < line.values.size(); ++at) {
      if (std::isfinite(line.values[at])) points.push_back(stretched_point(at, line.values[at]));
    }
    if (line.most.size() == line.values.size()) {
      std::vector<std::array<double, 2>> band = points;
      for (std::size_t at = line.most.size(); at-- > 0;) {
        if (std::isfinite(line.values[at])) band.push_back(stretched_point(at, line.most[at]));
      }
      svg.path(band, true, fmt::format("class=\"band d{}\"", index % kColours));
    }
    svg.path(points, false, fmt::format("class=\"l{}\"", index % kColours));
  }

  void add_dots(Svg& svg) const {
    for (std::size_t index = 0; index < figure_.lines.size(); ++index) {
      const LineSeries& line = figure_.lines[index];
      for (std::size_t at = 0; at < line.values.size(); ++at) {
        if (!std::isfinite(line.values[at])) continue;
        svg.circle({Extent::percent(100 * x_share(figure_.xs[at])), y_pixels(line.values[at])}, 4,
                   fmt::format("class=\"d{}\"", index % kColours));
      }
    }
  }

  const LineFigure& figure_;
  Scale y_;
  double range_;
};

}  // namespace

std::string lines_html(const LineFigure& figure, const std::string& id) {
  if (figure.xs.empty()) return {};
  std::vector<std::string> names;
  names.reserve(figure.lines.size());
  for (const LineSeries& line : figure.lines) names.push_back(line.name);
  const std::string legend = names.size() > 1 ? legend_html(names, true) : std::string();
  return figure_html(figure.text, legend + LinePlot(figure).html(id));
}

std::string details_html(std::string_view summary, const std::string& markup) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escaped(summary), markup);
}

std::string note_html(std::string_view text, std::string_view kind) {
  return fmt::format("<p class=\"{}\">{}</p>\n", kind, escaped(text));
}

}  // namespace reprise::lab
