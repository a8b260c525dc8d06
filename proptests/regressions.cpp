#include "regressions.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace reprise::proptests {

std::vector<Regression> regressions() {
  std::vector<Regression> found;
  const std::filesystem::path folder =
      std::filesystem::path(REPRISE_SOURCE_FOLDER) / "proptests" / "regressions";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    found.push_back({entry.path().filename().string(), parse_case(text)});
  }
  std::ranges::sort(found, {}, &Regression::file);
  return found;
}

}  // namespace reprise::proptests
