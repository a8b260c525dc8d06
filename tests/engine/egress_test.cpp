// E1 … E5 of egress.hpp, each on a kernel whose answers the test gives.
#include "reprise/engine/egress.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using Numbers = std::vector<std::uint32_t>;
using played::InFlight;
using played::PlayedKernel;
using played::small_config;
using played::StageOnPlayedKernel;

class Egress : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(relay.stage->laws_hold()); }

  StageOnPlayedKernel relay;
  PlayedKernel& kernel = relay.kernel;
};

/// The longest linked run on one socket.
std::size_t chain_length(const std::deque<InFlight>& sends) {
  std::size_t longest = 0;
  std::size_t length = 0;
  for (const InFlight& send : sends) {
    ++length;
    longest = std::max(longest, length);
    if (!PlayedKernel::is_linked(send)) length = 0;
  }
  return longest;
}

TEST_F(Egress, SendsOfOneOutputInOneBatchFormOneChain) {  // E1
  relay.route(1, {1});
  relay.route(2, {2});
  relay.hand_over();
  relay.offer(1, 10);
  relay.offer(2, 20);
  relay.offer(1, 11);
  relay.offer(2, 21);
  relay.hand_over();
  ASSERT_EQ(kernel.sends.size(), 4U);
  EXPECT_EQ(relay.numbers_on(1), (Numbers{10, 11}));
  EXPECT_EQ(relay.numbers_on(2), (Numbers{20, 21}));
  EXPECT_TRUE(PlayedKernel::is_linked(kernel.sends[0]));
  EXPECT_FALSE(PlayedKernel::is_linked(kernel.sends[1]));
  EXPECT_EQ(chain_length(kernel.sends), 2U);
  for (const InFlight& send : kernel.sends) {
    EXPECT_TRUE(send.submission.flags & SubmissionFlags::kDoNotWait);
  }
}

TEST_F(Egress, WhatWasRefusedInsideAChainIsTriedAgainInOrderWhenWritable) {  // E1
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::ok);
  kernel.end_send(Outcome::refused, EAGAIN);  // 1; 2 and 3 are cancelled
  relay.reap();
  EXPECT_EQ(relay.stage->egress().pending(relay.output(route)), 3U);
  relay.hand_over();
  EXPECT_TRUE(kernel.sends.empty()) << "E2: blocked";
  ASSERT_EQ(kernel.waits.size(), 1U);
  relay.offer(1, 4);
  relay.hand_over();
  EXPECT_TRUE(kernel.sends.empty());
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{1, 2, 3, 4}));  // E3
  relay.drain();
  EXPECT_EQ(relay.counters(route).sent, 5U);
  EXPECT_EQ(relay.counters(route).refused, 1U);
  EXPECT_EQ(relay.counters(route).dropped_total(), 0U);
}

TEST_F(Egress, WhatWasCancelledBehindAnErrorIsTriedAgainAtOnce) {  // E1
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 3);
  relay.hand_over();
  kernel.end_send(Outcome::unreachable, ENETUNREACH);
  relay.reap();
  EXPECT_TRUE(relay.stage->has_work());
  relay.hand_over();
  EXPECT_TRUE(kernel.waits.empty());
  EXPECT_EQ(relay.numbers_on(1), (Numbers{1, 2}));
  relay.drain();
  EXPECT_EQ(relay.counters(route).sent, 2U);
  EXPECT_EQ(relay.dropped(route, EgressDrop::unreachable), 1U);
}

TEST_F(Egress, AnOutputHasOneChainAtATime) {  // E1
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 2);
  relay.hand_over();
  relay.offer(1, 2);
  EXPECT_FALSE(relay.stage->has_work());
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1}));
  kernel.end_oldest(kernel.sends, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{1})) << "1 might still be refused";
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.drain();
  EXPECT_EQ(relay.counters(route).sent, 3U);
  EXPECT_EQ(relay.counters(route).dropped_total(), 0U);
}

