#include "reprise/lab/expectation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reprise/lab/run.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

RunResult result_with(std::uint64_t no_buffer) {
  RunResult result;
  result.duration_ns = 1'000'000'000;
  result.hops.resize(1);
  result.hops[0].no_buffer = no_buffer;
  result.hops[0].outstanding_max = 7;
  result.hops[0].sent = 300'000;
  return result;
}

bool holds(const std::string& key, const nlohmann::ordered_json& expected,
           const RunResult& result) {
  const auto expectation = make_expectation(key, expected);
  EXPECT_TRUE(expectation) << expectation.error().message;
  const auto results = check({*expectation}, result);
  EXPECT_EQ(results.size(), 2U) << "and that the laws hold";
  return results.front().held;
}

std::string error_of(const std::string& key, const nlohmann::ordered_json& expected) {
  const auto expectation = make_expectation(key, expected);
  return expectation ? "none" : expectation.error().message;
}

TEST(Expectation, LimitsAFieldToAValueOrToOneSideOfIt) {
  const RunResult result = result_with(5);
  EXPECT_TRUE(holds("no_buffer", 5, result));
  EXPECT_FALSE(holds("no_buffer", 4, result));
  EXPECT_TRUE(holds("no_buffer_max", 5, result));
  EXPECT_FALSE(holds("no_buffer_max", 4, result));
  EXPECT_TRUE(holds("no_buffer_min", 5, result));
  EXPECT_FALSE(holds("no_buffer_min", 6, result));
  EXPECT_TRUE(holds("egress_pps_min", 300'000, result));
  EXPECT_FALSE(holds("egress_pps_min", 300'000.5, result));
  EXPECT_TRUE(holds("complete", true, result));
}

TEST(Expectation, TakesAFieldByItsWholeNameFirst) {
  const RunResult result = result_with(0);
  EXPECT_TRUE(holds("outstanding_max", 7, result));
  EXPECT_FALSE(holds("outstanding_max", 8, result)) << "equal, not at most";
  EXPECT_TRUE(holds("outstanding_max_max", 8, result));
  EXPECT_FALSE(holds("outstanding_max_min", 8, result));
}

TEST(Expectation, RefusesWhatNoResultHas) {
  const std::string unknown = error_of("no_bufer", 0);
  EXPECT_TRUE(
      unknown.starts_with("no_bufer: no such field of a run's result; expected one of "
                          "seed, offered, delivered,"))
      << unknown;
  EXPECT_NE(error_of("scenario", "x"), "none") << "a text has no limits";
  EXPECT_NE(error_of("laws_hold_max", true), "none");
  EXPECT_EQ(error_of("no_buffer", true), "no_buffer = true: expected a number");
  EXPECT_EQ(error_of("no_buffer", "few"), "no_buffer = \"few\": expected a number");
  EXPECT_EQ(error_of("laws_hold", 1), "laws_hold = 1: expected true or false");
}

TEST(Expectation, ThatTheLawsHoldIsImplied) {
  RunResult result = result_with(0);
  EXPECT_TRUE(all_held(check({}, result)));
  EXPECT_EQ(to_text(check({}, result)), "");
  result.laws_hold = false;
  const auto results = check({}, result);
  EXPECT_FALSE(all_held(results));
  EXPECT_EQ(to_json(results).dump(),
            R"([{"field":"laws_hold","expected":true,"found":false,"held":false}])");
}

TEST(Expectation, SaysWhatWasExpectedAndFound) {
  const std::vector<Expectation> expectations{*make_expectation("no_buffer_max", 4),
                                              *make_expectation("no_buffer_min", 1)};
  const auto failed = check(expectations, result_with(5));
  EXPECT_EQ(to_text(failed), "  not as expected       no_buffer_max: expected 4, found 5\n");
  EXPECT_EQ(to_json(failed)[0].dump(),
            R"({"field":"no_buffer_max","expected":4,"found":5,"held":false})");
  EXPECT_EQ(to_text(check(expectations, result_with(3))),
            "  held                  all 3 expectations\n");
}

TEST(Expectation, IsReadFromItsTableAndFromSettings) {
  const std::string text =
      "version = 1\n[expect]\nno_buffer = 0\negress_pps_min = 1_000.5\nreordered = 0\n";
  const auto written = read_scenario_text(text, "x.toml", {{"expect.no_buffer", "3"}});
  ASSERT_TRUE(written) << written.error().message;
  const auto scenario = resolve(*written);
  ASSERT_TRUE(scenario) << scenario.error().message;
  ASSERT_EQ(scenario->expectations.size(), 3U);
  EXPECT_EQ(to_json(check(scenario->expectations, result_with(3))).dump(),
            R"([{"field":"egress_pps_min","expected":1000.5,"found":300000.0,"held":true},)"
            R"({"field":"no_buffer","expected":3,"found":3,"held":true},)"
            R"({"field":"reordered","expected":0,"found":0,"held":true},)"
            R"({"field":"laws_hold","expected":true,"found":true,"held":true}])");
  const auto again = parse_scenario(to_toml(*written), "y.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->expectations, scenario->expectations);
}

TEST(Expectation, IsRefusedWithItsLine) {
  const auto error_in = [](const std::string& text) {
    const auto scenario = parse_scenario("version = 1\n" + text, "x.toml");
    return scenario ? "none" : scenario.error().message;
  };
  EXPECT_TRUE(error_in("[expect]\nwings = 2\n")
                  .starts_with("x.toml:3: wings: no such field of a run's result; expected"));
  EXPECT_EQ(error_in("[expect]\nno_buffer = \"5\"\n"),
            "x.toml:3: no_buffer = \"5\": expected a number");
  EXPECT_EQ(error_in("[expect]\nno_buffer = [1]\n"),
            "x.toml:3: no_buffer = \"a list\": expected a number");
  EXPECT_EQ(error_in("expect = 5\n"), "x.toml:2: expect = 5: expected a table, [expect]");
}

}  // namespace
}  // namespace reprise::lab
