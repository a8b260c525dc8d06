// `reprise run --threads 2` in a host of its own: one thread receives, one sends, and what holds
// for one thread holds for two.
#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

constexpr const char* kPolicies[] = {"synchronous", "deferred", "eager", "adaptive"};
constexpr const char* kWakeUps[] = {"spin", "event", "hybrid"};

std::vector<std::string> arguments_with(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{HostRow::received_on(0), HostRow::sent_on(1), "--threads",
                                     "2"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

struct Loop {
  std::string policy;
  std::string wake_up;
};

void PrintTo(const Loop& loop, std::ostream* out) { *out << loop.policy << ", " << loop.wake_up; }

class PipelineThreads : public SystemTest, public testing::WithParamInterface<Loop> {
 protected:
  static std::vector<std::string> flags_and(const std::vector<std::string>& more) {
    std::vector<std::string> flags{"--policy", GetParam().policy, "--wake-up", GetParam().wake_up};
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }
};

std::vector<Loop> all_loops() {
  std::vector<Loop> loops;
  for (const char* policy : kPolicies) {
    for (const char* wake_up : kWakeUps) loops.push_back({policy, wake_up});
  }
  return loops;
}

INSTANTIATE_TEST_SUITE_P(Loops, PipelineThreads, testing::ValuesIn(all_loops()),
                         [](const auto& loop) {
                           return loop.param.policy + "_" + loop.param.wake_up;
                         });

/// Windows of 128 keep both threads busy; windows of 1 let both sleep for each datagram.
void expect_perfect_relay(const std::vector<std::string>& flags, std::uint64_t count,
                          std::uint32_t window_datagrams) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with(flags));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = count, .window_datagrams = window_datagrams}),
                 count);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["threads"], 2);
  EXPECT_EQ(report["sent"], count);
}

TEST_P(PipelineThreads, RelayEveryDatagramOnceAndInOrder) {
  expect_perfect_relay(flags_and({}), 20'000, 128);
}

TEST_P(PipelineThreads, RelayDatagramsThatComeOneByOne) {
  expect_perfect_relay(flags_and({}), 1'000, 1);
}

TEST_P(PipelineThreads, RelayEveryDatagramWithAPoolOfOneBatch) {
  expect_perfect_relay(flags_and({"--pool", "32"}), 5'000, 128);
}

/// Stops a relay in the middle of traffic that does not end by itself; returns its report.
nlohmann::json stop_under_load(const std::vector<std::string>& flags, std::uint64_t rate) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with(flags));
  const traffic::SharedCounters counters;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.published = &counters->received;
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::milliseconds(500);
  traffic::Child sink = start_sink(row.sink(), receiver);
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.rate_per_second = rate;
  traffic::Child source = start_source(row.source(), generator);
  EXPECT_TRUE(eventually([&counters] { return counters->received >= 3'000; }));
  nlohmann::json report = relay.stop();
  stopped_result_of(source);
  const nlohmann::json arrived = result_of(sink);
  SCOPED_TRACE(report.dump());
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["sent"], arrived["received"].get<std::uint64_t>() +
                                arrived["kernel_drops"].get<std::uint64_t>() +
                                interface_drops(row.sink(), "in"));
  expect_intact(arrived);
  return report;
}

TEST_P(PipelineThreads, StopUnderLoadAfterSendingWhatTheyAccepted) {
  // Reports on the way read what the other thread publishes.
  const nlohmann::json report = stop_under_load(flags_and({"--interval", "0.1"}), 60'000);
  EXPECT_EQ(report["accepted"], report["sent"]) << report;
}

TEST_P(PipelineThreads, DropAndCountWhatFindsNoBuffer) {
  const nlohmann::json report =
      stop_under_load(flags_and({"--exhaustion", "drop", "--pool", "4", "--batch", "1"}), 0);
  EXPECT_GT(report["dropped"].value("no_buffer", 0), 0) << report;
}

using PipelineThreadsWith = SystemTest;

TEST_F(PipelineThreadsWith, BothOnOneCoreStillRelay) {
  for (const char* wake_up : {"event", "hybrid"})
    expect_perfect_relay({"--one-core", "--wake-up", wake_up}, 5'000, 128);
}

TEST_F(PipelineThreadsWith, HistoricHazardsStillRelay) {
  expect_perfect_relay({"--policy", "deferred", "--backlog", "erase_front", "--item-bytes", "96",
                        "--drain", "all", "--nap-us", "50"},
                       5'000, 128);
}

TEST_F(PipelineThreadsWith, UnlinkedSendsStillRelayWhatIsNotRefused) {
  expect_perfect_relay({"--send-order", "unlinked", "--policy", "deferred"}, 5'000, 32);
}

TEST_F(PipelineThreadsWith, ACensusCountsEveryBuffer) {
  const nlohmann::json report = stop_under_load({"--census"}, 60'000);
  double all = 0;
  for (const auto& [place, mean] : report["census"]["mean"].items()) all += mean.get<double>();
  // The places are not counted at one instant.
  EXPECT_NEAR(all, 1024, 64) << report;
  EXPECT_GT(report["census"]["seconds"], 0) << report;
}

TEST_F(PipelineThreadsWith, AnOutputBlockedForEverEndsAndCountsWhatWaited) {
  for (const char* wake_up : kWakeUps) {
    SCOPED_TRACE(wake_up);
    const HostRow row(1);
    value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
    if (!command_inside(row.relay(0),
                        "tc qdisc add dev out root tbf rate 8kbit burst 2kb limit 1mb"))
      GTEST_SKIP() << "tc cannot slow an interface down here";
    RelayProgram relay(row.relay(0), arguments_with({"239.1.9.9:5000%out2", "--send-buffer", "4608",
                                                     "--wake-up", wake_up}));
    expect_perfect(deliver(row, HostRow::sent_on(0), "239.1.9.9:5000%in2", {.count = 60}), 60);
    const nlohmann::json report = relay.stop();
    expect_nothing_lost_inside(report);
    EXPECT_EQ(report["outputs"][1]["sent"], 60) << report;
    EXPECT_GT(report["outputs"][0]["dropped"].value("stopped", 0), 0) << report;
  }
}

/// A line for each datagram received and each sent, written by the thread that did it.
TEST_F(PipelineThreadsWith, LoggingWritesALineForEachDatagram) {
  for (const char* threads : {"1", "2"}) {
    SCOPED_TRACE(threads);
    const HostRow row(1);
    RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--threads",
                                      threads, "--log-lines", "datagrams"});
    // So few that the lines find room in the pipe, which nobody reads before the end.
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
    relay.stop();
    std::size_t lines = 0;
    const std::string& notes = relay.notes();
    for (std::size_t at = notes.find("datagram "); at != std::string::npos;
         at = notes.find("datagram ", at + 1)) {
      ++lines;
    }
    EXPECT_EQ(lines, 200U) << notes;
  }
}

}  // namespace
}  // namespace reprise::tests
