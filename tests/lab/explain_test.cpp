#include "reprise/lab/explain.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reprise/lab/compare.hpp"

namespace reprise::lab {
namespace {

/// A folder with two scenarios in it, for as long as it lives.
class TwoScenarios {
 public:
  TwoScenarios(std::string_view from, std::string_view to)
      : folder_(std::filesystem::temp_directory_path() /
                ("reprise-explain-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(this->from()) << from;
    std::ofstream(this->to()) << to;
  }
  TwoScenarios(const TwoScenarios&) = delete;
  TwoScenarios& operator=(const TwoScenarios&) = delete;
  ~TwoScenarios() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string from() const { return folder_ / "a.toml"; }
  [[nodiscard]] std::string to() const { return folder_ / "b.toml"; }
  [[nodiscard]] ExplainRequest request(std::vector<Setting> settings = {}) const {
    return {.from_path = from(), .to_path = to(), .settings = std::move(settings)};
  }

 private:
  std::filesystem::path folder_;
};

/// The report's two loops under overload, shorter than in examples/.
std::string loop(std::string_view policy, std::string_view backlog, std::string_view drain,
                 std::string_view more = "") {
  return std::string("version = 1\n[traffic]\nrate = 690_000\ncount = 20_000\n") +
         "[costs]\nreceive_ns = 1000\n[relay]\nthreads = 2\nexhaustion = \"drop\"\n" +
         "wake_up = \"spin\"\npool = 1000\nlanding = 256\npolicy = \"" + std::string(policy) +
         "\"\n[hazards]\nsend_order = \"unlinked\"\nitem_bytes = 96\nbacklog = \"" +
         std::string(backlog) + "\"\ndrain = \"" + std::string(drain) + "\"\n" + std::string(more);
}
const std::string kBefore = loop("synchronous", "ring", "batch", "[factors]\ndrain = \"W\"\n");
const std::string kAfter =
    loop("deferred", "erase_front", "all", "[factors]\npolicy = \"D\"\nbacklog = \"E\"\n");

/// Decimals as JSON has them, as whole thousandths.
std::int64_t thousandths(const nlohmann::ordered_json& value) {
  return std::llround(value.get<double>() * 1e3);
}

TEST(Explain, NamesThePairThatOnlyHurtsTogether) {
  const TwoScenarios files(kBefore, kAfter);
  const auto explanation = explain(files.request());
  ASSERT_TRUE(explanation) << explanation.error().message;
  EXPECT_TRUE(explanation->held());
  const std::string text = sentence(*explanation);
  EXPECT_TRUE(text.starts_with("E backlog and W drain together cost ")) << text;
  EXPECT_NE(text.find("neither does alone"), std::string::npos) << text;
  EXPECT_NE(text.find("D policy costs nothing"), std::string::npos) << text;
}

TEST(Explain, SumsInJsonAreTheChangeExactly) {
  const TwoScenarios files(kBefore, kAfter);
  const auto json = to_json(*explain(files.request()));
  const std::int64_t change = thousandths(json["to"]) - thousandths(json["from"]);
  std::int64_t shares = 0;
  for (const auto& factor : json["factors"]) shares += thousandths(factor["shapley"]);
  std::int64_t dividends = 0;
  for (const auto& dividend : json["dividends"]) dividends += thousandths(dividend["value"]);
  EXPECT_EQ(shares, change);
  EXPECT_EQ(dividends, change);
  ASSERT_EQ(json["corners"].size(), 8U);
  ASSERT_EQ(json["dividends"].size(), 7U);
  EXPECT_EQ(json["corners"][0]["on"].dump(), "[]");
  EXPECT_EQ(json["corners"][6]["on"].dump(), R"(["backlog","drain"])");
  EXPECT_EQ(json["factors"][1]["name"], "backlog");
  EXPECT_EQ(json["factors"][1]["symbol"], "E");
  EXPECT_EQ(json["factors"][1]["from"], "ring");
  EXPECT_EQ(json["factors"][1]["to"], "erase_front");
}

TEST(Explain, ACornerIsWhatARunOfTheMixGives) {
  const TwoScenarios files(kBefore, kAfter);
  const auto explanation = explain(files.request());
  ASSERT_TRUE(explanation);
  for (const auto& [path, corner] : {std::pair{files.from(), explanation->corners.front()},
                                     {files.to(), explanation->corners.back()}}) {
    const auto scenario = load_scenario(path);
    ASSERT_TRUE(scenario);
    const double rate = to_json(run(*scenario, 1))["egress_pps"].get<double>();
    EXPECT_NEAR(1e9 / rate, static_cast<double>(corner->value) / 1e3, 0.001);
  }
  const auto mixed = load_scenario(files.from(), {{"drain", "all"}});
  ASSERT_TRUE(mixed);
  const double rate = to_json(run(*mixed, 1))["egress_pps"].get<double>();
  EXPECT_NEAR(1e9 / rate, static_cast<double>(explanation->corners[4]->value) / 1e3, 0.001);
}

TEST(Explain, DoesNotDependOnTheNumberOfCores) {
  const TwoScenarios files(kBefore, kAfter);
  const auto request = files.request({{"count", "2000"}});
  const auto one = to_json(*explain(request, {.jobs = 1, .progress = {}}));
  for (const std::uint32_t jobs : {2U, 5U})
    EXPECT_EQ(to_json(*explain(request, {.jobs = jobs, .progress = {}})), one) << jobs;
}

TEST(Explain, TakesAnyNumberOfARunsResult) {
  const TwoScenarios files(kBefore, kAfter);
  ExplainRequest request = files.request({{"count", "5000"}});
  request.metric = "outstanding_max";
  const auto explanation = explain(request);
  ASSERT_TRUE(explanation) << explanation.error().message;
  EXPECT_EQ(explanation->corners.front()->value % 1000, 0);
  request.metric = "digest";
  const auto refused = explain(request);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with(
      "--metric digest: unknown; expected one of ns_per_datagram, seed, offered"))
      << refused.error().message;
}

TEST(Explain, MeansOverSeedsStillSumAndSayHowFarTheyLieApart) {
  const std::string random =
      "version = 1\n[traffic]\narrivals = \"poisson\"\nrate = 300_000\n"
      "count = 3000\n[relay]\nexhaustion = \"drop\"\n";
  const TwoScenarios files(random + "pool = 64\n", random + "pool = 40\nbatch = 8\n");
  ExplainRequest request = files.request();
  request.seeds = 4;
  request.seed = 9;
  request.metric = "no_buffer";
  const auto explanation = explain(request);
  ASSERT_TRUE(explanation) << explanation.error().message;
  std::int64_t sum = 0;
  for (std::uint64_t seed = 9; seed < 13; ++seed)
    sum += to_json(run(*load_scenario(files.to()), seed))["no_buffer"].get<std::int64_t>();
  EXPECT_EQ(explanation->corners.back()->value, sum * 1000 / 4);
  EXPECT_LT(explanation->corners.back()->spread.least, explanation->corners.back()->spread.most);
  const Attribution& attribution = *explanation->attribution;
  EXPECT_EQ(attribution.shapley[0] + attribution.shapley[1], attribution.change);
}

TEST(Explain, ACornerThatIsNoScenarioIsNamedWithWhatToSet) {
  const std::string start = "version = 1\n[traffic]\ncount = 100\n[relay]\n";
  const TwoScenarios files(start + "ring = 64\nbatch = 64\npolicy = \"eager\"\n",
                           start + "ring = 16\nbatch = 16\n");
  const auto refused = explain(files.request());
  ASSERT_FALSE(refused);
  const std::string& message = refused.error().message;
  EXPECT_TRUE(message.starts_with("with ring of " + files.to() + " and the rest of " +
                                  files.from() + " there is no scenario: "))
      << message;
  EXPECT_NE(message.find("batch = 64: expected 1 to 16, the ring"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("; --set relay.batch=16 for both makes every mix one")) << message;
}

TEST(Explain, WithoutADifferenceThereIsNothingToExplain) {
  const TwoScenarios files(kBefore, kBefore);
  const auto refused = explain(files.request());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no key differs"), std::string::npos);
}

TEST(Explain, BeyondTenDifferencesFindsThoseThatCarryTheChange) {
  const std::string costs =
      "spin_turns = 7\nsends_max = 200\noutput_queue = 99\ncompletions_max = 500\n"
      "intake = 99\nring_timeout_ns = 77\nblock_bytes = 8192\nsegmented_bytes_max = 1400\n";
  std::string after = kAfter;
  after.insert(after.find("[relay]\n") + 8, costs);
  after.insert(after.find("[costs]\n") + 8, "sleep_slack_ns = 1\n");
  const TwoScenarios files(kBefore, after);
  const auto explanation = explain(files.request({{"count", "10_000"}}));
  ASSERT_TRUE(explanation) << explanation.error().message;
  EXPECT_GT(explanation->differences, kFactorsMax);
  const auto json = to_json(*explanation);
  ASSERT_EQ(json["factors"].size(), 3U);
  EXPECT_EQ(json["factors"][0]["name"], "backlog");
  EXPECT_EQ(json["factors"][1]["name"], "drain");
  EXPECT_EQ(json["factors"][2]["name"], "others");
  EXPECT_EQ(json["factors"][2]["keys"].size(), explanation->differences - 2);
  EXPECT_EQ(json["corners"].size(), 8U);
  EXPECT_GE(*explanation->carried * 100, explanation->attribution->change * kCarriedPercent);
  EXPECT_NE(to_text(*explanation).find("delta debugging found 2 of them"), std::string::npos);
}

TEST(Explain, InterruptedSaysHowManyCornersFinished) {
  const TwoScenarios files(kBefore, kAfter);
  std::atomic<bool> stop = false;
  const auto explanation =
      explain(files.request({{"count", "2000"}}),
              {.jobs = 1, .stop = &stop, .progress = [&](std::uint64_t done, std::uint64_t of) {
                 stop = done >= of / 2;
               }});
  ASSERT_TRUE(explanation);
  EXPECT_FALSE(explanation->held());
  EXPECT_EQ(explanation->corners_done(), 4U);
  EXPECT_NE(to_text(*explanation).find("interrupted: 4 of 8 corners finished"), std::string::npos);
  const auto json = to_json(*explanation);
  EXPECT_EQ(json["complete"], false);
  EXPECT_EQ(json["corners"].size(), 4U);
  EXPECT_TRUE(json["dividends"].empty());
}

TEST(Explain, FactorsMayHaveLettersForKeysThatExist) {
  const TwoScenarios files(kBefore, "version = 1\n[factors]\npolice = \"D\"\n");
  const auto refused = explain(files.request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            files.to() + ":3: factors.police: unknown key; expected one of docs/SCENARIOS.md");
}

}  // namespace
}  // namespace reprise::lab
