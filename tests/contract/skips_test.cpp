// The cases that are left out, by stand: one more shows here.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using ::testing::ElementsAreArray;

std::vector<Need> left_out_on(const std::string& stand) {
  if (stand == "uring") return {};
  if (stand == "asio") return {Need::zero_copy_send};
  return {Need::descriptors, Need::second_backend};  // simulated
}

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

class ContractOfSkips : public ContractCase {};
REPRISE_ON_EVERY_STAND(ContractOfSkips);

TEST_P(ContractOfSkips, AreTheseAndNoOthers) {
  std::vector<Need> lacking;
  for (const Need need : {Need::segmented_send, Need::zero_copy_send, Need::packet_rings,
                          Need::descriptors, Need::second_backend}) {
    if (!why_without(need, *stand_).empty()) lacking.push_back(need);
  }
  EXPECT_THAT(lacking, ElementsAreArray(left_out_on(GetParam().name)));
}

// No case is left out but by REPRISE_NEEDS: six times, three of them for a whole suite.
TEST(ContractSources, LeaveCasesOutInOneWayOnly) {
  std::size_t skips = 0;
  std::size_t needs = 0;
  const std::filesystem::path folder = REPRISE_SOURCE_FOLDER "/tests/contract";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with("_test.cpp") || name == "skips_test.cpp") continue;
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    skips += occurrences(text.str(), "SKIP");
    needs += occurrences(text.str(), "REPRISE_NEEDS(");
  }
  EXPECT_EQ(skips, 0U);
  EXPECT_EQ(needs, 6U);
}

}  // namespace
}  // namespace reprise::tests
