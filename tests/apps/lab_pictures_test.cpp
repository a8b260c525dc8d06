// The pictures as a user makes and opens them: files that other programs read, a page in a browser.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "program.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/monotonic_clock.hpp"

namespace reprise::tests {
namespace {

const std::string kPoisson = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";
const std::string kThreshold = REPRISE_SOURCE_FOLDER "/examples/scenarios/pool_threshold.toml";

class LabPictures : public testing::Test {
 protected:
  LabPictures()
      : folder_(std::filesystem::temp_directory_path() /
                ("reprise-pictures-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~LabPictures() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  /// A page of a comparison with series.
  void make_page() const {
    const ProgramEnd compared =
        run_program({"reprise-lab", "compare", kThreshold, "--vary", "policy=synchronous,deferred",
                     "--set", "count=2000", "--series", "50", "--json"});
    ASSERT_EQ(compared.exit_status, 0) << compared.errors;
    write("compare.json", compared.output);
    const ProgramEnd end = run_program({"reprise-lab", "report", path("compare.json"), "-o",
                                        path("page.html"), "--title", "a <script> title"});
    ASSERT_EQ(end.exit_status, 0) << end.errors;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(LabPictures, ATraceIsJsonAndSaysWhenItsLimitWasReached) {
  const ProgramEnd end = run_program({"reprise-lab", "run", kPoisson, "--set", "count=2000",
                                      "--trace", path("t.json"), "--trace-limit", "500", "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  only_object(end);
  EXPECT_NE(end.errors.find("--trace-limit"), std::string::npos) << end.errors;
  EXPECT_GE(nlohmann::json::parse(text_of("t.json"))["traceEvents"].size(), 500U);
}

TEST_F(LabPictures, CtrlCLeavesAWholeTraceAndAWholeCapture) {
  const std::vector<std::string> call{REPRISE_PROGRAM_FOLDER "/reprise-lab",
                                      "run",
                                      kPoisson,
                                      "--set",
                                      "count=500000000",
                                      "--trace",
                                      path("t.json"),
                                      "--trace-limit",
                                      "100000000",
                                      "--pcap",
                                      path("c.pcapng")};
  auto child = traffic::Child::start_program({.name = "reprise-lab"}, call);
  ASSERT_TRUE(child) << child.error().message;
  const engine::Instant deadline = traffic::monotonic_now() + engine::seconds(20);
  std::error_code ignored;
  while (!(std::filesystem::file_size(path("t.json"), ignored) > 1'000'000 && !ignored)) {
    ASSERT_LT(traffic::monotonic_now(), deadline);
    if (child->wait(engine::Duration{5'000'000}) != nullptr) break;  // it ended by itself
  }
  ::kill(child->pid(), SIGINT);
  const traffic::ChildEnd* end = child->wait(engine::seconds(20));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 1) << end->notes;
  EXPECT_TRUE(nlohmann::json::accept(text_of("t.json")));
  if (!std::filesystem::exists("/usr/bin/tcpdump")) GTEST_SKIP() << "tcpdump is not installed";
  const ProgramEnd read = run_program({"/usr/bin/tcpdump", "-nn", "-r", path("c.pcapng")});
  EXPECT_EQ(read.exit_status, 0) << read.errors;
  EXPECT_EQ(read.errors.find("truncated"), std::string::npos) << read.errors;
}

TEST_F(LabPictures, TcpdumpReadsACapture) {
  if (!std::filesystem::exists("/usr/bin/tcpdump")) GTEST_SKIP() << "tcpdump is not installed";
  const ProgramEnd end = run_program(
      {"reprise-lab", "run", kPoisson, "--set", "count=100", "--pcap", path("c.pcapng")});
  ASSERT_EQ(end.exit_status, 0) << end.errors;
  const ProgramEnd read = run_program({"/usr/bin/tcpdump", "-nn", "-r", path("c.pcapng")});
  EXPECT_EQ(read.exit_status, 0) << read.errors;
  EXPECT_EQ(std::ranges::count(read.output, '\n'), 100) << read.output;
  EXPECT_NE(read.output.find("10.1.0.1.40000 > 239.2.0.0.5000: UDP, length"), std::string::npos)
      << read.output;
}

TEST_F(LabPictures, WhatCannotBeWrittenIsRefusedInOneLine) {
  expect_refused({"reprise-lab", "run", kPoisson, "--trace", path("no/t.json")},
                 {"--trace", "no/t.json: cannot be written", "No such file"});
  expect_refused({"reprise-lab", "run", kPoisson, "--pcap", path("")}, {"--pcap", "a directory"});
  expect_refused({"reprise-lab", "run", kPoisson, "--series", "1"}, {"--series", "2 to 10000"});
  write("bad.json", "{\n\"scenario\": 3,");
  expect_refused({"reprise-lab", "report", path("bad.json"), "-o", path("p.html")},
                 {"bad.json:2: no whole JSON object"});
  expect_refused({"reprise-lab", "report", path("absent.json"), "-o", path("p.html")},
                 {"absent.json: cannot be read"});
  EXPECT_FALSE(std::filesystem::exists(path("p.html")));
}

TEST_F(LabPictures, AFullDiskIsToldAfterTheResult) {
  const ProgramEnd end = run_program(
      {"reprise-lab", "run", kPoisson, "--set", "count=100", "--pcap", "/dev/full", "--json"});
  EXPECT_EQ(end.exit_status, 2);
  EXPECT_EQ(only_object(end)["offered"], 100);
  EXPECT_NE(end.errors.find("--pcap /dev/full: cannot be written"), std::string::npos)
      << end.errors;
}

constexpr const char* kChromium = "/usr/bin/chromium";

ProgramEnd browse(const std::string& profile, std::vector<std::string> more) {
  std::vector<std::string> call{kChromium,
                                "--headless",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--hide-scrollbars",
                                "--user-data-dir=" + profile,
                                "--enable-logging=stderr"};
  call.insert(call.end(), more.begin(), more.end());
  return run_program(call);
}

// Chromium refuses windows below 500 px in some versions, so the page is laid out in a frame.
TEST_F(LabPictures, InABrowserThePageFitsAPhoneAndReportsNoError) {
  if (!std::filesystem::exists(kChromium)) GTEST_SKIP() << "chromium is not installed";
  make_page();
  std::string page = text_of("page.html");
  ASSERT_EQ(page.find("<script"), std::string::npos);
  const ProgramEnd plain = browse(path("profile"), {"--dump-dom", "file://" + path("page.html")});
  ASSERT_EQ(plain.exit_status, 0) << plain.errors;
  EXPECT_EQ(plain.errors.find("CONSOLE"), std::string::npos) << plain.errors;
  EXPECT_NE(plain.output.find("a &lt;script&gt; title</h1>"), std::string::npos);
  // A copy that may run a script, which measures what the page itself must not.
  page = std::regex_replace(page, std::regex("<meta http-equiv[^>]*>"), "");
  page = std::regex_replace(
      page, std::regex("</body>"),
      "<script>parent.postMessage(document.documentElement.scrollWidth+' '+"
      "[...document.querySelectorAll('figure,svg[role=img]')].filter(e=>"
      "e.getBoundingClientRect().width<100||e.getBoundingClientRect().right>innerWidth).length,"
      "'*')</script></body>");
  write("copy.html", page);
  for (const char* width : {"390", "1280"}) {
    write("frame.html", std::string("<iframe id=f style='border:0;height:900px;width:") + width +
                            "px' src='copy.html'></iframe><script>onmessage=e=>"
                            "{document.body.innerHTML='measured '+e.data}</script>");
    const ProgramEnd end = browse(path("profile"), {"--virtual-time-budget=5000", "--dump-dom",
                                                    "file://" + path("frame.html")});
    EXPECT_NE(end.output.find(std::string("measured ") + width + " 0"), std::string::npos)
        << end.output << end.errors;
  }
}

TEST_F(LabPictures, ABrowserPhotographsAndPrintsThePage) {
  if (!std::filesystem::exists(kChromium)) GTEST_SKIP() << "chromium is not installed";
  make_page();
  const std::string address = "file://" + path("page.html");
  browse(path("profile"), {"--window-size=390,844", "--screenshot=" + path("page.png"), address});
  EXPECT_TRUE(text_of("page.png").starts_with("\x89PNG"));
  browse(path("profile"), {"--print-to-pdf=" + path("page.pdf"), address});
  EXPECT_TRUE(text_of("page.pdf").starts_with("%PDF"));
}

}  // namespace
}  // namespace reprise::tests
