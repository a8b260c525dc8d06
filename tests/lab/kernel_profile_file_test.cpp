#include "reprise/lab/kernel_profile_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "reprise/lab/compare.hpp"
#include "reprise/lab/kernel_keys.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"

namespace reprise::lab {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(REPRISE_SOURCE_FOLDER) / "profiles";

fs::path shipped(const std::string& name) { return kFolder / (name + ".toml"); }

std::string text_of(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(KernelProfiles, ThatAreShippedAllLoadUnderTheirNames) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    const auto file = load_kernel_profile(entry.path().string());
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->name, entry.path().stem().string());
    EXPECT_FALSE(file->provenance.empty()) << entry.path();
    names.insert(file->name);
  }
  EXPECT_EQ(names, (std::set<std::string>{"linux-6.1", "linux-6.18-cooperative",
                                          "linux-6.18-deferred", "linux-6.18-plain"}));
}

TEST(KernelProfiles, OfTheBuiltInOneAreTheDefaults) {
  const auto file = load_kernel_profile(shipped(kBuiltInProfile).string());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->profile, sim::KernelProfile{});
  EXPECT_TRUE(file->measured);
}

TEST(KernelProfiles, OfOneKernelDifferInTheTaskRunAlone) {
  for (const sim::TaskRun task_run : {sim::TaskRun::plain, sim::TaskRun::deferred}) {
    const auto file =
        load_kernel_profile(shipped("linux-6.18-" + std::string(name(task_run))).string());
    ASSERT_TRUE(file) << file.error().message;
    sim::KernelProfile expected;
    expected.task_run = task_run;
    EXPECT_EQ(file->profile, expected);
  }
}

TEST(KernelProfiles, OfAKernelThatNobodyBootedSayThatItIsNotMeasured) {
  const auto file = load_kernel_profile(shipped("linux-6.1").string());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE(file->measured);
  EXPECT_NE(file->profile, sim::KernelProfile{});
}

TEST(KernelProfiles, HaveAKeyForEveryMember) {
  // Five members of four bytes and the rest of one: a new member needs its key in kernel_keys.cpp
  // and its line in every file of profiles/.
  EXPECT_EQ(sizeof(sim::KernelProfile), 5 * 4 + (kernel_keys().size() - 5));
  std::set<std::string_view> names;
  for (const Key<sim::KernelProfile>& key : kernel_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    sim::KernelProfile changed;
    bool differs = false;
    for (const Scalar& value :
         {Scalar{true}, Scalar{false}, Scalar{std::int64_t{17}}, Scalar{std::string("deferred")}}) {
      if (key.apply(changed, value) && changed != sim::KernelProfile{}) differs = true;
    }
    EXPECT_TRUE(differs) << key.name;
  }
}

/// A copy of a shipped profile with one text in place of another.
class ChangedProfile : public testing::Test {
 protected:
  ChangedProfile() { fs::create_directory(folder_); }
  ~ChangedProfile() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  /// Returns the line at which the replacement starts.
  int change(const std::string& from, const std::string& to) {
    std::string text = text_of(shipped(kBuiltInProfile));
    const std::size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    const int line =
        1 + static_cast<int>(
                std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(place), '\n'));
    text.replace(place, from.size(), to);
    std::ofstream(path_) << text;
    return line;
  }
  void expect_refused(int line, const std::string& words) const {
    const auto refused = load_kernel_profile(path());
    ASSERT_FALSE(refused) << words;
    EXPECT_TRUE(refused.error().message.starts_with(path() + ":" + std::to_string(line) + ": "))
        << refused.error().message << " is not on line " << line;
    EXPECT_NE(refused.error().message.find(words), std::string::npos) << refused.error().message;
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("reprise-profiles-" + std::to_string(::getpid()));
  fs::path path_ = folder_ / (std::string(kBuiltInProfile) + ".toml");
};

TEST_F(ChangedProfile, WithAnUnknownKeyIsRefusedWithItsLine) {
  expect_refused(change("fragments = true", "fragment = true"), "kernel.fragment: unknown key");
  expect_refused(change("ring =", "rings ="), "profile.rings: unknown key");
  expect_refused(change("[kernel]", "[kernels]"), "kernels: unknown");
}

