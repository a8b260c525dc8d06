#include "reprise/engine/ledger.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <vector>

namespace reprise::engine {
namespace {

struct LedgerValue {
  Ledger ledger;
  void place(FlatLayout& layout, std::uint32_t regions) { ledger.place(layout, regions); }
  void start(std::uint32_t) { ledger.start(); }
};

/// An egress stage's.
struct AwayLedgerValue {
  Ledger ledger;
  void place(FlatLayout& layout, std::uint32_t regions) { ledger.place(layout, regions); }
  void start(std::uint32_t) { ledger.start(Owner::away); }
};

/// What the ledger should say: the free ones in order, the kernel's, and the references of the
/// held.
struct Model {
  std::deque<RegionIndex> free;
  std::vector<RegionIndex> kernel;
  std::map<RegionIndex, std::uint32_t> held;
};

template <class Container>
auto any_of_them(Container& container, std::mt19937& random) {
  return std::next(container.begin(), static_cast<std::ptrdiff_t>(random() % container.size()));
}

void act(Ledger& ledger, Model& model, std::mt19937& random) {
  switch (random() % 5) {
    case 0:
      if (model.free.empty()) return;
      ASSERT_EQ(ledger.provide(), model.free.front());  // L4
      model.kernel.push_back(model.free.front());
      model.free.pop_front();
      return;
    case 1:
    case 2: {
      if (model.kernel.empty()) return;
      const auto place = any_of_them(model.kernel, random);
      const RegionIndex region = *place;
      model.kernel.erase(place);
      ledger.receive(region);
      model.held[region] = 1;
      return;
    }
    case 3: {
      if (model.held.empty()) return;
      const auto place = any_of_them(model.held, random);
      ledger.retain(place->first);
      ++place->second;
      return;
    }
    default: {
      if (model.held.empty()) return;
      const auto place = any_of_them(model.held, random);
      ledger.release(place->first);
      if (--place->second > 0) return;
      model.free.push_back(place->first);  // L3
      model.held.erase(place);
    }
  }
}

TEST(Ledger, AgreesWithAModelUnderRandomOperations) {
  std::mt19937 random(3);
  for (const std::uint32_t regions : {1U, 2U, 16U}) {
    Flat<LedgerValue> value(regions);
    Ledger& ledger = value->ledger;
    Model model;
    for (std::uint32_t index = 0; index < regions; ++index)
      model.free.push_back(RegionIndex{index});
    for (int step = 0; step < 5000; ++step) {
      act(ledger, model, random);
      ASSERT_TRUE(ledger.is_consistent());
      ASSERT_EQ(ledger.free_count(), model.free.size());
      ASSERT_EQ(ledger.kernel_count(), model.kernel.size());
      ASSERT_EQ(ledger.held_count(), model.held.size());
      for (const auto& [region, references] : model.held) {
        ASSERT_EQ(ledger.owner(region), Owner::held);
        ASSERT_EQ(ledger.references(region), references);  // L2
      }
      for (std::uint32_t back = 0; back < model.free.size(); ++back) {
        ASSERT_EQ(ledger.free_from_back(back), model.free[model.free.size() - 1 - back]);
      }
    }
  }
}

TEST(Ledger, CountsReleasesOfTheLastReferenceOnly) {
  Flat<LedgerValue> value(2U);
  Ledger& ledger = value->ledger;
  const RegionIndex region = ledger.provide();
  ledger.receive(region);
  ledger.retain(region);
  ledger.release(region);
  EXPECT_EQ(ledger.released(), 0U);
  ledger.release(region);
  EXPECT_EQ(ledger.released(), 1U);
}

TEST(Ledger, OfAnEgressStageGivesARegionBackWithEachDatagramThatCame) {
  Flat<AwayLedgerValue> value(2U);
  Ledger& ledger = value->ledger;
  const RegionIndex region{1};
  EXPECT_EQ(ledger.held_count(), 0U);
  for (int datagram = 0; datagram < 3; ++datagram) ledger.adopt(region);
  EXPECT_EQ(ledger.held_count(), 1U);
  ledger.release(region, 2);
  EXPECT_EQ(ledger.free_count(), 0U) << "one of its datagrams is still here";
  ledger.release(region);
  EXPECT_EQ(ledger.give_back(), (ReturnItem{region, 3}));
  ledger.adopt(region);
  ledger.release(region);
  EXPECT_EQ(ledger.give_back(), (ReturnItem{region, 1})) << "counted anew";
  EXPECT_EQ(ledger.owner(region), Owner::away);
  EXPECT_TRUE(ledger.is_consistent());
}

/// What an egress stage's ledger should say.
struct AwayModel {
  struct Region {
    std::uint32_t references = 0;
    std::uint32_t adopted = 0;
  };
  std::map<RegionIndex, Region> held;
  std::deque<RegionIndex> free;
  std::map<RegionIndex, std::uint32_t> adopted_and_free;
};

void act(Ledger& ledger, AwayModel& model, std::mt19937& random) {
  const RegionIndex any{static_cast<std::uint32_t>(random() % ledger.size())};
  switch (random() % 4) {
    case 0:
      if (ledger.owner(any) == Owner::free) return;
      ledger.adopt(any);
      ++model.held[any].references;
      ++model.held[any].adopted;
      return;
    case 1:
      if (model.free.empty()) return;
      ASSERT_EQ(ledger.give_back(),
                (ReturnItem{model.free.front(), model.adopted_and_free[model.free.front()]}));
      ASSERT_EQ(ledger.owner(model.free.front()), Owner::away);
      ASSERT_EQ(ledger.adopted(model.free.front()), 0U);
      model.adopted_and_free.erase(model.free.front());
      model.free.pop_front();  // L4
      return;
    case 2:
      if (!model.held.contains(any)) return;
      ledger.retain(any);
      ++model.held[any].references;
      return;
    default: {
      if (!model.held.contains(any)) return;
      AwayModel::Region& region = model.held[any];
      const std::uint32_t count = 1 + static_cast<std::uint32_t>(random() % region.references);
      ledger.release(any, count);
      region.references -= count;
      if (region.references > 0) return;
      model.free.push_back(any);  // L3
      model.adopted_and_free[any] = region.adopted;
      model.held.erase(any);
    }
  }
}

TEST(Ledger, OfAnEgressStageAgreesWithAModelUnderRandomOperations) {
  std::mt19937 random(4);
  for (const std::uint32_t regions : {1U, 2U, 16U}) {
    Flat<AwayLedgerValue> value(regions);
    Ledger& ledger = value->ledger;
    AwayModel model;
    for (int step = 0; step < 5000; ++step) {
      act(ledger, model, random);
      ASSERT_TRUE(ledger.is_consistent());
      ASSERT_EQ(ledger.free_count(), model.free.size());
      ASSERT_EQ(ledger.held_count(), model.held.size());
      ASSERT_EQ(ledger.kernel_count(), 0U);
      for (const auto& [region, expected] : model.held) {
        ASSERT_EQ(ledger.owner(region), Owner::held);
        ASSERT_EQ(ledger.references(region), expected.references);  // L2
        ASSERT_EQ(ledger.adopted(region), expected.adopted);
      }
    }
  }
}

TEST(Ledger, GivesBackWithARegionEveryReferenceThatCame) {
  Flat<AwayLedgerValue> value(2U);
  Ledger& ledger = value->ledger;
  ledger.adopt(RegionIndex{1});
  ledger.adopt(RegionIndex{1});
  ledger.retain(RegionIndex{1});
  ledger.release(RegionIndex{1}, 3);
  EXPECT_EQ(ledger.give_back(), (ReturnItem{RegionIndex{1}, 2}));
  ledger.adopt(RegionIndex{1});
  ledger.release(RegionIndex{1});
  EXPECT_EQ(ledger.give_back(), (ReturnItem{RegionIndex{1}, 1})) << "what came since";
}

TEST(LedgerDeathTest, AFreeRegionIsGivenBackBeforeItComesAgain) {
  Flat<AwayLedgerValue> value(1U);
  Ledger& ledger = value->ledger;
  EXPECT_DEATH(ledger.give_back(), "empty");
  EXPECT_DEATH(ledger.release(RegionIndex{0}), "held");
  ledger.adopt(RegionIndex{0});
  EXPECT_DEATH(ledger.release(RegionIndex{0}, 2), "references");
  EXPECT_DEATH(ledger.give_back(), "empty");
  ledger.release(RegionIndex{0});
  EXPECT_DEATH(ledger.adopt(RegionIndex{0}), "away");
}

TEST(LedgerDeathTest, WhatNobodyHoldsCannotBeReleasedOrRetained) {
  Flat<LedgerValue> value(1U);
  Ledger& ledger = value->ledger;
  EXPECT_DEATH(ledger.release(RegionIndex{0}), "held");
  EXPECT_DEATH(ledger.retain(RegionIndex{0}), "held");
  EXPECT_DEATH(ledger.receive(RegionIndex{0}), "kernel");
  const RegionIndex region = ledger.provide();
  EXPECT_DEATH(ledger.release(region), "held");
  EXPECT_DEATH(ledger.provide(), "empty");
  ledger.receive(region);
  EXPECT_DEATH(ledger.receive(region), "kernel");
  ledger.release(region);
  EXPECT_DEATH(ledger.release(region), "held");
}

}  // namespace
}  // namespace reprise::engine
