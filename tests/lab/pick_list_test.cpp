#include "reprise/lab/pick_list.hpp"

#include <gtest/gtest.h>

namespace reprise::tests {
namespace {

using lab::Ask;
using lab::AskOrder;
using sim::Site;

TEST(PickList, WritesRepeatsOnceWithTheirNumber) {
  AskOrder order;
  for (int i = 0; i < 120; ++i) order.add(Site::interarrival, 4'294'967'295);
  order.add(Site::tie, 2);
  order.add(Site::tie, 3);
  order.add(Site::interarrival, 4'294'967'295);
  EXPECT_EQ(order.text(), "a120 b c a");
  EXPECT_EQ(order.size(), 123U);
  EXPECT_EQ(order.ask(2), (Ask{"tie", 3}));
  EXPECT_EQ(lab::values_text({0, 0, 0, 7, 1, 1}), "0*3 7 1*2");
  EXPECT_EQ(lab::values_text({}), "");
}

TEST(PickList, ReadsBackWhatItWrote) {
  AskOrder order;
  std::vector<std::uint32_t> values;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    order.add(Site::tie, 2 + static_cast<std::uint32_t>(sim::mix(i) % 800));
    values.push_back(static_cast<std::uint32_t>(sim::mix(i)) % (i % 7 == 0 ? 4'000'000'000U : 2U));
  }
  const auto read = AskOrder::parse(order.kinds(), order.text());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->repeats(), order.repeats());
  EXPECT_EQ(read->size(), order.size());
  EXPECT_EQ(read->kind_of(Site::tie, 5), order.kind_of(Site::tie, 5));
  EXPECT_EQ(lab::parse_values(lab::values_text(values)), values);
}

TEST(PickList, NamesKindsAsSpreadsheetsNameColumns) {
  EXPECT_EQ(lab::letters_of(0), "a");
  EXPECT_EQ(lab::letters_of(25), "z");
  EXPECT_EQ(lab::letters_of(26), "aa");
  EXPECT_EQ(lab::letters_of(701), "zz");
  EXPECT_EQ(lab::letters_of(702), "aaa");
}

TEST(PickList, RefusesWhatIsNoPick) {
  for (const char* text : {"x", "1*", "*2", "1*0", "-1", "1**2", "4294967296", "1*99999999999"}) {
    const auto values = lab::parse_values(text);
    ASSERT_FALSE(values.has_value()) << text;
    EXPECT_NE(values.error().message.find(text), std::string::npos);
  }
  for (const char* text : {"b", "1", "a0", "a1x", "A", "a99999999999", "aaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_FALSE(AskOrder::parse({{"tie", 2}}, text).has_value()) << text;
}

TEST(PickRecorder, KeepsQuestionsAndAnswers) {
  sim::ListedBySite listed([] {
    sim::PicksBySite picks;
    picks[static_cast<std::size_t>(Site::tie)] = {1, 5};
    return picks;
  }());
  lab::PickRecorder recorder(listed);
  EXPECT_EQ(recorder.pick(Site::tie, 2), 1U);
  EXPECT_EQ(recorder.pick(Site::wire_loss, 9), 0U);
  EXPECT_EQ(recorder.pick(Site::tie, 4), 1U) << "reduced into range";
  EXPECT_EQ(recorder.pick(Site::tie, 4), 0U) << "after its end";
  EXPECT_EQ(recorder.order().text(), "a b c2");
  EXPECT_EQ(recorder.picks()[static_cast<std::size_t>(Site::tie)],
            (std::vector<std::uint32_t>{1, 1, 0}));
}

struct Compared {
  explicit Compared(const AskOrder& expected) : comparer(zeros, expected) {}
  sim::ListedBySite zeros{{}};
  lab::PickComparer comparer;
};

AskOrder three_ties_and_a_loss() {
  AskOrder order;
  for (int i = 0; i < 3; ++i) order.add(Site::tie, 2);
  order.add(Site::wire_loss, 10);
  return order;
}

TEST(PickComparer, SaysNothingOfEqualQuestions) {
  const AskOrder order = three_ties_and_a_loss();
  Compared run(order);
  for (int i = 0; i < 3; ++i) run.comparer.pick(Site::tie, 2);
  run.comparer.pick(Site::wire_loss, 10);
  run.comparer.end();
  EXPECT_FALSE(run.comparer.divergence().has_value());
}

TEST(PickComparer, NamesTheFirstOtherQuestion) {
  const AskOrder order = three_ties_and_a_loss();
  Compared run(order);
  run.comparer.pick(Site::tie, 2);
  run.comparer.pick(Site::tie, 3);
  run.comparer.pick(Site::tie, 4);
  ASSERT_TRUE(run.comparer.divergence().has_value());
  EXPECT_EQ(run.comparer.divergence()->pick, 1U);
  EXPECT_EQ(run.comparer.divergence()->expected, (Ask{"tie", 2}));
  EXPECT_EQ(run.comparer.divergence()->found, (Ask{"tie", 3}));
}

TEST(PickComparer, NamesWhatWasAskedTooMuchOrTooLittle) {
  const AskOrder order = three_ties_and_a_loss();
  Compared longer(order);
  for (int i = 0; i < 3; ++i) longer.comparer.pick(Site::tie, 2);
  for (int i = 0; i < 2; ++i) longer.comparer.pick(Site::wire_loss, 10);
  ASSERT_TRUE(longer.comparer.divergence().has_value());
  EXPECT_EQ(longer.comparer.divergence()->pick, 4U);
  EXPECT_EQ(longer.comparer.divergence()->expected, std::nullopt);
  Compared shorter(order);
  shorter.comparer.pick(Site::tie, 2);
  shorter.comparer.end();
  ASSERT_TRUE(shorter.comparer.divergence().has_value());
  EXPECT_EQ(shorter.comparer.divergence()->found, std::nullopt);
}

TEST(PickComparer, TakesASiteThatIsGoneForAnotherQuestion) {
  const auto order = AskOrder::parse({{"a_site_of_old", 2}}, "a2");
  ASSERT_TRUE(order.has_value()) << order.error().message;
  Compared run(*order);
  run.comparer.pick(Site::tie, 2);
  ASSERT_TRUE(run.comparer.divergence().has_value());
  EXPECT_EQ(run.comparer.divergence()->expected, (Ask{"a_site_of_old", 2}));
}

}  // namespace
}  // namespace reprise::tests
