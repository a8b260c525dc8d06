#include "reprise/lab/report_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "reprise/lab/report_html.hpp"
#include "reprise/lab/report_style.hpp"
#include "reprise/lab/report_svg.hpp"

namespace reprise::lab {

using nlohmann::ordered_json;

namespace {

struct Section {
  std::string title;
  std::string source;
  std::string body;
};

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

/// "policy=deferred pool=64", or the scenario's name where nothing is varied.
std::string varied_label(const ordered_json& result) {
  std::string label;
  if (result.contains("vary")) {
    for (const auto& [key, value] : result["vary"].items()) {
      label += fmt::format("{}{}={}", label.empty() ? "" : " ", key,
                           value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return label.empty() ? result["scenario"].get<std::string>() : label;
}

/// Labels that several runs have get what tells them apart.
void tell_apart(std::vector<ReportRun>& runs, const std::vector<std::string>& more) {
  std::map<std::string, std::size_t> counts;
  for (const ReportRun& run : runs) ++counts[run.label];
  for (std::size_t index = 0; index < runs.size(); ++index) {
    if (counts[runs[index].label] > 1) runs[index].label += fmt::format(" ({})", more[index]);
  }
}

std::vector<Section> sections_of(const std::vector<ReportInput>& inputs) {
  std::vector<Section> sections;
  PictureNumbers ids;
  std::vector<ReportRun> runs;
  std::vector<std::string> files;
  std::string sources;
  for (const ReportInput& input : inputs) {
    if (input.kind != ReportKind::run) continue;
    runs.push_back({varied_label(input.json), &input.json});
    files.push_back(file_name(input.name));
    sources += (sources.empty() ? "" : ", ") + files.back();
  }
  if (!runs.empty()) {
    tell_apart(runs, files);
    sections.push_back({runs.size() == 1 ? runs.front().label : "Runs side by side", sources,
                        runs_html(runs, ids)});
  }
  for (const ReportInput& input : inputs) {
    const std::string source = file_name(input.name);
    switch (input.kind) {
      case ReportKind::run: break;
      case ReportKind::compare: {
        std::vector<ReportRun> points;
        for (const ordered_json& result : input.json["results"])
          points.push_back({varied_label(result), &result});
        const std::string name =
            points.empty() ? source : (*points.front().json)["scenario"].get<std::string>();
        sections.push_back({"Comparison: " + name, source, runs_html(points, ids)});
        break;
      }
      case ReportKind::explain:
        sections.push_back({"Explanation: what changed " + input.json["metric"].get<std::string>(),
                            source, explanation_html(input.json)});
        break;
      case ReportKind::frontier:
        sections.push_back({"Sizing: how many are enough", source, frontier_html(input.json, ids)});
        break;
      case ReportKind::swarm:
        sections.push_back({"Swarm: many seeds", source, swarm_html(input.json)});
        break;
    }
  }
  return sections;
}

}  // namespace

std::string report_page(std::string_view title, const std::vector<ReportInput>& inputs) {
  const std::vector<Section> sections = sections_of(inputs);
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<header>\n<h1>{0}</h1>\n"
      "<p class=\"soft\">Made by reprise-lab. All figures are simulated, all times virtual.</p>\n",
      escaped(title), kReportStyle);
  if (sections.size() > 1) {
    page += "<nav aria-label=\"Sections\"><ul>\n";
    for (std::size_t index = 0; index < sections.size(); ++index) {
      page += fmt::format("<li><a href=\"#section-{}\">{}</a></li>\n", index + 1,
                          escaped(sections[index].title));
    }
    page += "</ul></nav>\n";
  }
  page += "</header>\n<main>\n";
  for (std::size_t index = 0; index < sections.size(); ++index) {
    const Section& section = sections[index];
    page += fmt::format(
        "<section aria-labelledby=\"section-{0}\">\n<h2 id=\"section-{0}\">{1}</h2>\n"
        "<p class=\"soft\">from {2}</p>\n{3}</section>\n",
        index + 1, escaped(section.title), escaped(section.source), section.body);
  }
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace reprise::lab
