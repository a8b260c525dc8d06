// Two threads on two cores: a cache line that goes to and fro, and a queue that one fills and the
// other empties, in batches, as fast as they can. Of the time of a batch, what the access to the
// other side's place does not explain is its items'.
#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <thread>

#include "reprise/engine/work_item.hpp"
#include "reprise/trial/chunks.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::Instant;
using engine::WorkItem;

constexpr std::size_t kBatch = 32;
constexpr std::uint32_t kPings = 20'000;
constexpr std::size_t kCacheLineBytes = 64;

/// As a pipeline has it (daemon/thread_hand_off.hpp); whole batches at a time.
using Queue = boost::lockfree::spsc_queue<WorkItem>;
constexpr std::size_t kQueueItems = 1024;

struct Shared {
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> ball = 0;
  alignas(kCacheLineBytes) Queue queue{kQueueItems};
};

/// Answers every ball with the next number.
void play(Shared& shared, const std::stop_token& stop) {
  for (std::uint64_t next = 1; !stop.stop_requested(); next += 2) {
    while (shared.ball.load(std::memory_order_acquire) != next) {
      if (stop.stop_requested()) return;
    }
    shared.ball.store(next + 1, std::memory_order_release);
  }
}

/// Takes batches as they come.
void take(Shared& shared, const std::stop_token& stop) {
  std::array<WorkItem, kBatch> items;
  while (!stop.stop_requested()) {
    if (shared.queue.read_available() >= items.size()) {
      shared.queue.pop(items.data(), items.size());
    }
  }
}

class CrossingCosts final : public Instrument {
 public:
  explicit CrossingCosts(unsigned other_core) : other_core_(other_core) {}

  Expected<void> read(Readings& readings) override {
    if (auto done = read_shared(readings); !done) return done;
    return read_crossing(readings);
  }

 private:
  static std::unexpected<engine::Error> no_core() {
    return engine::failure("queues: the second thread does not get its core; try again");
  }

  Expected<void> read_shared(Readings& readings) const {
    Shared shared;
    const std::jthread other =
        start_on(other_core_, [&](const std::stop_token& stop) { play(shared, stop); });
    std::uint64_t ball = 1;
    bool is_back = true;
    const auto ping = [&] {
      if (!is_back) return;
      shared.ball.store(ball, std::memory_order_release);
      is_back = spin_until([&] { return shared.ball.load(std::memory_order_acquire) == ball + 1; });
      ball += 2;
    };
    ping();  // waits for the thread
    readings["shared_ns"] = chunked_ns(kPings / 100, 100, ping) / 2;
    if (!is_back) return no_core();
    return {};
  }

  /// What an item costs the slower of a pusher and a popper that never wait for anything else.
  Expected<void> read_crossing(Readings& readings) const {
    Shared shared;
    const std::jthread other =
        start_on(other_core_, [&](const std::stop_token& stop) { take(shared, stop); });
    const std::array<WorkItem, kBatch> items{};
    bool has_room = true;
    const auto push = [&] {
      if (!has_room) return;
      has_room = spin_until([&] { return shared.queue.write_available() >= items.size(); });
      shared.queue.push(items.data(), items.size());
    };
    for (std::uint32_t batch = 0; batch < 2 * kQueueItems / items.size(); ++batch) push();
    const double item_ns = chunked_ns(50, 100, push) / kBatch;
    if (!has_room) return no_core();
    readings["crossing_ns"] = item_ns - readings["shared_ns"] / kBatch;
    readings["item_through_a_queue_ns"] = item_ns;
    return {};
  }

  unsigned other_core_;
};

}  // namespace

MadeInstrument make_crossing_costs(unsigned other_core) {
  return std::make_unique<CrossingCosts>(other_core);
}

}  // namespace reprise::trial
