#include "reprise/engine/flat.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

namespace reprise::engine {
namespace {

struct Sizes {
  std::uint32_t numbers = 0;
  std::uint32_t list = 0;
  std::uint32_t queue = 0;
};

struct Value {
  FlatArray<std::uint64_t> numbers;
  FlatList<std::uint32_t> list;
  FlatQueue<std::uint16_t> queue;

  void place(FlatLayout& layout, const Sizes& sizes) {
    layout.place(numbers, sizes.numbers);
    layout.place(list, sizes.list);
    layout.place(queue, sizes.queue);
  }
  void start(const Sizes&) {}
};

struct Family {
  FlatObjects<Value> members;

  void place(FlatLayout& layout, const std::vector<Sizes>& sizes) {
    layout.place(members, std::span<const Sizes>(sizes));
  }
  void start(const std::vector<Sizes>&) {}
};

struct Padded {
  std::uint8_t small;
  std::uint32_t large;
};
static_assert(FlatElement<std::uint64_t>);
static_assert(!FlatElement<Padded>, "F1: padding bytes have no value");
static_assert(!FlatElement<std::vector<int>>, "F1: an element owns nothing");
static_assert(!std::is_copy_constructible_v<FlatArray<int>>, "F2");
static_assert(!std::is_copy_assignable_v<FlatObjects<Value>>, "F2");

TEST(Flat, StartsZeroed) {
  const Flat<Value> value(Sizes{100, 10, 10});
  for (const std::uint64_t number : value->numbers.all()) EXPECT_EQ(number, 0U);
  EXPECT_TRUE(value->list.empty());
  EXPECT_TRUE(value->queue.empty());
}

TEST(Flat, PlacesEveryArrayAlignedAndApart) {
  for (std::uint32_t size = 0; size < 70; ++size) {
    Flat<Value> value(Sizes{size, size, size});
    const auto bytes = std::as_bytes(value->numbers.all());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(value.bytes().data()) % 64, 0U);
    if (size == 0) continue;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % 64, 0U);
    for (std::uint64_t& number : value->numbers.all()) number = ~std::uint64_t{0};
    for (std::uint32_t i = 0; i < size; ++i) value->list.push(i);
    for (std::uint32_t i = 0; i < size; ++i) value->queue.push(static_cast<std::uint16_t>(i));
    for (const std::uint64_t number : value->numbers.all()) EXPECT_EQ(number, ~std::uint64_t{0});
    for (std::uint32_t i = 0; i < size; ++i) {
      EXPECT_EQ(value->list[i], i);
      EXPECT_EQ(value->queue[i], i);
    }
  }
}

TEST(Flat, ACopyIsEqualAndItsOwn) {
  Flat<Value> original(Sizes{4, 4, 4});
  original->numbers[3] = 7;
  Flat<Value> copy(original);
  EXPECT_TRUE(copy == original);
  copy->numbers[3] = 8;
  EXPECT_FALSE(copy == original);
  EXPECT_EQ(original->numbers[3], 7U);
}

TEST(Flat, AnAssignedValueTakesTheSizeOfItsSource) {
  Flat<Value> large(Sizes{1000, 4, 4});
  Flat<Value> small(Sizes{1, 1, 1});
  large->numbers[999] = 5;
  small = large;
  EXPECT_TRUE(small == large);
  EXPECT_EQ(small->numbers[999], 5U);
  const Flat<Value>& itself = small;
  small = itself;
  EXPECT_EQ(small->numbers[999], 5U);
}

TEST(Flat, ValuesOfDifferentSizeDiffer) {
  EXPECT_FALSE(Flat<Value>(Sizes{1, 1, 1}) == Flat<Value>(Sizes{1000, 1, 1}));
}

TEST(Flat, RestoresAValueFromItsBytes) {
  Flat<Value> original(Sizes{4, 4, 4});
  original->queue.push(9);
  const std::vector<std::byte> saved(original.bytes().begin(), original.bytes().end());
  Flat<Value> restored(Sizes{4, 4, 4});
  restored.restore(saved);
  EXPECT_TRUE(restored == original);
  EXPECT_EQ(restored->queue.pop(), 9);
}

