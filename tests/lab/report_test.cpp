#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "picture_scenario.hpp"
#include "reprise/lab/report_input.hpp"
#include "reprise/lab/report_page.hpp"
#include "reprise/lab/report_svg.hpp"
#include "reprise/lab/run.hpp"

namespace reprise::lab {
namespace {

using nlohmann::ordered_json;

const char* const kExplanation = R"({"metric":"ns_per_datagram","from":100.5,"to":460.5,"corners":[
{"on":[],"value":100.5},{"on":["drain"],"value":110.5},{"on":["backlog"],"value":100.5},
{"on":["drain","backlog"],"value":460.5}],"factors":[{"name":"drain","shapley":185.0},
{"name":"backlog","shapley":175.0}],"dividends":[{"factors":["drain"],"value":10.0},
{"factors":["backlog"],"value":0.0},{"factors":["drain","backlog"],"value":350.0}],
"sentence":"they only hurt together"})";
const char* const kFrontier = R"({"of":"pool","frontier":[
{"vary":{"burst":"8","policy":"eager"},"smallest_safe":11,"below":{"value":10,"refused":3}},
{"vary":{"burst":"16","policy":"eager"},"smallest_safe":19,"below":{"value":18,"refused":1}},
{"vary":{"burst":"8","policy":"deferred"},"smallest_safe":22,"below":{"value":21,"refused":7}},
{"vary":{"burst":"16","policy":"deferred"},"smallest_safe":41,"below":null,"trials":[{"value":1}]},
{"vary":{"burst":"32","policy":"deferred"},"smallest_safe":null,"below":null}]})";
const char* const kSwarm = R"({"scenario":"s","runs":1000,"failed":1,"failures":[{"seed":7,
"failed":[{"field":"reordered","expected":0,"found":3,"held":false}]}],
"faults":{"down":{"runs":3,"count":9}},"coverage":{"sites":31}})";

ReportInput input_of(const std::string& text, const std::string& name = "result.json") {
  auto input = parse_report_input(text, name);
  EXPECT_TRUE(input) << (input ? "" : input.error().message);
  return input.value_or(ReportInput{});
}

ordered_json run_json(std::uint32_t points = 0) {
  RunControl control;
  control.series_points = points;
  RunResult result = run(tests::troubled_scenario(), 3, control);
  result.scenario = "<script>alert(\"title\")</script> & 'more'";
  return to_json(result);
}

std::string compare_text() {
  ordered_json results = ordered_json::array();
  for (const char* policy : {"eager", "deferred"}) {
    ordered_json entry{{"vary", {{"policy", policy}}}};
    entry.update(run_json(30));
    results.push_back(std::move(entry));
  }
  return ordered_json{{"results", results}}.dump();
}

