#include "reprise/engine/stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using played::PlayedKernel;
using played::small_config;
using played::StageOnPlayedKernel;

/// Does one random thing to a relay: time passes, the kernel answers, the network sends.
void act_at_random(StageOnPlayedKernel& relay, std::mt19937& random, std::uint32_t& number) {
  switch (random() % 6) {
    case 0: relay.hand_over_once(); return;
    case 1: relay.reap(); return;
    case 2:
    case 3: {
      const std::vector<std::byte> bytes =
          played::numbered_frame(1 + static_cast<std::uint32_t>(random() % 3), ++number);
      relay.kernel.deliver(bytes, played::whole_frame(bytes));
      return;
    }
    case 4:
      if (!relay.kernel.sends.empty()) {
        constexpr Outcome kOutcomes[] = {Outcome::ok, Outcome::ok,      Outcome::ok,
                                         Outcome::ok, Outcome::refused, Outcome::unreachable};
        relay.kernel.end_send(kOutcomes[random() % 6]);
      }
      return;
    default:
      if (!relay.kernel.waits.empty()) relay.kernel.end_oldest(relay.kernel.waits, Outcome::ok);
      if (random() % 8 == 0 && !relay.kernel.receives.empty()) {
        relay.kernel.end_oldest(relay.kernel.receives, Outcome::no_buffer);
      }
      relay.kernel.carry_out_cancels();
  }
}

/// One step of a stage alone: takes all it wants to hand over, then completes a batch.
void step(Flat<Stage>& stage, const CompletionBatch& batch, const PacketMemory& memory) {
  stage->prepare(memory);
  stage->taken(static_cast<std::uint32_t>(stage->outgoing().submissions.size()));
  stage->complete(batch, memory);
}