TEST_F(Egress, AChainThatComesBackFindsItsPlacesInTheQueue) {  // E1, E3
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);  // the queue of 4 is full
  relay.reap();
  relay.hand_over();
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.offer(1, 4, 4);  // of the batch, half goes to the queue (E4)
  relay.hand_over_once();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1}));
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  EXPECT_EQ(relay.stage->egress().pending(relay.output(route)), 4U);
  Numbers order;
  while (relay.stage->has_work() || !kernel.sends.empty() || !kernel.waits.empty()) {
    relay.hand_over_once();
    for (const std::uint32_t number : relay.numbers_on(1)) order.push_back(number);
    kernel.end_all_sends();
    if (!kernel.waits.empty()) kernel.end_oldest(kernel.waits, Outcome::ok);
    relay.reap();
  }
  EXPECT_EQ(order, (Numbers{0, 1, 2, 3}));
  EXPECT_EQ(relay.dropped(route, EgressDrop::queue_full), 4U);
}

TEST_F(Egress, BlockedOutputsTogetherHoldAtMostHalfThePool) {  // E2
  StageConfig config = small_config();
  config.pool = 8;
  StageOnPlayedKernel tight(config);
  const RouteIndex first = tight.route(1, {1});
  const RouteIndex second = tight.route(2, {2});
  tight.hand_over();
  for (const std::uint32_t group : {1U, 2U}) {
    tight.offer(group, 0);
    tight.hand_over();
    tight.kernel.end_send(Outcome::refused, EAGAIN);
    tight.reap();
  }
  for (std::uint32_t number = 1; number <= 3; ++number) {
    for (const std::uint32_t group : {1U, 2U}) {
      tight.offer(group, number);
      tight.hand_over();
    }
  }
  EXPECT_EQ(tight.stage->ledger().held_count(), 4U);
  EXPECT_EQ(tight.dropped(first, EgressDrop::queue_full), 2U);
  EXPECT_EQ(tight.dropped(second, EgressDrop::queue_full), 2U);
  EXPECT_TRUE(tight.stage->laws_hold());
}

TEST_F(Egress, ABlockedOutputDisturbsNoOther) {  // E2
  const RouteIndex blocked = relay.route(1, {1});
  const RouteIndex free = relay.route(2, {2});
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  for (std::uint32_t number = 1; number <= 20; ++number) {
    relay.offer(1, number);
    relay.offer(2, number);
    relay.hand_over();
    ASSERT_EQ(relay.numbers_on(1), Numbers{});
    ASSERT_EQ(relay.numbers_on(2), Numbers{number});
    kernel.end_all_sends();
    relay.reap();
  }
  EXPECT_EQ(kernel.waits.size(), 1U);
  EXPECT_EQ(relay.counters(free).sent, 20U);
  EXPECT_EQ(relay.counters(free).dropped_total(), 0U);
  EXPECT_EQ(relay.dropped(blocked, EgressDrop::queue_full), 17U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 4U);
}

TEST_F(Egress, ABlockedOutputBeyondItsQueueDropsTheNewestAndCounts) {  // E2
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);  // the queue of 4 is full
  relay.reap();
  relay.hand_over();
  relay.offer(1, 4, 2);
  relay.hand_over();
  EXPECT_EQ(relay.dropped(route, EgressDrop::queue_full), 2U);
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3}));
}

TEST_F(Egress, QueuedDatagramsLeaveBeforeNewerOnes) {  // E3
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over();
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.offer(1, 4, 2);
  Numbers order;
  while (relay.stage->has_work() || !kernel.sends.empty()) {
    relay.hand_over_once();
    for (const std::uint32_t number : relay.numbers_on(1)) order.push_back(number);
    kernel.end_all_sends();
    relay.reap();
  }
  // 5 came while the queue still held four.
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(order.size() + relay.dropped(route, EgressDrop::queue_full), 6U);
}

TEST_F(Egress, QueuedDatagramsUseAtMostHalfABatchWhileTheBacklogHasSome) {  // E4
  relay.route(1, {1});
  relay.route(2, {2});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over();
  relay.offer(2, 10, 8);
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over_once();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1}));
  EXPECT_EQ(relay.numbers_on(2), (Numbers{10, 11}));
}