/// Everything that a page can hold.
std::string whole_page() {
  std::vector<ReportInput> inputs;
  inputs.push_back(input_of(run_json(60).dump(), "first.json"));
  inputs.push_back(input_of(run_json().dump(), "second.json"));
  inputs.push_back(input_of(compare_text(), "compare.json"));
  inputs.push_back(input_of(kExplanation, "explain.json"));
  inputs.push_back(input_of(kFrontier, "size.json"));
  inputs.push_back(input_of(kSwarm, "swarm.json"));
  return report_page("A <b>title</b>", inputs);
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  std::vector<std::string> found;
  const std::regex expression(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at)
    found.push_back((*at)[1].str());
  return found;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Elements that are open at the end, or closed in a wrong order; empty: they nest.
std::string wrongly_nested(const std::string& page) {
  static const std::set<std::string> kVoid{"meta", "br"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const bool closes = page[at + 1] == '/';
    const std::size_t start = at + (closes ? 2 : 1);
    const std::string name = page.substr(start, page.find_first_of(" >/", start) - start);
    if (name == "!doctype" || kVoid.contains(name) || page[end - 1] == '/') continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> at " + page.substr(at, 60);
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + ">";
}

TEST(Report, ElementsNestAndNamesAreUnique) {
  const std::string page = whole_page();
  EXPECT_EQ(wrongly_nested(page), "");
  std::set<std::string> seen;
  for (const std::string& id : matches(page, " id=\"([^\"]*)\"")) {
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
  for (const std::string& target : matches(page, "href=\"#([^\"]*)\""))
    EXPECT_TRUE(seen.contains(target)) << target;
}

TEST(Report, LoadsNothingAndRunsNothing) {
  std::string page = whole_page();
  EXPECT_TRUE(has(page, "default-src 'none'"));
  const std::string name_space = "http://www.w3.org/2000/svg";
  for (std::size_t at = page.find(name_space); at != std::string::npos; at = page.find(name_space))
    page.erase(at, name_space.size());
  for (const char* word : {"http:", "https:", "//www", " src=", "url(", "@import", "<script",
                           "<link", "<iframe", "<img", "javascript:", " onload", " onclick"})
    EXPECT_FALSE(has(page, word)) << word;
}

TEST(Report, WhatComesFromFilesStaysText) {
  const std::string page = whole_page();
  EXPECT_TRUE(has(page, "&lt;script&gt;alert(&quot;title&quot;)&lt;/script&gt; &amp; &#39;more"));
  EXPECT_TRUE(has(page, "<title>A &lt;b&gt;title&lt;/b&gt;</title>"));
  EXPECT_EQ(escaped("a\x01\x7f<"), "a\xef\xbf\xbd\xef\xbf\xbd&lt;");
  ordered_json odd = ordered_json::parse(kExplanation);
  for (const char* key : {"metric", "sentence"}) odd[key] = "<script>";
  odd["factors"][0]["name"] = odd["dividends"][0]["factors"][0] = "\"><script>";
  odd["corners"][1]["on"][0] = "<script>";
  ordered_json swarm = ordered_json::parse(kSwarm);
  swarm["<script>"] = "<script>";
  swarm["failures"][0]["<script>"] = "<script>";
  const std::string odd_page =
      report_page("t", {input_of(odd.dump(), "<script>.json"), input_of(swarm.dump())});
  EXPECT_FALSE(has(odd_page, "<script"));
  EXPECT_EQ(wrongly_nested(odd_page), "");
}

TEST(Report, EveryPictureIsNamedAndDescribedAndHasATable) {
  const std::string page = whole_page();
  const auto pictures = matches(page, "role=\"img\" aria-labelledby=\"([^\"]*)\"");
  EXPECT_GE(pictures.size(), 5U);
  for (const std::string& names : pictures) {
    const std::string id = names.substr(0, names.find("-title"));
    EXPECT_EQ(names, id + "-title " + id + "-desc");
    EXPECT_TRUE(has(page, "<title id=\"" + id + "-title\">")) << id;
    EXPECT_TRUE(has(page, "<desc id=\"" + id + "-desc\">")) << id;
  }
  // Other pictures are bars beside their own text.
  EXPECT_EQ(matches(page, "<(svg)[^>]*>").size(),
            pictures.size() + matches(page, "<(svg)[^>]*aria-hidden=\"true\"").size() +
                matches(page, "<(svg)[^>]*preserveAspectRatio").size());
  for (const char* caption :
       {"All runs.", "Mean number of outstanding buffers, by place.", "Shapley values", "Dividends",
        "Corners", "The frontier", "The campaign.", "interval"})
    EXPECT_TRUE(std::ranges::any_of(matches(page, "<caption>([^<]*)"),
                                    [&](const std::string& text) { return has(text, caption); }))
        << caption;
}

TEST(Report, TellsWhatTheResultsTell) {
  const std::string page = whole_page();
  EXPECT_TRUE(has(page, "(first.json)"));
  EXPECT_TRUE(has(page, "policy=deferred"));
  EXPECT_TRUE(has(page, "they only hurt together"));
  EXPECT_TRUE(has(page, "<span>drain × backlog</span><b>+350.000</b>"));
  EXPECT_TRUE(has(page, "<span>to</span><b>460.500</b>"));
  EXPECT_TRUE(has(page, "<th scope=\"row\">sum</th><td></td><td></td><td></td><td>+360.000</td>"));
  EXPECT_TRUE(has(page, "<td>41</td>"));
  EXPECT_TRUE(has(page, "policy=eager"));
  EXPECT_TRUE(has(page, "smallest safe pool"));
  EXPECT_TRUE(has(page, "<td>value 10, refused 3</td>"));
  EXPECT_TRUE(has(page, ">field reordered, expected 0, found 3, held no</td>"));
  EXPECT_TRUE(has(page, "<th scope=\"row\">down</th><td>runs 3, count 9</td>"));
}

// The waterfall's last step ends where its total does.
TEST(Report, DividendsLeadFromTheOneEndToTheOther) {
  const std::string page = report_page("t", {input_of(kExplanation)});
  const auto widths =
      matches(page, "<rect x=\"[^\"]*\" y=\"0.00\" width=\"([0-9.]*)%\" height=\"14.00\"");
  ASSERT_EQ(widths.size(), 4U);
  EXPECT_NEAR(std::stod(widths[0]) + std::stod(widths[1]) + std::stod(widths[2]),
              std::stod(widths[3]), 0.05);
}

TEST(Report, AnInterruptedResultSaysSo) {
  ordered_json result = run_json();
  result["complete"] = false;
  ordered_json explanation = ordered_json::parse(kExplanation);
  explanation["to"] = nullptr;
  explanation["dividends"] = ordered_json::array();
  for (ordered_json& factor : explanation["factors"]) factor.erase("shapley");
  const std::string page =
      report_page("t", {input_of(result.dump()), input_of(explanation.dump())});
  EXPECT_TRUE(has(page, "interrupted; the figures cover what was simulated"));
  EXPECT_TRUE(has(page, "not all corners were simulated"));
  EXPECT_EQ(wrongly_nested(page), "");
}

TEST(ReportInput, RefusesWhatIsNoResultWithFileAndPlace) {
  ordered_json no_rate = run_json(10);
  no_rate.erase("egress_pps");
  no_rate["digest"] = "0";
  ordered_json text_rate = run_json(10);
  text_rate["egress_pps"] = "fast";
  ordered_json short_series = run_json(10);
  short_series["series"]["hops"][0]["backlog"].erase(0);
  ordered_json no_shapley = ordered_json::parse(kExplanation);
  no_shapley["factors"][1].erase("shapley");
  struct Case {
    std::string text;
    std::string words;
  };
  const std::vector<Case> cases{
      {"", "bad.json:1: no whole JSON object"},
      {"{\"a\":\n1,\n", "bad.json:3: no whole JSON object"},
      {"{} {}", "bad.json:1: no whole JSON object"},
      {"[1]", "bad.json: holds no result of a kind that is known"},
      {"{\"x\":1e999}", "bad.json: a number is out of range"},
      {no_rate.dump(), "bad.json: holds no result"},
      {text_rate.dump(), "bad.json: egress_pps: expected a number"},
      {short_series.dump(), "bad.json: series.hops[0].backlog: expected a list of"},
      {no_shapley.dump(), "bad.json: factors[1].shapley: expected a number"},
      {"{\"results\":[{}]}", "bad.json: results[0].scenario: expected a text"},
      {"{\"frontier\":7}", "bad.json: frontier: expected a list"},
      {"{\"runs\":1,\"failures\":\"none\"}", "bad.json: failures: expected a list or a number"},
      {"{\"metric\":1,\"corners\":[]}", "bad.json: metric: expected a text"},
  };
  for (const Case& one : cases) {
    const auto input = parse_report_input(one.text, "bad.json");
    ASSERT_FALSE(input) << one.text;
    EXPECT_TRUE(input.error().message.starts_with(one.words)) << input.error().message;
    EXPECT_EQ(std::ranges::count(input.error().message, '\n'), 0);
  }
}

TEST(Scale, HasRoundStepsThatCoverWhatIsShown) {
  for (const double most : {0.0, 1e-7, 0.03, 1.0, 7.3, 128'026.0, 3e12}) {
    const Scale scale(most);
    EXPECT_GE(scale.most, most);
    EXPECT_GT(scale.most, scale.least);
    EXPECT_LE(scale.most / scale.step, 10.0);
  }
  EXPECT_LE(Scale(5, -3).least, -3);
}

}  // namespace
}  // namespace reprise::lab
