// A scenario in which everything happens that pictures show, and files to draw them into.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "reprise/lab/scenario.hpp"

namespace reprise::tests {

inline lab::Scenario picture_scenario(const std::string& text,
                                      const std::vector<lab::Setting>& settings = {}) {
  auto scenario = lab::parse_scenario("version = 1\n" + text, "test.toml", settings);
  EXPECT_TRUE(scenario) << (scenario ? "" : scenario.error().message);
  return scenario.value_or(lab::Scenario{});
}

/// Two relays of two threads each that run out of buffers, with fan-out, full sockets, a slow link
/// and a cable that is unplugged now and then.
inline lab::Scenario troubled_scenario(const std::vector<lab::Setting>& settings = {}) {
  return picture_scenario(
      "[traffic]\narrivals = \"burst\"\nburst = 60\nrate = 150000\ncount = 3000\nflows = 3\n"
      "[relay]\nhops = 2\nfan_out = 2\nthreads = 2\npool = 12\nlanding = 16\n"
      "exhaustion = \"drop\"\nsend_buffer_bytes = 4608\n"
      "[link]\nbits_per_second = 2000000000\ndelay_ns = 20000\n"
      "[faults]\ncarrier_loss_spacing_ns = 3000000\ncarrier_loss_length_ns = 400000\n",
      settings);
}

/// A place for a file that lives as long as the object.
class PictureFile {
 public:
  explicit PictureFile(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("reprise-" + std::to_string(::getpid()) + "-" + name)) {}
  PictureFile(const PictureFile&) = delete;
  PictureFile& operator=(const PictureFile&) = delete;
  ~PictureFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace reprise::tests