TEST_F(Egress, QueuedDatagramsMayFillABatchWhenNothingElseWaits) {  // E4
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over();
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over_once();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3}));
}

TEST_F(Egress, FanOutGoesOnWhereABatchEnded) {
  const RouteIndex route = relay.route(1, {1, 2, 3});
  relay.hand_over();
  relay.offer(1, 0, 3);  // nine sends, four in a batch
  std::vector<std::size_t> batches;
  std::array<Numbers, 3> numbers;
  while (relay.stage->has_work()) {
    relay.hand_over_once();
    if (!kernel.sends.empty()) batches.push_back(kernel.sends.size());
    for (std::uint32_t place = 0; place < 3; ++place) {
      for (const std::uint32_t number : relay.numbers_on(place + 1)) {
        numbers[place].push_back(number);
      }
    }
    kernel.end_all_sends();
    relay.reap();
  }
  EXPECT_EQ(batches, (std::vector<std::size_t>{4, 4, 1}));
  for (std::uint32_t place = 0; place < 3; ++place) {
    EXPECT_EQ(numbers[place], (Numbers{0, 1, 2}));
    EXPECT_EQ(relay.counters(route, place).assigned, 3U);
  }
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(Egress, ARegionIsFreeWhenItsLastSendHasEnded) {
  relay.route(1, {1, 2});
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over();
  const RegionIndex region = kernel.sends.front().slices.front().region;
  EXPECT_EQ(relay.stage->ledger().references(region), 2U);
  kernel.end_send(Outcome::ok);
  relay.reap();
  EXPECT_EQ(relay.stage->ledger().references(region), 1U);
  kernel.end_send(Outcome::ok);
  relay.reap();
  EXPECT_EQ(relay.stage->ledger().owner(region), Owner::free);
}

TEST_F(Egress, EveryErrorIsCountedByReasonAndByErrno) {  // E5
  const RouteIndex route = relay.route(1, {1});
  const std::vector<std::tuple<Outcome, EgressDrop, int>> errors{
      {Outcome::no_buffer, EgressDrop::no_buffer, ENOBUFS},
      {Outcome::too_large, EgressDrop::too_large, EMSGSIZE},
      {Outcome::unreachable, EgressDrop::unreachable, ENETUNREACH},
      {Outcome::connection_refused, EgressDrop::connection_refused, ECONNREFUSED},
      {Outcome::not_permitted, EgressDrop::not_permitted, EPERM},
      {Outcome::invalid, EgressDrop::invalid, EINVAL},
      {Outcome::failed, EgressDrop::failed, EIO},
      {Outcome::expired, EgressDrop::failed, ETIME},
  };
  relay.hand_over();
  for (const auto& [outcome, reason, errno_value] : errors) {
    const std::uint64_t before = relay.dropped(route, reason);
    relay.offer(1, 0);
    relay.hand_over();
    kernel.end_send(outcome, errno_value);
    relay.reap();
    EXPECT_EQ(relay.dropped(route, reason), before + 1) << name(outcome);
    EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
  }
  EXPECT_EQ(relay.counters(route).errors[0].errno_value, ENOBUFS);
  EXPECT_EQ(relay.counters(route).errors[2].errno_value, ENETUNREACH);
  EXPECT_EQ(relay.counters(route).errors[3].count, errors.size() - 3);
}

TEST_F(Egress, EveryAssignedDatagramIsSentDroppedOrPendingAtEveryMoment) {  // E5
  const RouteIndex route = relay.route(1, {1, 2});
  relay.hand_over();
  const auto holds = [&](std::uint32_t place) {
    const OutputCounters& counters = relay.counters(route, place);
    return counters.assigned == counters.sent + counters.dropped_total() +
                                    relay.stage->egress().pending(relay.output(route, place));
  };
  for (std::uint32_t number = 0; number < 40; ++number) {
    relay.offer(1, number);
    relay.hand_over();
    ASSERT_TRUE(holds(0) && holds(1));
    while (kernel.sends.size() > 1) {
      kernel.end_send(number % 3 == 0 ? Outcome::refused : Outcome::ok);
      relay.reap();
      ASSERT_TRUE(holds(0) && holds(1));
    }
    if (number % 5 == 4 && !kernel.waits.empty()) kernel.end_oldest(kernel.waits, Outcome::ok);
    relay.reap();
  }
  relay.drain();
  EXPECT_EQ(relay.stage->egress().pending(relay.output(route)), 0U);
  EXPECT_EQ(relay.counters(route).assigned, 40U);
}

TEST_F(Egress, ARemovedRouteSendsWhatWaitsThenGivesItsSocketsBack) {
  const RouteIndex route = relay.route(1, {7, 8});
  relay.hand_over();
  relay.offer(1, 0, 3);
  ASSERT_TRUE(relay.stage->remove_route(route).has_value());
  EXPECT_TRUE(relay.stage->closable().empty());
  relay.offer(1, 3);
  EXPECT_EQ(relay.dropped(IngressDrop::no_rule), 1U);
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(7), (Numbers{0, 1}));
  EXPECT_TRUE(relay.stage->closable().empty()) << "its sends are in flight";
  relay.drain();
  ASSERT_EQ(relay.stage->closable().size(), 2U);
  EXPECT_EQ(relay.stage->output_total().sent, 6U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(Egress, ARemovedRouteThatIsBlockedKeepsItsSocketUntilItIsWritable) {
  const RouteIndex route = relay.route(1, {7});
  relay.hand_over();
  relay.offer(1, 0, 2);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  ASSERT_TRUE(relay.stage->remove_route(route).has_value());
  relay.hand_over();
  EXPECT_TRUE(relay.stage->closable().empty());
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.drain();
  ASSERT_EQ(relay.stage->closable().size(), 1U);
  EXPECT_EQ(relay.stage->closable()[0], SocketIndex{7});
  EXPECT_EQ(relay.stage->output_total().sent, 2U);
}

TEST_F(Egress, CountersOfRemovedOutputsStayInTheTotal) {
  for (std::uint32_t round = 0; round < 20; ++round) {
    const RouteIndex route = relay.route(1, {1, 2});
    relay.hand_over();
    relay.offer(1, round);
    ASSERT_TRUE(relay.stage->remove_route(route).has_value());
    relay.drain();
    EXPECT_EQ(relay.stage->closable().size(), 2U);
    relay.stage->closable().clear();
  }
  EXPECT_EQ(relay.stage->output_total().sent, 40U);
}

TEST_F(Egress, AbandonCountsWhatWaitedAsStopped) {
  const RouteIndex route = relay.route(1, {1, 2});
  relay.hand_over();
  relay.offer(1, 0, 4);
  relay.hand_over_once();  // four of eight sends: the third datagram's are in the backlog
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over_once();
  relay.stage->stop();
  relay.stage->abandon();
  EXPECT_TRUE(relay.stage->laws_hold());
  EXPECT_EQ(relay.stage->egress().backlog_size(), 0U);
  EXPECT_GT(relay.dropped(route, EgressDrop::stopped), 0U);
  relay.drain();
  EXPECT_TRUE(relay.stage->is_stopped());
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
  for (std::uint32_t place = 0; place < 2; ++place) {
    EXPECT_EQ(relay.counters(route, place).assigned, 4U);
    EXPECT_EQ(relay.counters(route, place).sent + relay.dropped(route, EgressDrop::stopped, place),
              4U);
  }
}

TEST_F(Egress, AbandonInsideAFanOutCountsOnlyTheOutputsThatWereLeft) {
  const RouteIndex route = relay.route(1, {1, 2, 3, 4, 5});
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over_once();  // four of five
  relay.stage->stop();
  relay.stage->abandon();
  relay.drain();
  EXPECT_EQ(relay.dropped(route, EgressDrop::stopped, 0), 0U);
  EXPECT_EQ(relay.dropped(route, EgressDrop::stopped, 4), 1U);
  EXPECT_EQ(relay.stage->output_total().sent, 4U);
}

TEST_F(Egress, ASendRefusedAfterTheAbandonIsDroppedNotTriedAgain) {
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 3);
  relay.hand_over();
  relay.stage->stop();
  relay.stage->abandon();
  kernel.end_send(Outcome::refused, EAGAIN);  // and two cancelled behind it
  relay.hand_over();
  kernel.carry_out_cancels();
  relay.reap();
  EXPECT_TRUE(relay.stage->is_stopped()) << "a socket that is never writable must not hold it up";
  EXPECT_EQ(relay.dropped(route, EgressDrop::stopped), 3U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(Egress, AbandonMayBeAskedForAgain) {
  std::vector<std::uint32_t> sockets;
  for (std::uint32_t socket = 1; socket <= small_config().outputs_max; ++socket) {
    sockets.push_back(socket);
  }
  relay.route(1, sockets);
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over_all();
  kernel.end_all_sends(Outcome::refused);
  relay.reap();
  relay.hand_over();
  ASSERT_EQ(kernel.waits.size(), sockets.size());
  relay.stage->stop();
  relay.stage->abandon();
  relay.stage->abandon();
  relay.hand_over();
  relay.stage->abandon();
  relay.hand_over();
  std::size_t of_waits = 0;
  for (const InFlight& cancel : kernel.cancels) {
    if (cancel.submission.target != kernel.receives.front().submission.token) ++of_waits;
  }
  EXPECT_EQ(of_waits, sockets.size()) << "one cancel for each wait";
  kernel.carry_out_cancels();
  relay.reap();
  EXPECT_TRUE(relay.stage->is_stopped());
}

TEST_F(Egress, AWaitThatEndsBeforeItsCancelIsHandedOverDisturbsNothing) {
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over();
  relay.stage->stop();
  relay.stage->abandon();
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  kernel.carry_out_cancels();
  relay.reap();
  EXPECT_TRUE(relay.stage->is_stopped());
}

TEST(EgressCapacity, ABatchAsLongAsTheSubmissionQueueGoesAsOneChain) {
  StageConfig config = small_config();
  config.batch = config.submissions_max = config.sends_max = config.output_queue = 16;
  StageOnPlayedKernel relay(config);
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 16);
  relay.hand_over();
  EXPECT_EQ(chain_length(relay.kernel.sends), 16U);
  relay.drain();
  EXPECT_EQ(relay.stage->output_total().sent, 16U);
}

TEST(EgressCapacity, WaitsOfAllOutputsAtOnceFitBehindABatch) {
  StageConfig config = small_config();
  config.outputs_max = 200;
  config.batch = config.output_queue = 8;
  config.submissions_max = 8;
  config.sends_max = 256;
  StageOnPlayedKernel relay(config);
  std::vector<std::uint32_t> sockets(200);
  for (std::uint32_t place = 0; place < 200; ++place) sockets[place] = place + 1;
  relay.route(1, sockets);
  relay.hand_over();
  relay.offer(1, 0);
  relay.hand_over_all();
  ASSERT_EQ(relay.kernel.sends.size(), 200U);
  relay.kernel.end_all_sends(Outcome::refused);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.kernel.waits.size(), 200U);
  relay.drain();
  EXPECT_EQ(relay.stage->output_total().sent, 200U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST(EgressCapacity, WithoutAFreeSendTheBacklogWaitsAndIsNoWork) {
  StageConfig config = small_config();
  config.sends_max = 4;
  StageOnPlayedKernel relay(config);
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 6);
  relay.hand_over();
  EXPECT_EQ(relay.stage->sends_open(), 4U);
  EXPECT_FALSE(relay.stage->has_work());
  relay.kernel.end_send(Outcome::ok);
  relay.reap();
  EXPECT_TRUE(relay.stage->has_work());
  relay.drain();
  EXPECT_EQ(relay.stage->output_total().sent, 6U);
}

}  // namespace
}  // namespace reprise::engine