/// Regions filled with frames for group 1, and the completion that hands one over.
class Inputs {
 public:
  explicit Inputs(const StageConfig& config)
      : stride_(config.region_bytes), bytes_(std::size_t{stride_} * config.region_count()) {
    frame_bytes_ = played::numbered_frame(1, 1);
    for (std::size_t at = 0; at < bytes_.size(); at += stride_) {
      std::ranges::copy(frame_bytes_, bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  [[nodiscard]] PacketMemory memory() const {
    auto* bytes = const_cast<std::byte*>(bytes_.data());
    return {{bytes, stride_, stride_, stride_, static_cast<std::uint32_t>(bytes_.size() / stride_)},
            {}};
  }
  [[nodiscard]] CompletionBatch received(std::uint32_t region) const {
    CompletionBatch batch(4, 4);
    Completion& completion = batch.push();
    completion.token = {0, 1};
    completion.more = true;
    completion.region = RegionIndex{region};
    batch.push_frame() = played::whole_frame(frame_bytes_);
    return batch;
  }

 private:
  std::uint32_t stride_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> frame_bytes_;
};

Flat<Stage> stage_with_a_route() {
  Flat<Stage> stage(small_config());
  const InputIndex input = stage->add_input(SocketIndex{0}).value();
  REPRISE_ASSERT(stage
                     ->add_route({{}, played::group(1), input, played::kPort},
                                 std::vector{SocketIndex{1}, SocketIndex{2}})
                     .has_value());
  return stage;
}

TEST(Stage, TwoOfOneConfigurationAreEqual) {
  EXPECT_TRUE(Flat<Stage>(small_config()) == Flat<Stage>(small_config()));
  EXPECT_TRUE(stage_with_a_route() == stage_with_a_route());
}

TEST(Stage, CopiesStayEqualUnderEqualInputsByteForByte) {
  const Inputs inputs(small_config());
  const CompletionBatch nothing(1, 1);
  Flat<Stage> original = stage_with_a_route();
  step(original, nothing, inputs.memory());
  Flat<Stage> copy(original);
  for (std::uint32_t region = 0; region < 12; ++region) {
    const CompletionBatch batch = inputs.received(region);
    step(original, batch, inputs.memory());
    EXPECT_FALSE(copy == original);
    step(copy, batch, inputs.memory());
    ASSERT_TRUE(std::ranges::equal(copy.bytes(), original.bytes()));
  }
  EXPECT_EQ(original->ingress_counters().accepted, 12U);
}

TEST(Stage, GoesOnFromItsBytesAsIfNothingHadHappened) {
  const Inputs inputs(small_config());
  Flat<Stage> original = stage_with_a_route();
  step(original, CompletionBatch(1, 1), inputs.memory());
  step(original, inputs.received(0), inputs.memory());
  const std::vector<std::byte> saved(original.bytes().begin(), original.bytes().end());
  Flat<Stage> restored(small_config());
  restored.restore(saved);
  EXPECT_TRUE(restored == original);
  for (std::uint32_t region = 1; region < 8; ++region) {
    step(original, inputs.received(region), inputs.memory());
    step(restored, inputs.received(region), inputs.memory());
    ASSERT_TRUE(restored == original);
  }
  restored->prepare(inputs.memory());
  original->prepare(inputs.memory());
  EXPECT_EQ(restored->outgoing().submissions.size(), original->outgoing().submissions.size());
  EXPECT_TRUE(restored->laws_hold());
}

TEST(Stage, ADifferentInputMakesADifferentStage) {
  const Inputs inputs(small_config());
  Flat<Stage> one = stage_with_a_route();
  step(one, CompletionBatch(1, 1), inputs.memory());
  Flat<Stage> other(one);
  step(one, inputs.received(3), inputs.memory());
  step(other, inputs.received(4), inputs.memory());
  EXPECT_FALSE(one == other);
}

TEST(Stage, KeepsItsLawsUnderRandomInputsAndLosesNoRegion) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    StageConfig config = small_config();
    config.pool = 1 + static_cast<std::uint32_t>(random() % 40);
    config.batch = 1 + static_cast<std::uint32_t>(random() % 4);
    config.exhaustion = random() % 2 == 0 ? Exhaustion::wait : Exhaustion::drop;
    StageOnPlayedKernel relay(config);
    relay.route(1, {1, 2});
    relay.route(2, {3});
    std::uint32_t number = 0;
    for (int turn = 0; turn < 1500; ++turn) {
      act_at_random(relay, random, number);
      ASSERT_TRUE(relay.stage->laws_hold());
    }
    relay.drain();
    ASSERT_TRUE(relay.stage->laws_hold());
    ASSERT_EQ(relay.stage->ledger().held_count(), 0U);
    relay.stage->stop();
    relay.drain();
    ASSERT_TRUE(relay.stage->is_stopped());
    ASSERT_EQ(relay.stage->ledger().held_count(), 0U);
  }
}

TEST(Stage, WhatTheKernelAcceptedOnOneOutputIsInOrder) {  // E1 end to end
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    StageOnPlayedKernel relay;
    relay.route(1, {1});
    relay.hand_over();
    std::uint32_t number = 0;
    std::uint32_t newest = 0;
    for (int turn = 0; turn < 2000; ++turn) {
      const std::vector<std::byte> bytes = played::numbered_frame(1, number + 1);
      if (relay.kernel.deliver(bytes, played::whole_frame(bytes))) ++number;
      if (random() % 2 == 0) relay.reap();
      if (random() % 2 == 0) relay.hand_over_once();
      if (random() % 2 == 0 && !relay.kernel.sends.empty()) {
        const bool ok = random() % 4 != 0;
        const std::uint32_t sent = relay.kernel.number(relay.kernel.sends.front());
        relay.kernel.end_send(ok ? Outcome::ok : Outcome::refused);
        if (ok) {
          ASSERT_GT(sent, newest);
          newest = sent;
        }
      }
      if (random() % 4 == 0 && !relay.kernel.waits.empty()) {
        relay.kernel.end_oldest(relay.kernel.waits, Outcome::ok);
      }
    }
    EXPECT_GT(newest, 100U);
  }
}

