// The hand-off between two real threads: order, room, and that nobody sleeps over something to do.
#include "reprise/daemon/thread_hand_off.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace reprise::daemon {
namespace {

using engine::OutputIndex;
using engine::RegionIndex;
using engine::ReturnItem;
using engine::Role;
using engine::StageConfig;
using engine::WorkItem;

/// Far more than a busy machine needs; a test that waits so long has lost a wake-up.
constexpr std::chrono::seconds kPatience{20};
constexpr std::uint64_t kHandOvers = 1'000'000;

/// Where a thread sleeps until it is woken. As a backend it can do nothing else.
class Bed final : public engine::Backend {
 public:
  /// False where nobody came.
  bool sleep() {
    std::unique_lock lock(mutex_);
    const bool woken = condition_.wait_for(lock, kPatience, [this] { return woken_; });
    woken_ = false;
    return woken;
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }
  [[nodiscard]] bool is_woken() {
    const std::lock_guard lock(mutex_);
    return woken_;
  }

  std::uint32_t prepare(engine::SubmissionView) override { return 0; }
  engine::SubmitResult submit() override { return {}; }
  engine::SubmitResult submit_and_wait(std::uint32_t, engine::Instant) override { return {}; }
  std::uint32_t reap(engine::CompletionBatch&) override { return 0; }
  [[nodiscard]] engine::Instant now() const override { return {}; }
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec&) override {
    return {};
  }
  engine::Expected<void> use_memory(const engine::PacketMemory&) override { return {}; }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec&) override {
    return {};
  }
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec&) override { return {}; }
  engine::Expected<engine::SocketIndex> adopt(int) override { return {}; }
  void close(engine::SocketIndex) override {}
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex) override { return {}; }
  [[nodiscard]] engine::Limits limits() const override { return {}; }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

StageConfig config_with(std::uint32_t pool) {
  StageConfig config;
  config.pool = pool;
  config.outputs_max = 2;
  return config;
}

WorkItem numbered(std::uint64_t number) {
  return {{RegionIndex{static_cast<std::uint32_t>(number % 7)}, static_cast<std::uint32_t>(number),
           static_cast<std::uint16_t>(number >> 32U)},
          OutputIndex{static_cast<std::uint32_t>(~number)}};
}

struct ThreadHandOffTest : testing::Test {
  static constexpr std::uint32_t kPool = 5;

  Bed ingress;
  Bed egress;
  StageConfig config = config_with(kPool);
  ThreadHandOff hand_off{config, ingress, egress};
};
using ThreadHandOffAlone = ThreadHandOffTest;
using ThreadHandOffBetweenThreads = ThreadHandOffTest;

TEST_F(ThreadHandOffAlone, HasRoomForAllThatCanBeOnItsWay) {
  const std::vector<WorkItem> items(engine::HandOff::items_max(config), numbered(1));
  const std::vector<ReturnItem> returns(engine::HandOff::returns_max(config));
  std::vector<WorkItem> taken(items.size() + 1);
  std::vector<ReturnItem> taken_back(returns.size() + 1);
  for (int round = 0; round < 3; ++round) {
    hand_off.hand_over(items);
    hand_off.give_back(returns);
    EXPECT_EQ(hand_off.items_waiting(), items.size());
    EXPECT_EQ(hand_off.returns_waiting(), returns.size());
    EXPECT_EQ(hand_off.drain(taken), items.size());
    EXPECT_EQ(hand_off.take_back(taken_back), returns.size());
  }
}

TEST_F(ThreadHandOffAlone, DiesWhereMoreIsPushedThanThereIsRoomFor) {
  const std::vector<WorkItem> items(engine::HandOff::items_max(config) + 1, numbered(1));
  const std::vector<ReturnItem> returns(engine::HandOff::returns_max(config) + 1);
  EXPECT_DEATH(hand_off.hand_over(items), "pushed");
  EXPECT_DEATH(hand_off.give_back(returns), "pushed");
}

TEST_F(ThreadHandOffAlone, WakesOnlyWhoHasAnnouncedThatItSleepsAndOnlyOnce) {
  hand_off.wake(Role::egress);
  EXPECT_FALSE(egress.is_woken());
  hand_off.announce(Role::egress);
  hand_off.wake(Role::ingress);
  EXPECT_FALSE(ingress.is_woken() || egress.is_woken());
  hand_off.wake(Role::egress);
  EXPECT_TRUE(egress.is_woken());
  EXPECT_TRUE(egress.sleep());
  hand_off.wake(Role::egress);
  EXPECT_FALSE(egress.is_woken()) << "the announcement was taken back";
  hand_off.announce(Role::ingress);
  hand_off.wake(Role::ingress);
  EXPECT_TRUE(ingress.is_woken() && !egress.is_woken());
}

TEST_F(ThreadHandOffAlone, ShowsEachStageTheQueueThatItPops) {
  const std::array items{numbered(3)};
  const std::array returns{ReturnItem{RegionIndex{3}, 2}};
  EXPECT_FALSE(hand_off.has_items_for(Role::egress) || hand_off.has_items_for(Role::ingress));
  hand_off.hand_over(items);
  EXPECT_TRUE(hand_off.has_items_for(Role::egress) && !hand_off.has_items_for(Role::ingress));
  std::array<WorkItem, 2> taken;
  ASSERT_EQ(hand_off.drain(taken), 1U);
  EXPECT_EQ(taken[0], items[0]);
  hand_off.give_back(returns);
  EXPECT_TRUE(!hand_off.has_items_for(Role::egress) && hand_off.has_items_for(Role::ingress));
  std::array<ReturnItem, 2> taken_back;
  ASSERT_EQ(hand_off.take_back(taken_back), 1U);
  EXPECT_EQ(taken_back[0], returns[0]);
}

