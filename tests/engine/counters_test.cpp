#include "reprise/engine/counters.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace reprise::engine {
namespace {

TEST(Counters, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (std::size_t reason = 0; reason < kIngressDropCount; ++reason) {
    names.insert(name(static_cast<IngressDrop>(reason)));
  }
  EXPECT_EQ(names.size(), kIngressDropCount);
  EXPECT_FALSE(names.contains("?"));
  names.clear();
  for (std::size_t reason = 0; reason < kEgressDropCount; ++reason) {
    names.insert(name(static_cast<EgressDrop>(reason)));
  }
  EXPECT_EQ(names.size(), kEgressDropCount);
  EXPECT_FALSE(names.contains("?"));
}

TEST(Counters, TheTotalIsTheSumOfTheReasons) {
  IngressCounters ingress;
  OutputCounters output;
  std::uint64_t next = 1;
  std::uint64_t ingress_sum = 0;
  std::uint64_t output_sum = 0;
  for (std::uint64_t& count : ingress.dropped) ingress_sum += count = next++;
  for (std::uint64_t& count : output.dropped) output_sum += count = next++;
  EXPECT_EQ(ingress.dropped_total(), ingress_sum);
  EXPECT_EQ(output.dropped_total(), output_sum);
}

TEST(Counters, ErrorsCountByErrno) {
  OutputCounters counters;
  counters.count_error(ENETUNREACH);
  counters.count_error(EMSGSIZE);
  counters.count_error(ENETUNREACH);
  EXPECT_EQ(counters.errors[0].errno_value, ENETUNREACH);
  EXPECT_EQ(counters.errors[0].count, 2U);
  EXPECT_EQ(counters.errors[1].errno_value, EMSGSIZE);
  EXPECT_EQ(counters.errors[1].count, 1U);
  EXPECT_EQ(counters.errors[2].count, 0U);
}

TEST(Counters, ErrorsBeyondTheFourthKindShareTheLastPlace) {
  OutputCounters counters;
  for (const int value : {1, 2, 3, 4, 5, 6, 4, 5, 1}) counters.count_error(value);
  EXPECT_EQ(counters.errors[0].count, 2U);
  EXPECT_EQ(counters.errors[3].count, 5U);
  EXPECT_EQ(counters.errors[3].errno_value, 0) << "several kinds";
  std::uint64_t sum = 0;
  for (const ErrnoCount& error : counters.errors) sum += error.count;
  EXPECT_EQ(sum, 9U) << "none is lost";
}

TEST(Counters, AddUpFieldByField) {
  OutputCounters a;
  a.assigned = 10;
  a.sent = 5;
  a.sent_bytes = 500;
  a.refused = 3;
  a.dropped[static_cast<std::size_t>(EgressDrop::queue_full)] = 2;
  a.count_error(111, 4);
  OutputCounters sum = a;
  sum += a;
  EXPECT_EQ(sum.assigned, 20U);
  EXPECT_EQ(sum.sent, 10U);
  EXPECT_EQ(sum.sent_bytes, 1000U);
  EXPECT_EQ(sum.refused, 6U);
  EXPECT_EQ(sum.dropped[static_cast<std::size_t>(EgressDrop::queue_full)], 4U);
  EXPECT_EQ(sum.errors[0].errno_value, 111);
  EXPECT_EQ(sum.errors[0].count, 8U);
}

}  // namespace
}  // namespace reprise::engine
