#include "reprise/lab/report_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace reprise::lab {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) {
          out += "\xef\xbf\xbd";
        } else {
          out += letter;
        }
    }
  }
  return out;
}

std::string Extent::text() const { return fmt::format("{:.2f}{}", value_, unit_); }

namespace {

double step_for(double range) {
  const double rough = range / 5;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Scale::Scale(double most_shown, double least_shown) {
  const double least_wanted = std::min(least_shown, 0.0);
  const double most_wanted = std::max(most_shown, 0.0);
  constexpr double kRangeLeast = 1e-9;
  const double range = most_wanted - least_wanted;
  step = range < kRangeLeast ? 1 : step_for(range);
  least = std::floor(least_wanted / step) * step;
  most = std::ceil(most_wanted / step) * step;
  if (most <= least) most = least + step;
}

Svg::Svg(std::string_view attributes)
    : body_(fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" {}>\n", attributes)) {}

void Svg::describe(std::string_view title, std::string_view description, std::string_view id) {
  body_ += fmt::format("<title id=\"{0}-title\">{1}</title>\n<desc id=\"{0}-desc\">{2}</desc>\n",
                       id, escaped(title), escaped(description));
}

void Svg::text(SvgPoint at, std::string_view words, const char* anchor, std::string_view style) {
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" {}>{}</text>\n", at.x.text(),
                       at.y.text(), anchor, style, escaped(words));
}

void Svg::line(SvgPoint from, SvgPoint to, std::string_view style) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", from.x.text(),
                       from.y.text(), to.x.text(), to.y.text(), style);
}

void Svg::rectangle(SvgPoint corner, Extent width, Extent height, std::string_view style,
                    std::string_view title) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}", corner.x.text(),
                       corner.y.text(), width.text(), height.text(), style);
  body_ += title.empty() ? "/>\n" : fmt::format("><title>{}</title></rect>\n", escaped(title));
}

void Svg::circle(SvgPoint centre, double radius, std::string_view style) {
  body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{:.1f}\" {}/>\n", centre.x.text(),
                       centre.y.text(), radius, style);
}

void Svg::path(std::span<const std::array<double, 2>> points, bool is_closed,
               std::string_view style) {
  if (points.empty()) return;
  body_ += "<path d=\"";
  char command = 'M';
  for (const auto& [x, y] : points) {
    body_ += fmt::format("{}{:.2f} {:.2f}", command, x, y);
    command = 'L';
  }
  body_ += fmt::format("{}\" {}/>\n", is_closed ? "Z" : "", style);
}

}  // namespace reprise::lab