/// The steps that a stage takes between its last look and its sleep. False: nobody came.
bool sleep_well(ThreadHandOff& hand_off, Role role, Bed& bed) {
  hand_off.announce(role);
  return hand_off.has_items_for(role) || bed.sleep();
}

/// Hands over numbered items in bursts, as many as there is room for, and sleeps when there is none
/// until something comes back. Returns how many it handed over: all, or it slept for ever.
std::uint64_t produce(ThreadHandOff& hand_off, Bed& bed, std::uint64_t count, std::uint32_t room) {
  std::array<ReturnItem, 3> returns;
  std::array<WorkItem, 4> items;
  for (std::uint64_t number = 0; number < count;) {
    std::size_t burst = 0;
    const std::size_t longest = 1 + number % items.size();
    while (burst < longest && room > 0 && number < count) {
      items[burst++] = numbered(number++);
      --room;
    }
    if (burst > 0) {
      hand_off.hand_over(std::span(items).first(burst));
      hand_off.wake(Role::egress);
    } else if (!sleep_well(hand_off, Role::ingress, bed)) {
      return number;
    }
    const std::uint32_t came_back = hand_off.take_back(returns);
    room += came_back;
  }
  return count;
}

/// Takes them over, checks them and gives as many back. Returns how many came in order.
std::uint64_t consume(ThreadHandOff& hand_off, Bed& bed, std::uint64_t count) {
  std::array<WorkItem, 3> items;
  const std::array<ReturnItem, 3> returns{};
  for (std::uint64_t number = 0; number < count;) {
    const std::uint32_t taken = hand_off.drain(items);
    for (std::uint32_t index = 0; index < taken; ++index) {
      if (items[index] != numbered(number)) return number;
      ++number;
    }
    if (taken > 0) {
      hand_off.give_back(std::span(returns).first(taken));
      hand_off.wake(Role::ingress);
    } else if (!sleep_well(hand_off, Role::egress, bed)) {
      return number;
    }
  }
  return count;
}

/// Room for one: each hand-over is followed by a sleep on one side or the other.
TEST_F(ThreadHandOffBetweenThreads, NeverSleepsOverAnItem) {
  constexpr std::uint64_t kCount = kHandOvers / 5;
  std::uint64_t produced = 0;
  std::jthread producer([&] { produced = produce(hand_off, ingress, kCount, 1); });
  EXPECT_EQ(consume(hand_off, egress, kCount), kCount) << "here it stopped";
  producer.join();
  EXPECT_EQ(produced, kCount) << "here it stopped";
}

/// Where two threads meet before each round; who comes late finds the other one running.
class StartingLine {
 public:
  void meet() {
    const std::uint32_t round = arrivals_.fetch_add(1) / 2;
    while (arrivals_.load() < 2 * (round + 1)) {
      if (++looks_ % 200 == 0) std::this_thread::yield();
    }
  }

 private:
  std::atomic<std::uint32_t> arrivals_ = 0;
  std::atomic<std::uint32_t> looks_ = 0;
};

/// Keeps the calling thread on the `place`-th of the cores that it may use, if there are so many:
/// two threads on one core never meet.
class OnCore {
 public:
  explicit OnCore(std::uint32_t place) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
      if (!CPU_ISSET(core, &before_) || place-- > 0) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      ::sched_setaffinity(0, sizeof one, &one);
      return;
    }
  }
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;
  ~OnCore() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

/// Passes a few nanoseconds for each count.
void dawdle(std::uint32_t count) {
  for (std::atomic<std::uint32_t> passed = 0; passed.load(std::memory_order_relaxed) < count;)
    passed.store(passed.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// One pushes and wakes while the other announces and looks, round after round from the same line
/// with every small lead of either, so that they meet within a few nanoseconds: that is where a
/// processor lets a look overtake a push that is still on its way out.
TEST_F(ThreadHandOffBetweenThreads, SeeEachOtherWhoeverComesFirst) {
  constexpr std::uint32_t kRounds = 300'000;
  StartingLine start;
  StartingLine finish;
  std::jthread pusher([&] {
    const OnCore second(1);
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      const std::array item{numbered(round)};
      start.meet();
      dawdle(round % 61);
      hand_off.hand_over(item);
      hand_off.wake(Role::egress);
      finish.meet();
    }
  });
  const OnCore first(0);
  std::array<WorkItem, 1> item;
  std::uint32_t lost = 0;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    start.meet();
    dawdle(round % 67);
    hand_off.announce(Role::egress);
    const bool is_seen = hand_off.has_items_for(Role::egress);
    finish.meet();
    if (!is_seen && !egress.is_woken()) ++lost;
    if (egress.is_woken()) egress.sleep();
    hand_off.wake(Role::egress);  // for the next round: nobody has announced anything
    if (egress.is_woken()) egress.sleep();
    EXPECT_EQ(hand_off.drain(item), 1U);
  }
  EXPECT_EQ(lost, 0U) << "rounds in which the sleeper saw no item and nobody woke it";
}

/// A queue of five and bursts of one to four: every position wraps around in every way.
TEST_F(ThreadHandOffBetweenThreads, KeepsOrderInAMillionHandOversWhereverTheQueueWrapsAround) {
  std::uint64_t produced = 0;
  std::jthread producer([&] { produced = produce(hand_off, ingress, kHandOvers, kPool); });
  EXPECT_EQ(consume(hand_off, egress, kHandOvers), kHandOvers) << "here it stopped";
  producer.join();
  EXPECT_EQ(produced, kHandOvers) << "here it stopped";
  EXPECT_EQ(hand_off.items_waiting(), 0U);
}

}  // namespace
}  // namespace reprise::daemon
