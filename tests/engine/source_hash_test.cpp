#include "reprise/engine/source_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace reprise::engine {
namespace {

TEST(SourceHash, IsSixteenHexadecimalDigits) {
  const std::string_view hash = source_hash();
  EXPECT_EQ(hash.size(), 16U);
  EXPECT_TRUE(std::ranges::all_of(hash, [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  })) << hash;
}

}  // namespace
}  // namespace reprise::engine