TEST(Stage, RoutesComeAndGoUnderTraffic) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    StageOnPlayedKernel relay;
    std::uint32_t number = 0;
    std::uint32_t next_socket = 1;
    std::vector<RouteIndex> routes;
    std::set<SocketIndex> open;
    for (int turn = 0; turn < 3000; ++turn) {
      act_at_random(relay, random, number);
      for (const SocketIndex socket : relay.stage->closable().all()) {
        ASSERT_EQ(open.erase(socket), 1U) << "closable twice, or never opened";
        for (const played::InFlight& send : relay.kernel.sends) {
          ASSERT_NE(send.submission.socket, socket) << "closable with a send in flight";
        }
      }
      relay.stage->closable().clear();
      if (random() % 10 == 0) {
        const std::vector sockets{SocketIndex{next_socket}, SocketIndex{next_socket + 1}};
        const auto group_number = 1 + static_cast<std::uint32_t>(random() % 3);
        const auto added = relay.stage->add_route(
            {{}, played::group(group_number), relay.input, played::kPort}, sockets);
        if (added) {
          routes.push_back(*added);
          open.insert(sockets.begin(), sockets.end());
          next_socket += 2;
        }
      }
      if (random() % 10 == 0 && !routes.empty()) {
        const std::size_t place = random() % routes.size();
        ASSERT_TRUE(relay.stage->remove_route(routes[place]).has_value());
        routes.erase(routes.begin() + static_cast<std::ptrdiff_t>(place));
      }
      ASSERT_TRUE(relay.stage->laws_hold());
    }
    for (const RouteIndex route : routes) {
      ASSERT_TRUE(relay.stage->remove_route(route).has_value());
    }
    relay.drain();
    for (const SocketIndex socket : relay.stage->closable().all()) open.erase(socket);
    EXPECT_TRUE(open.empty()) << "every socket is given back";
    EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
    EXPECT_GT(next_socket, 50U);
  }
}

TEST(Stage, StopsWhenAbandonedAtAnyMoment) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    StageOnPlayedKernel relay;
    relay.route(1, {1, 2});
    relay.route(2, {3});
    std::uint32_t number = 0;
    const auto turns = random() % 300;
    for (std::uint32_t turn = 0; turn < turns; ++turn) act_at_random(relay, random, number);
    relay.stage->stop();
    if (random() % 2 == 0) act_at_random(relay, random, number);
    relay.stage->abandon();
    // From here on nothing is ever writable again: every send is refused, every wait stays.
    for (int turn = 0; turn < 20 && !relay.stage->is_stopped(); ++turn) {
      relay.hand_over_once();
      relay.kernel.end_all_sends(Outcome::refused);
      relay.kernel.carry_out_cancels();
      relay.reap();
      ASSERT_TRUE(relay.stage->laws_hold());
    }
    ASSERT_TRUE(relay.stage->is_stopped());
    ASSERT_EQ(relay.stage->ledger().held_count(), 0U);
  }
}

TEST(Stage, SaysWhyACommandWasNotCarriedOut) {
  StageConfig config = small_config();
  config.rules_max = 2;
  config.outputs_max = 3;
  Flat<Stage> stage(config);
  const InputIndex input = stage->add_input(SocketIndex{0}).value();
  const auto add = [&](std::uint32_t group_number, std::size_t outputs) {
    return stage->add_route({{}, played::group(group_number), input, played::kPort},
                            std::vector<SocketIndex>(outputs, SocketIndex{1}));
  };
  ASSERT_TRUE(add(1, 2).has_value());
  const Flat<Stage> before(stage);
  EXPECT_EQ(add(1, 1).error(), CommandError::routes_exhausted_or_known);
  EXPECT_EQ(add(2, 2).error(), CommandError::outputs_exhausted);
  EXPECT_EQ(add(2, 0).error(), CommandError::outputs_exhausted);
  EXPECT_EQ(stage->remove_route(RouteIndex{1}).error(), CommandError::no_such_route);
  EXPECT_EQ(stage->remove_route(kNoRoute).error(), CommandError::no_such_route);
  ASSERT_TRUE(add(2, 1).has_value()) << "nothing had changed";
  EXPECT_EQ(add(3, 1).error(), CommandError::routes_exhausted_or_known);
  for (const CommandError error :
       {CommandError::inputs_exhausted, CommandError::routes_exhausted_or_known,
        CommandError::outputs_exhausted, CommandError::no_such_route}) {
    EXPECT_STRNE(name(error), "?");
  }
}

}  // namespace
}  // namespace reprise::engine
