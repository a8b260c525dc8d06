#include "plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "reprise/lab/report_svg.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Expected;

constexpr double kWidth = 720;
constexpr double kLeft = 150;  ///< of the plotting area
constexpr double kRight = 690;
constexpr double kTop = 50;

lab::Svg picture(const std::string& title, double height) {
  lab::Svg svg(fmt::format("viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"13\"",
                           kWidth, height));
  svg.rectangle({0, 0}, kWidth, height, "fill=\"#ffffff\"");
  svg.text({20, 26}, title, "start", "font-weight=\"bold\" font-size=\"15\"");
  return svg;
}

std::string stroke(const char* colour, double width = 1) {
  return fmt::format("stroke=\"{}\" stroke-width=\"{}\"", colour, width);
}

std::string fill(const char* colour) { return fmt::format("fill=\"{}\"", colour); }

Expected<void> write(const lab::Svg& svg, const std::filesystem::path& path) {
  std::ofstream file(path);
  if (!(file << svg.str() << std::flush))
    return engine::failure(path.string() + ": cannot be written");
  return {};
}

double along_x(const lab::Scale& scale, double value) {
  return kLeft + (kRight - kLeft) * scale.share(value);
}

struct Bar {
  std::string relay;
  const char* colour;
  Spread spread;
};

Expected<void> write_bars(const std::filesystem::path& path, const std::string& title,
                          const std::string& unit, const std::vector<Bar>& bars) {
  constexpr double kBar = 18;
  constexpr double kPitch = 28;
  double most = 0;
  for (const Bar& bar : bars) most = std::max(most, bar.spread.most);
  if (most <= 0) return {};
  const lab::Scale scale(most * 1.12);
  const double bottom = kTop + kPitch * static_cast<double>(bars.size());
  lab::Svg svg = picture(title, bottom + 55);
  for (double tick = 0; tick <= scale.most * 1.0001; tick += scale.step) {
    const double x = along_x(scale, tick);
    svg.line({x, kTop - 4}, {x, bottom}, stroke("#dddddd"));
    svg.text({x, bottom + 18}, fmt::format("{:g}", tick), "middle");
  }
  svg.text({(kLeft + kRight) / 2, bottom + 40}, unit, "middle");
  for (std::size_t index = 0; index < bars.size(); ++index) {
    const Bar& bar = bars[index];
    const double y = kTop + kPitch * static_cast<double>(index) + (kPitch - kBar) / 2;
    const double middle = y + kBar / 2;
    const double end = along_x(scale, bar.spread.median);
    svg.text({kLeft - 10, middle + 4}, bar.relay, "end");
    svg.rectangle({kLeft, y}, end - kLeft, kBar, fill(bar.colour));
    svg.line({along_x(scale, bar.spread.least), middle}, {along_x(scale, bar.spread.most), middle},
             stroke("#000000", 1.5));
    const std::string figure =
        fmt::format("{:.{}f}", bar.spread.median, bar.spread.median < 100 ? 1 : 0);
    svg.text({along_x(scale, bar.spread.most) + 6, middle + 4}, figure, "start");
  }
  return write(svg, path);
}

