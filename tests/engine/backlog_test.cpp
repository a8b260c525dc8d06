#include "reprise/engine/backlog.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace reprise::engine {
namespace {

constexpr std::uint32_t kCapacity = 16;

struct BacklogValue {
  Backlog backlog;
  void place(FlatLayout& layout, const Hazards& hazards) {
    backlog.place(layout, hazards, kCapacity);
  }
  void start(const Hazards& hazards) { backlog.start(hazards, kCapacity); }
};

Hazards array_of(std::uint32_t item_bytes) {
  Hazards hazards;
  hazards.backlog = BacklogKind::erase_front;
  hazards.item_bytes = item_bytes;
  return hazards;
}

WorkItem numbered(std::uint32_t number) {
  return {{RegionIndex{number}, number + 1, static_cast<std::uint16_t>(number + 2)},
          OutputIndex{number + 3}};
}

TEST(Backlog, IsAQueueWhateverItIsMadeOf) {
  for (const Hazards& hazards :
       {Hazards{}, array_of(16), array_of(17), array_of(100), array_of(256)}) {
    SCOPED_TRACE(testing::Message() << hazards.item_bytes << " bytes an item");
    const bool is_array = hazards.backlog == BacklogKind::erase_front;
    Flat<BacklogValue> value(hazards);
    Backlog& backlog = value->backlog;
    std::deque<WorkItem> model;
    std::uint64_t moved_bytes = 0;
    std::mt19937 random(5);
    for (std::uint32_t number = 0; number < 5000; ++number) {
      // Now filling, now emptying, so that both ends are met.
      const bool fills = random() % 8 < (number / 100 % 2 == 0 ? 6 : 2);
      if (fills && model.size() < kCapacity) {
        backlog.push(numbered(number));
        model.push_back(numbered(number));
      } else if (!model.empty()) {
        ASSERT_EQ(backlog.pop(), model.front());
        model.pop_front();
        if (is_array) moved_bytes += model.size() * hazards.item_bytes;
      }
      ASSERT_EQ(backlog.size(), model.size());
      ASSERT_EQ(backlog.empty(), model.empty());
      if (!model.empty()) {
        ASSERT_EQ(backlog.front(), model.front());
      }
      ASSERT_EQ(backlog.moved_bytes(), moved_bytes);
    }
    EXPECT_EQ(moved_bytes > 0, is_array);
    EXPECT_EQ(backlog.capacity(), kCapacity);
  }
}

TEST(Backlog, AnArrayMovesWhatIsBehindTheFrontAtTheSizeOfItsItems) {
  Flat<BacklogValue> value(array_of(256));
  for (std::uint32_t number = 0; number < 10; ++number) value->backlog.push(numbered(number));
  value->backlog.pop();
  EXPECT_EQ(value->backlog.moved_bytes(), 9U * 256);
  value->backlog.pop();
  EXPECT_EQ(value->backlog.moved_bytes(), 17U * 256);
}

TEST(Backlog, CopiesGoOnAlike) {
  for (const Hazards& hazards : {Hazards{}, array_of(40)}) {
    Flat<BacklogValue> value(hazards);
    for (std::uint32_t number = 0; number < 10; ++number) value->backlog.push(numbered(number));
    value->backlog.pop();
    Flat<BacklogValue> copy(value);
    while (!value->backlog.empty()) {
      ASSERT_EQ(copy->backlog.pop(), value->backlog.pop());
      ASSERT_TRUE(copy == value);
    }
  }
}

TEST(BacklogDeathTest, HoldsNoMoreThanItsCapacityAndGivesNothingWhenEmpty) {
  for (const Hazards& hazards : {Hazards{}, array_of(16)}) {
    Flat<BacklogValue> value(hazards);
    EXPECT_DEATH(value->backlog.pop(), "");
    for (std::uint32_t number = 0; number < kCapacity; ++number) {
      value->backlog.push(numbered(number));
    }
    EXPECT_DEATH(value->backlog.push(numbered(1)), "");
  }
}

}  // namespace
}  // namespace reprise::engine
