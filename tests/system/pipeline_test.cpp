// Three relays in a chain over four cables, and the three questions about such a chain: at what
// rate does it send, which share of the datagrams found no buffer, and what of the offered load did
// the first relay take in? The answers are printed and recorded; what is asserted is conservation:
// every datagram offered was delivered or counted where it was dropped.
#include <fmt/format.h>

#include <iostream>

#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

constexpr std::size_t kRelays = 3;

struct PipelineRun {
  nlohmann::json source;
  nlohmann::json sink;
  std::vector<nlohmann::json> relays;
  std::vector<std::uint64_t> cable_drops;  ///< by the receiving interface of each cable
};

struct PipelineLoad {
  std::uint64_t count = 0;
  bool limited_by_window = false;
  std::vector<std::string> flags;
};

class Pipeline : public SystemTest {
 protected:
  /// Sends through three relays, waits until nothing moves, and stops them from first to last.
  static PipelineRun run(const PipelineLoad& load) {
    const HostRow row(kRelays);
    // The kernel's own IPv6 traffic on the cables would count among their drops.
    for (std::size_t host = 0; host < kRelays; ++host) {
      EXPECT_TRUE(command_inside(row.relay(host), "sysctl -w net.ipv6.conf.all.disable_ipv6=1"));
    }
    for (const auto* host : {&row.source(), &row.sink()})
      EXPECT_TRUE(command_inside(*host, "sysctl -w net.ipv6.conf.all.disable_ipv6=1"));
    std::vector<RelayProgram> relays;
    for (std::size_t index = 0; index < kRelays; ++index) {
      std::vector<std::string> arguments{HostRow::received_on(index), HostRow::sent_on(index + 1)};
      arguments.insert(arguments.end(), load.flags.begin(), load.flags.end());
      relays.emplace_back(row.relay(index), arguments);
    }
    PipelineRun result;
    send_through(row, load, result);
    for (RelayProgram& relay : relays) result.relays.push_back(relay.stop());
    for (std::size_t cable = 0; cable <= kRelays; ++cable) {
      const auto& receiving = cable < kRelays ? row.relay(cable) : row.sink();
      result.cable_drops.push_back(interface_drops(receiving, "in"));
    }
    return result;
  }

 private:
  static void send_through(const HostRow& row, const PipelineLoad& load, PipelineRun& result) {
    const traffic::SharedCounters counters;
    traffic::ReceiverOptions receiver;
    receiver.input = endpoint_of(HostRow::received_on(kRelays));
    receiver.count = load.limited_by_window ? load.count : 0;
    receiver.idle_before_first = engine::seconds(5);
    receiver.idle_after_first = engine::milliseconds(500);
    receiver.published = &counters->received;
    traffic::Child sink = start_sink(row.sink(), receiver);
    traffic::GeneratorOptions generator;
    generator.destination = endpoint_of(HostRow::sent_on(0));
    generator.count = load.count;
    if (load.limited_by_window) generator.window.received = &counters->received;
    traffic::Child source = start_source(row.source(), generator);
    result.source = result_of(source);
    result.sink = result_of(sink);
  }
};