TEST(Flat, MovingKeepsTheBlock) {
  Flat<Value> original(Sizes{4, 4, 4});
  original->numbers[0] = 3;
  const std::byte* block = original.bytes().data();
  const Flat<Value> moved(std::move(original));
  EXPECT_EQ(moved.bytes().data(), block);
  EXPECT_EQ(moved->numbers[0], 3U);
}

TEST(FlatObjects, HaveArraysOfTheirOwn) {
  Flat<Family> family(std::vector<Sizes>{{1, 2, 3}, {100, 0, 5}, {7, 7, 7}});
  ASSERT_EQ(family->members.size(), 3U);
  for (std::uint32_t index = 0; index < 3; ++index) {
    for (std::uint64_t& number : family->members[index].numbers.all()) number = index + 1;
  }
  const Flat<Family> copy(family);
  for (std::uint32_t index = 0; index < 3; ++index) {
    for (const std::uint64_t number : copy->members[index].numbers.all()) {
      EXPECT_EQ(number, index + 1);
    }
  }
  EXPECT_EQ(copy->members[1].numbers.size(), 100U);
  EXPECT_EQ(copy->members[1].list.capacity(), 0U);
}

TEST(FlatQueue, BehavesLikeADeque) {
  std::mt19937 random(1);
  for (const std::uint32_t capacity : {1U, 2U, 3U, 7U, 64U}) {
    Flat<Value> value(Sizes{0, 0, capacity});
    std::deque<std::uint16_t> model;
    std::uint64_t pushed = 0;
    for (int step = 0; step < 5000; ++step) {
      if (random() % 2 == 0 && model.size() < capacity) {
        const auto number = static_cast<std::uint16_t>(random());
        value->queue.push(number);
        model.push_back(number);
        ++pushed;
      } else if (!model.empty()) {
        ASSERT_EQ(value->queue.pop(), model.front());
        model.pop_front();
      }
      ASSERT_EQ(value->queue.size(), model.size());
      ASSERT_EQ(value->queue.empty(), model.empty());
      ASSERT_EQ(value->queue.full(), model.size() == capacity);
      for (std::uint32_t i = 0; i < model.size(); ++i) ASSERT_EQ(value->queue[i], model[i]);
    }
    EXPECT_EQ(value->queue.pushed(), pushed);
  }
}

TEST(FlatList, BehavesLikeAVector) {
  std::mt19937 random(2);
  Flat<Value> value(Sizes{0, 9, 0});
  std::vector<std::uint32_t> model;
  for (int step = 0; step < 5000; ++step) {
    const auto choice = random() % 16;
    if (choice == 0) {
      value->list.clear();
      model.clear();
    } else if (choice < 9 && model.size() < 9) {
      const auto number = static_cast<std::uint32_t>(random());
      value->list.push(number);
      model.push_back(number);
    } else if (!model.empty()) {
      ASSERT_EQ(value->list.pop(), model.back());
      model.pop_back();
    }
    ASSERT_EQ(value->list.full(), model.size() == 9);
    ASSERT_TRUE(std::ranges::equal(value->list.all(), model));
  }
}

TEST(FlatDeathTest, AnIndexBeyondTheEndIsABug) {
  Flat<Value> value(Sizes{2, 2, 2});
  EXPECT_DEATH(value->numbers[2] = 1, "index < size_");
  EXPECT_DEATH(value->list[0] = 1, "index < size_");
  EXPECT_DEATH(value->queue.pop(), "empty");
  value->list.push(1);
  value->list.push(2);
  EXPECT_DEATH(value->list.push(3), "full");
}

TEST(FlatDeathTest, BytesOfAnotherSizeAreNotRestored) {
  Flat<Value> value(Sizes{2, 2, 2});
  const Flat<Value> other(Sizes{2000, 2, 2});
  EXPECT_DEATH(value.restore(other.bytes()), "saved.size");
}

}  // namespace
}  // namespace reprise::engine
