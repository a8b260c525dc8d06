#include "regressions.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace reprise::proptests {

std::vector<Regression> regressions() {
  std::vector<Regression> found;
  const std::filesystem::path folder =
      std::filesystem::path(REPRISE_SOURCE_FOLDER) / "proptests" / "regressions";
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    return {{folder.string(), engine::failure("cannot be read: " + error.message())}};
  }
  for (const auto& entry : entries) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    found.push_back({entry.path().filename().string(), parse_case(text)});
  }
  std::ranges::sort(found, {}, &Regression::file);
  return found;
}

}  // namespace reprise::proptests
