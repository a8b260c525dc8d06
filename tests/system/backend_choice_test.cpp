// Which backend `reprise run` and `reprise demo` take, and what they say about it.
#include <algorithm>

#include "refused_io_uring.hpp"
#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using BackendChoice = SystemTest;

std::vector<std::string> arguments_with(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{HostRow::received_on(0), HostRow::sent_on(1)};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

/// Relays a little and returns what the relay then reports.
nlohmann::json relay_with(const std::vector<std::string>& flags, std::string& notes) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with(flags));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 2'000}),
                 2'000);
  nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  notes = relay.notes();
  return report;
}

std::ptrdiff_t lines_in(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST_F(BackendChoice, FallsBackToAsioWhereIoUringIsRefusedAndSaysWhy) {
  without_io_uring([] {
    for (const char* threads : {"1", "2"}) {
      SCOPED_TRACE(threads);
      std::string notes;
      const nlohmann::json report = relay_with({"--threads", threads}, notes);
      EXPECT_EQ(report["backend"], "asio");
      const auto reason = report["backend_reason"].get<std::string>();
      EXPECT_NE(reason.find("io_uring: the host refuses it"), std::string::npos) << reason;
      EXPECT_NE(reason.find("EPERM"), std::string::npos) << reason;
      EXPECT_NE(notes.find("reprise: backend asio, because " + reason + "\n"), std::string::npos)
          << notes;
      EXPECT_EQ(lines_in(notes), 2) << notes;
    }
  });
}

TEST_F(BackendChoice, TakesIoUringByItselfWhereTheHostLetsIt) {
  std::string notes;
  const nlohmann::json report = relay_with({}, notes);
  if (report["backend"] == "asio") GTEST_SKIP() << report["backend_reason"];
  EXPECT_EQ(report["backend"], "uring");
  EXPECT_FALSE(report["backend_reason"].get<std::string>().empty());
  EXPECT_EQ(lines_in(notes), 1) << notes;
}

TEST_F(BackendChoice, AsioThatWasAskedForIsNoFallback) {
  std::string notes;
  const nlohmann::json report = relay_with({"--backend", "asio"}, notes);
  EXPECT_EQ(report["backend"], "asio");
  EXPECT_EQ(report["backend_reason"], "asked for");
  EXPECT_EQ(lines_in(notes), 1) << notes;
}

TEST_F(BackendChoice, TheDemoFallsBackTooAndSaysSoOnce) {
  without_io_uring([] {
    auto demo = value_of(traffic::Child::start_program(
        {.name = "demo"},
        {REPRISE_PROGRAM_FOLDER "/reprise", "demo", "--json", "--count", "5000"}));
    const traffic::ChildEnd* end = demo.wait(engine::seconds(30));
    ASSERT_NE(end, nullptr);
    EXPECT_TRUE(end->succeeded()) << end->notes;
    const auto result = nlohmann::json::parse(end->report);
    EXPECT_EQ(result["received"], 5'000) << result;
    EXPECT_EQ(result["relay"]["backend"], "asio") << result;
    const std::string words = "backend asio, because";
    const std::size_t found = end->notes.find(words);
    EXPECT_NE(found, std::string::npos) << end->notes;
    EXPECT_EQ(end->notes.find(words, found + 1), std::string::npos) << end->notes;
  });
}

}  // namespace
}  // namespace reprise::tests