/// Prints the answers to the three questions, hop by hop, and records them with the test.
void record(const char* name, const PipelineRun& run) {
  const auto count = [](const nlohmann::json& value) { return value.get<double>(); };
  const auto record_one = [name](const std::string& key, const std::string& value) {
    testing::Test::RecordProperty(std::string(name) + "_" + key, value);
    return value;
  };
  const double sent = count(run.source["sent"]);
  const double seconds = count(run.sink["duration_ns"]) / 1e9;
  std::string text = fmt::format(
      "{}: offered {:.0f}/s; egress {}/s; delivered {} of {:.0f}\n", name,
      sent * 1e9 / count(run.source["duration_ns"]),
      record_one("egress_per_second",
                 fmt::format("{:.0f}", seconds > 0 ? count(run.sink["received"]) / seconds : 0.0)),
      run.sink["received"].dump(), sent);
  double arriving = sent;
  for (std::size_t hop = 0; hop < run.relays.size(); ++hop) {
    const nlohmann::json& relay = run.relays[hop];
    // With exhaustion = drop a datagram without a buffer is dropped by the relay; with wait it
    // stays in the socket, and is dropped there when the socket's buffer is full.
    const double without_buffer = relay["dropped"].value("no_buffer", 0.0);
    const auto share = [arriving](double part) {
      return fmt::format("{:.2f}", arriving > 0 ? 100 * part / arriving : 0.0);
    };
    const std::string key = fmt::format("hop{}_", hop + 1);
    text += fmt::format(
        "  hop {}: ingress kept {} %, no buffer {} %, dropped by its socket {} %\n", hop + 1,
        record_one(key + "ingress_kept_percent", share(count(relay["received"]))),
        record_one(key + "no_buffer_percent", share(without_buffer)),
        record_one(key + "kernel_drops_percent", share(count(relay["kernel_drops"]))));
    arriving = count(relay["sent"]);
  }
  std::cout << text;
}

/// Cable by cable: what was sent is received, or counted as dropped by interface or socket. A frame
/// that holds several datagrams counts there once: exact only without segmented sends.
void expect_conservation(const PipelineRun& run, std::uint64_t datagrams_a_frame_max = 1) {
  auto sent = run.source["sent"].get<std::uint64_t>();
  for (std::size_t hop = 0; hop < run.relays.size(); ++hop) {
    SCOPED_TRACE(fmt::format("hop {}", hop + 1));
    const nlohmann::json& relay = run.relays[hop];
    expect_nothing_lost_inside(relay);
    const std::uint64_t dropped = run.cable_drops[hop] + relay["kernel_drops"].get<std::uint64_t>();
    const auto received = relay["received"].get<std::uint64_t>();
    SCOPED_TRACE(
        fmt::format("{} with {} dropped by the cable", relay.dump(), run.cable_drops[hop]));
    EXPECT_GE(sent, received + dropped);
    EXPECT_LE(sent, received + dropped * (hop == 0 ? 1 : datagrams_a_frame_max));
    sent = relay["sent"].get<std::uint64_t>();
  }
  EXPECT_EQ(sent, run.cable_drops.back() + run.sink["kernel_drops"].get<std::uint64_t>() +
                      run.sink["received"].get<std::uint64_t>())
      << run.sink;
  expect_intact(run.sink);
}

TEST_F(Pipeline, OfThreeRelaysLosesNothingBehindAWindow) {
  const PipelineRun result = run({.count = 30'000, .limited_by_window = true, .flags = {}});
  record("window", result);
  expect_conservation(result);
  EXPECT_EQ(result.sink["received"], 30'000);
}

TEST_F(Pipeline, OfThreeRelaysAccountsForEverythingUnderOverload) {
  for (const char* policy : {"synchronous", "deferred", "adaptive"}) {
    SCOPED_TRACE(policy);
    const PipelineRun result = run({.count = 150'000,
                                    .flags = {"--policy", policy, "--exhaustion", "drop", "--pool",
                                              "1000", "--segmentation", "off"}});
    record(policy, result);
    expect_conservation(result);
  }
}

TEST_F(Pipeline, OfThreeRelaysAccountsForEverythingWithTinySocketBuffers) {
  const PipelineRun result =
      run({.count = 100'000,
           .flags = {"--receive-buffer", "20000", "--pool", "16", "--segmentation", "off"}});
  record("tiny_buffers", result);
  expect_conservation(result);
}

TEST_F(Pipeline, OfThreeRelaysAccountsForEverythingWithSegmentedSends) {
  const PipelineRun result =
      run({.count = 100'000, .flags = {"--receive-buffer", "20000", "--packet-ring", "524288"}});
  record("segmented", result);
  expect_conservation(result, 128);
}

}  // namespace
}  // namespace reprise::tests