TEST_F(ChangedProfile, WithAWrongValueIsRefusedWithItsLine) {
  expect_refused(change("writable_percent = 50", "writable_percent = 0"),
                 "writable_percent = 0: expected percent, 1 to 100");
  expect_refused(change("fragments = true", "fragments = 1"), "expected true or false");
  expect_refused(change("task_run = \"cooperative\"", "task_run = \"lazy\""),
                 "task_run = \"lazy\": expected \"plain\", \"cooperative\" or \"deferred\"");
  expect_refused(change("measured = true", "measured = \"yes\""), "expected true or false");
  expect_refused(change("kernel = \"6.18\"", "kernel = \"\""), "a kernel's version");
  expect_refused(change("version = 1", "version = 2"), "version = 2: expected 1");
  expect_refused(change("down_is_told = true", "down_is_told = "), "");
}

TEST_F(ChangedProfile, WithoutAKeyIsRefusedAtItsTable) {
  change("keeps_overflow = true", "#");
  const auto refused = load_kernel_profile(path());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("[kernel] has no keeps_overflow; expected true or false"),
            std::string::npos)
      << refused.error().message;
  change("version = 1\n", "");
  expect_refused(1, "no version");
  change("measured = true", "#");
  const auto heading = load_kernel_profile(path());
  ASSERT_FALSE(heading);
  EXPECT_NE(heading.error().message.find("[profile] has no measured"), std::string::npos);
}

TEST_F(ChangedProfile, ThatContradictsItselfIsRefusedWithItsLine) {
  expect_refused(change("ring = \"cooperative\"", "ring = \"plain\""),
                 "ring = \"plain\": contradicts task_run = \"cooperative\"");
  expect_refused(change("name = \"linux-6.18-cooperative\"", "name = \"linux-6.19\""),
                 "expected \"linux-6.18-cooperative\", as the file is called");
}

TEST_F(ChangedProfile, ReplacesTheScenariosKernelAndComesBeforeSettings) {
  change("segments_max = 128", "segments_max = 9");
  const std::string text = "version = 1\n[kernel]\nfragments = false\nsegments_max = 8\n";
  const auto alone = parse_scenario(text, "test.toml", {}, {}, path());
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->world.kernel.segments_max, 9U);
  EXPECT_TRUE(alone->world.kernel.fragments);
  EXPECT_EQ(alone->profile, kBuiltInProfile);
  const auto set = parse_scenario(text, "test.toml", {{"kernel.segments_max", "7"}}, {}, path());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->world.kernel.segments_max, 7U);
  EXPECT_EQ(set->profile, std::string(kBuiltInProfile) + ", changed");
}

TEST_F(ChangedProfile, ThatIsWrongStopsAComparisonBeforeItsFirstPoint) {
  const int line = change("segments_max = 128", "segments_max = 129");
  CompareRequest request;
  request.scenario_path = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";
  request.variations = {{"policy", {"deferred", "eager"}}};
  request.profile_path = path();
  const auto refused = compare(request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(":" + std::to_string(line) + ": segments_max = 129"),
            std::string::npos)
      << refused.error().message;
}

TEST(KernelProfiles, AreNamedInTheResult) {
  const std::string text = "version = 1\n[traffic]\ncount = 50\n";
  for (const std::string name : {"linux-6.18-plain", "linux-6.18-deferred", "linux-6.1"}) {
    const auto scenario = parse_scenario(text, "test.toml", {}, {}, shipped(name).string());
    ASSERT_TRUE(scenario) << scenario.error().message;
    const RunResult result = run(*scenario, 1);
    EXPECT_EQ(to_json(result)["profile"], name);
    EXPECT_EQ(result.delivered, 50U);
    EXPECT_NE(to_text(result).find(name), std::string::npos);
  }
  const auto built_in = parse_scenario(text, "test.toml");
  ASSERT_TRUE(built_in);
  EXPECT_EQ(to_json(run(*built_in, 1))["profile"], kBuiltInProfile);
}

}  // namespace
}  // namespace reprise::lab
