#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "picture_scenario.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/trace_observer.hpp"

namespace reprise::lab {
namespace {

using nlohmann::json;

/// What a trace has to show.
struct Counts {
  std::uint64_t phases = 0;
  std::uint64_t submits = 0;
  std::uint64_t wakes = 0;
};

class Counter final : public RunObserver {
 public:
  void see(const sim::World& world, const Measurement&, const sim::Event& event) override {
    if (event.kind == sim::EventKind::wake) ++counts.wakes;
    if (event.kind != sim::EventKind::phase) return;
    ++counts.phases;
    if (!world.detail().submitted.empty()) ++counts.submits;
  }
  Counts counts;
};

struct Traced {
  json events;
  Counts counted;
  RunResult result;
  engine::Instant full_at{};
  std::uint64_t events_told = 0;
};

Traced trace_of(const Scenario& scenario, std::uint64_t events_max = 1'000'000) {
  const tests::PictureFile place("trace.json");
  auto file = TraceFile::create(place.path());
  EXPECT_TRUE(file);
  TraceObserver observer(std::move(*file), events_max);
  Traced traced;
  Counter counter;
  RunControl control;
  control.observers = {&observer, &counter};
  traced.result = run(scenario, 3, control);
  traced.counted = counter.counts;
  EXPECT_TRUE(observer.close());
  traced.full_at = observer.full_at();
  traced.events_told = observer.events();
  traced.events = json::parse(place.text())["traceEvents"];
  return traced;
}

std::int64_t nanoseconds(const json& time) {
  return static_cast<std::int64_t>(std::llround(time.get<double>() * 1e3));
}

std::uint64_t count_of(const json& events, const std::string& kind, const std::string& name) {
  return static_cast<std::uint64_t>(std::ranges::count_if(events, [&](const json& event) {
    return event["ph"] == kind && event.value("name", "") == name;
  }));
}

TEST(Trace, HasEveryPhaseSubmitAndWakeOnce) {
  const Traced traced = trace_of(tests::troubled_scenario());
  std::uint64_t phases = 0;
  for (const std::string_view name : engine::kPhaseNames) {
    if (name == "submit") continue;  // also the name of what a phase handed over
    phases += count_of(traced.events, "X", std::string(name));
  }
  EXPECT_LT(phases, traced.counted.phases + 1);
  EXPECT_EQ(phases + count_of(traced.events, "X", "submit"),
            traced.counted.phases + traced.counted.submits);
  EXPECT_EQ(count_of(traced.events, "X", "wake"), traced.counted.wakes);
  EXPECT_GT(count_of(traced.events, "X", "wait"), 0U);
}

// Viewers drop slices of a track that overlap and do not lie in one another.
TEST(Trace, SlicesOfAThreadNest) {
  for (const char* policy : {"synchronous", "deferred", "eager", "adaptive"}) {
    SCOPED_TRACE(policy);
    const Traced traced = trace_of(tests::troubled_scenario({{"policy", policy}}));
    std::map<std::pair<int, int>, std::vector<std::int64_t>> open;  // ends of open slices
    std::map<std::pair<int, int>, std::int64_t> turn_began;
    std::map<std::pair<int, int>, std::int64_t> last;
    for (const json& event : traced.events) {
      const std::string kind = event["ph"];
      if (kind != "X" && kind != "B" && kind != "E") continue;
      const std::pair<int, int> track{event["pid"], event["tid"]};
      const std::int64_t start = nanoseconds(event["ts"]);
      ASSERT_GE(start, last[track]) << event;
      if (kind == "B") {
        ASSERT_FALSE(turn_began.contains(track)) << event;
        turn_began[track] = start;
      } else if (kind == "E") {
        ASSERT_TRUE(turn_began.contains(track)) << event;
        turn_began.erase(track);
      } else {
        const std::int64_t end = start + nanoseconds(event["dur"]);
        std::vector<std::int64_t>& ends = open[track];
        while (!ends.empty() && ends.back() <= start) ends.pop_back();
        ASSERT_TRUE(ends.empty() || end <= ends.back()) << event;
        ends.push_back(end);
      }
      last[track] = start;
    }
    EXPECT_TRUE(turn_began.empty());
  }
}

TEST(Trace, WhatRunsBesideBeginsBeforeItEndsAndIsNamed) {
  const Traced traced = trace_of(tests::troubled_scenario());
  std::set<std::string> open;
  std::uint64_t blocked = 0;
  for (const json& event : traced.events) {
    if (event["ph"] != "b" && event["ph"] != "e") continue;
    const std::string name = event["pid"].dump() + event["cat"].dump() + event["id2"].dump();
    if (event["ph"] == "b") {
      EXPECT_TRUE(open.insert(name).second) << event;
      if (event["name"].get<std::string>().ends_with("blocked")) ++blocked;
    } else {
      EXPECT_EQ(open.erase(name), 1U) << event;
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_GT(blocked, 0U);
}

TEST(Trace, CountersAgreeWithTheRun) {
  const Traced traced = trace_of(tests::troubled_scenario());
  std::vector<std::uint64_t> most_outstanding(traced.result.hops.size());
  std::vector<std::uint64_t> most_in_flight(traced.result.hops.size());
  for (const json& event : traced.events) {
    if (event["ph"] != "C") continue;
    const auto hop = event["pid"].get<std::size_t>() - 1;
    if (event["name"] == "pool") {
      const auto& pool = event["args"];
      most_outstanding[hop] =
          std::max(most_outstanding[hop], pool["outstanding"].get<std::uint64_t>());
    }
    if (event["name"] == "in flight") {
      most_in_flight[hop] =
          std::max(most_in_flight[hop], event["args"]["sends"].get<std::uint64_t>());
    }
  }
  std::uint64_t no_buffer = 0;
  for (const json& event : traced.events) {
    if (event["ph"] == "i" && event["name"] == "no buffer")
      no_buffer += event["args"]["datagrams"].get<std::uint64_t>();
  }
  std::uint64_t expected = 0;
  for (std::size_t hop = 0; hop < most_outstanding.size(); ++hop) {
    EXPECT_EQ(most_outstanding[hop], traced.result.hops[hop].outstanding_max);
    EXPECT_EQ(most_in_flight[hop], traced.result.hops[hop].in_flight_max);
    expected += traced.result.hops[hop].no_buffer;
  }
  EXPECT_EQ(no_buffer, expected);
  EXPECT_GT(no_buffer, 0U);
  EXPECT_GT(count_of(traced.events, "i", "carrier_loss begins"), 0U);
}

TEST(Trace, EndsAtItsLimitAndSaysSo) {
  const Traced traced = trace_of(tests::troubled_scenario(), 1'000);
  EXPECT_NE(traced.full_at, engine::kNever);
  EXPECT_LT(traced.events_told, 1'100U);
  EXPECT_EQ(count_of(traced.events, "i", "the trace ends here: --trace-limit"), 1U);
  EXPECT_EQ(count_of(traced.events, "B", "turn"),
            static_cast<std::uint64_t>(std::ranges::count(
                traced.events, json("E"), [](const json& event) { return event["ph"]; })));
  EXPECT_EQ(traced.result.digest, run(tests::troubled_scenario(), 3).digest);
}

// A program that is killed leaves a whole file.
TEST(TraceFile, IsValidJsonWheneverTheProgramEnds) {
  const tests::PictureFile place("killed.json");
  auto file = TraceFile::create(place.path());
  ASSERT_TRUE(file);
  EXPECT_TRUE(json::accept(place.text())) << place.text();
  std::size_t seen_bytes = 0;
  for (int event = 0; event < 8'000; ++event) {
    file->instant(1, "an \"odd\" name\n", engine::Instant{event}, {{"value", 1}});
    if (event % 1'000 != 0) continue;
    const std::string text = place.text();
    ASSERT_TRUE(json::accept(text)) << event;
    EXPECT_GE(text.size(), seen_bytes);
    seen_bytes = text.size();
  }
  EXPECT_GT(seen_bytes, 100'000U);
  ASSERT_TRUE(file->close());
  EXPECT_EQ(json::parse(place.text())["traceEvents"].size(), 8'000U);
}

TEST(TraceFile, ToldAtTheEndThatThereWasNoRoom) {
  auto file = TraceFile::create("/dev/full");
  ASSERT_TRUE(file);
  file->instant(1, "lost", engine::Instant{1});
  const auto closed = file->close();
  ASSERT_FALSE(closed);
  EXPECT_TRUE(closed.error().message.starts_with("--trace /dev/full: cannot be written: "))
      << closed.error().message;
}

}  // namespace
}  // namespace reprise::lab
