// A scenario file that lives as long as the object.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace reprise::tests {

class ScenarioFile {
 public:
  explicit ScenarioFile(std::string_view text)
      : path_(std::filesystem::temp_directory_path() /
              ("reprise-scenario-" + std::to_string(::getpid()) + ".toml")) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ScenarioFile(const ScenarioFile&) = delete;
  ScenarioFile& operator=(const ScenarioFile&) = delete;
  ~ScenarioFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  [[nodiscard]] std::string path() const { return path_.string(); }
  /// "path:line", as messages have it.
  [[nodiscard]] std::string line(int number) const { return path() + ":" + std::to_string(number); }

 private:
  std::filesystem::path path_;
};

}  // namespace reprise::tests
