#include "digest_log.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace reprise::proptests {

void log_digest(std::string_view property_name, std::uint64_t digest) {
  static const char* const path = std::getenv("REPRISE_DIGEST_FILE");
  static std::uint64_t number = 0;
  if (path == nullptr || number++ % 8 != 0) return;
  std::ofstream file(path, std::ios::app);
  file << fmt::format("{} {} {:016x}\n", property_name, number - 1, digest);
  EXPECT_TRUE(file.flush()) << path << ": cannot be written";
}

}  // namespace reprise::proptests