Expected<void> write_delivered(const std::filesystem::path& path, const Results& results,
                               const std::vector<Relay>& relays) {
  constexpr double kBottom = 400;
  constexpr double kLegend = 535;  ///< where the lines end and their names begin
  double most = 0;
  for (const Relay& relay : relays) {
    for (const char* tried : {"rate_50k", "rate_100k", "rate_200k", "rate_400k", "rate_full"})
      most =
          std::max(most, results.median(tried, relay.name, "offered_per_second").value_or(0) / 1e3);
  }
  if (most <= 0) return {};
  const lab::Scale scale(most);
  const auto x_of = [&](double value) { return 80 + (kLegend - 80) * value / scale.most; };
  const auto y_of = [&](double value) { return kBottom - (kBottom - kTop) * value / scale.most; };
  lab::Svg svg = picture("Delivered against offered, one flow, 1400 B", kBottom + 60);
  for (double tick = 0; tick <= scale.most * 1.0001; tick += scale.step) {
    svg.line({x_of(0), y_of(tick)}, {x_of(scale.most), y_of(tick)}, stroke("#dddddd"));
    svg.line({x_of(tick), y_of(0)}, {x_of(tick), y_of(scale.most)}, stroke("#dddddd"));
    svg.text({x_of(0) - 8, y_of(tick) + 4}, fmt::format("{:g}", tick), "end");
    svg.text({x_of(tick), kBottom + 18}, fmt::format("{:g}", tick), "middle");
  }
  svg.text({(x_of(0) + x_of(scale.most)) / 2, kBottom + 42}, "offered, thousand datagrams a second",
           "middle");
  svg.text({80, kTop - 8}, "delivered, thousand a second", "start");
  svg.line({x_of(0), y_of(0)}, {x_of(scale.most), y_of(scale.most)}, stroke("#bbbbbb"));
  double legend = kTop + 10;
  for (std::size_t index = 0; index < relays.size(); ++index) {
    const char* const colour = lab::kPalette[index % lab::kPalette.size()];
    std::vector<std::pair<double, double>> points;
    for (const char* tried : {"rate_50k", "rate_100k", "rate_200k", "rate_400k", "rate_full"}) {
      const auto offered = results.median(tried, relays[index].name, "offered_per_second");
      const auto delivered = results.median(tried, relays[index].name, "delivered_per_second");
      if (!offered || !delivered) continue;
      points.emplace_back(x_of(*offered / 1e3), y_of(std::min(*delivered, *offered) / 1e3));
    }
    if (points.empty()) continue;
    std::ranges::sort(points);
    for (std::size_t point = 0; point < points.size(); ++point) {
      const auto [x, y] = points[point];
      if (point > 0)
        svg.line({points[point - 1].first, points[point - 1].second}, {x, y}, stroke(colour, 2));
      svg.circle({x, y}, 3.5, fill(colour));
    }
    svg.rectangle({kLegend + 20, legend - 9}, 12, 12, fill(colour));
    svg.text({kLegend + 38, legend + 2}, relays[index].name, "start");
    legend += 22;
  }
  return write(svg, path);
}

struct Picture {
  const char* tried;
  const char* metric;
  const char* title;
  const char* unit;
};

constexpr const char* kCpu =
    "CPU of the relay per delivered datagram, ns (bar: median; line: range)";
constexpr std::array<Picture, 12> kPictures{{
    {"rate_50k", "machine_ns", "CPU of the whole machine", "ns per delivered datagram"},
    {"rate_200k", "cpu_ns", "", kCpu},
    {"rate_full", "cpu_ns", "", kCpu},
    {"small", "cpu_ns", "", kCpu},
    {"flows_16", "cpu_ns", "", kCpu},
    {"varied", "cpu_ns", "", kCpu},
    {"no_offload", "cpu_ns", "", kCpu},
    {"fan_out_50", "cpu_ns", "", kCpu},
    {"latency", "p50_us", "Latency, half of all datagrams", "µs"},
    {"latency", "p99_us", "Latency, 99 % of all datagrams", "µs"},
    {"start", "start_ms", "", "ms"},
    {"start", "pss_mib", "Memory without packet rings", "PSS, MiB"},
}};

}  // namespace

Expected<void> write_plots(const std::string& folder, const Results& results,
                           const std::vector<Case>& cases, const std::vector<Relay>& relays) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  if (auto written =
          write_delivered(std::filesystem::path(folder) / "delivered.svg", results, relays);
      !written) {
    return written;
  }
  for (const Picture& picture : kPictures) {
    const auto tried = std::ranges::find(cases, picture.tried, &Case::name);
    if (tried == cases.end()) continue;
    std::vector<Bar> bars;
    for (std::size_t index = 0; index < relays.size(); ++index) {
      const auto spread = results.spread(picture.tried, relays[index].name, picture.metric);
      if (spread)
        bars.push_back({relays[index].name, lab::kPalette[index % lab::kPalette.size()], *spread});
    }
    if (bars.empty()) continue;
    const std::string title =
        *picture.title == '\0' ? tried->title : fmt::format("{}: {}", picture.title, tried->title);
    const std::string file = fmt::format("{}_{}.svg", picture.tried, picture.metric);
    auto written = write_bars(std::filesystem::path(folder) / file, title, picture.unit, bars);
    if (!written) return written;
  }
  return {};
}

}  // namespace reprise::bench::peers
