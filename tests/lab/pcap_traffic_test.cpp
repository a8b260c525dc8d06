#include "reprise/lab/pcap_traffic.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "capture_bytes.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

using Datagrams = std::vector<sim::CapturedDatagram>;

std::vector<PcapFlow> flows_of(const CaptureBytes& capture, PcapOptions options = {}) {
  const TemporaryFile file("flows.pcap", capture.text());
  options.path = file.path();
  auto flows = read_pcap(options);
  EXPECT_TRUE(flows) << flows.error().message;
  return flows.value_or(std::vector<PcapFlow>{});
}

/// The error without the file's name, which it must start with.
std::string error_of(const std::string& bytes, PcapOptions options = {}) {
  const TemporaryFile file("wrong.pcap", bytes);
  options.path = file.path();
  const auto flows = read_pcap(options);
  if (flows) return "none";
  EXPECT_TRUE(flows.error().message.starts_with(file.path() + ": ")) << flows.error().message;
  EXPECT_EQ(flows.error().message.find('\n'), std::string::npos);
  return flows.error().message.substr(file.path().size() + 2);
}

CaptureBytes three_datagrams() {
  CaptureBytes capture;
  capture.add(1'000, "10.0.0.1", "239.1.1.1", 5000, 100);
  capture.add(4'500, "10.0.0.1", "239.1.1.1", 5000, 1400);
  capture.add(2'000'001'000, "10.0.0.1", "239.1.1.1", 5000, 200);
  return capture;
}

TEST(PcapTraffic, TakesTimesFromTheFirstDatagramAndPayloadsFromHeadersAlone) {
  const auto flows = flows_of(three_datagrams());
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].datagrams, (Datagrams{{0, 100}, {3'500, 1400}, {2'000'000'000, 200}}));
  EXPECT_EQ(engine::to_string(flows[0].group), "239.1.1.1");
  EXPECT_EQ(engine::to_string(flows[0].source), "10.0.0.1");
  EXPECT_EQ(flows[0].port, 5000);
}

TEST(PcapTraffic, PutsFlowsToOneGroupAndPortBesideOneAnother) {
  CaptureBytes capture;
  capture.add(10, "10.0.0.1", "239.1.1.1", 5000, 100);
  capture.add(20, "10.0.0.1", "239.1.1.2", 5000, 100);
  capture.add(30, "10.0.0.2", "239.1.1.1", 5000, 100);
  capture.add(40, "10.0.0.1", "239.1.1.1", 5001, 100);
  const auto flows = flows_of(capture);
  ASSERT_EQ(flows.size(), 4U);
  EXPECT_EQ(engine::to_string(flows[1].source), "10.0.0.2");
  EXPECT_EQ(flows[1].datagrams, (Datagrams{{20, 100}}));
  EXPECT_EQ(engine::to_string(flows[2].group), "239.1.1.2");
  EXPECT_EQ(flows[3].port, 5001);
  const auto shares = [&](std::size_t flow) { return flows[flow].shares_group; };
  EXPECT_FALSE(shares(0));
  EXPECT_TRUE(shares(1));
  EXPECT_FALSE(shares(2));
  EXPECT_FALSE(shares(3)) << "another port is another route";
}

TEST(PcapTraffic, LeavesOutWhatTheRelayWouldNotTake) {
  CaptureBytes capture;
  capture.add(1, "10.0.0.1", "10.0.0.2", 5000, 100);  // to one host
  capture.add(2, std::string(42, '\0'), 60);          // no IP
  std::string fragment = frame_of("10.0.0.1", "239.1.1.1", 5000, 100);
  fragment[20] = 0x20;  // more fragments follow; its checksum is wrong, too
  capture.add(3, fragment, 142);
  capture.add(4, frame_of("10.0.0.1", "239.1.1.1", 5000, 100).substr(0, 30), 142);  // cut short
  capture.add(5, "10.0.0.1", "239.1.1.1", 5000, 100);
  const auto flows = flows_of(capture);
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].datagrams, (Datagrams{{0, 100}}));
}

TEST(PcapTraffic, AFilterDecidesInPlaceOfTheDestination) {
  CaptureBytes capture;
  capture.add(1, "10.0.0.1", "239.1.1.1", 5000, 100);
  capture.add(2, "10.0.0.1", "10.0.0.9", 6000, 300);
  const auto flows = flows_of(capture, {.path = {}, .filter = "udp port 6000"});
  ASSERT_EQ(flows.size(), 1U);
  EXPECT_EQ(flows[0].datagrams, (Datagrams{{0, 300}}));
  EXPECT_TRUE(error_of(capture.text(), {.path = {}, .filter = "udp prt 1"})
                  .starts_with("pcap_filter = \"udp prt 1\": "));
  EXPECT_EQ(error_of(capture.text(), {.path = {}, .filter = "tcp"}),
            "2 packets, none of them a UDP datagram that pcap_filter passes; expected some");
}

TEST(PcapTraffic, GoesFasterSlowerAndNoFurtherThanItIsTold) {
  const auto at = [](std::uint64_t percent, std::uint64_t count) {
    const auto flows = flows_of(
        three_datagrams(), {.path = {}, .filter = {}, .speed_percent = percent, .count = count});
    return flows.empty() ? Datagrams{} : flows[0].datagrams;
  };
  EXPECT_EQ(at(200, 0), (Datagrams{{0, 100}, {1'750, 1400}, {1'000'000'000, 200}}));
  EXPECT_EQ(at(50, 2), (Datagrams{{0, 100}, {7'000, 1400}}));
}

TEST(PcapTraffic, PutsADisorderedCaptureInOrder) {
  CaptureBytes capture;
  capture.add(500, "10.0.0.1", "239.1.1.1", 5000, 100);
  capture.add(300, "10.0.0.2", "239.1.1.1", 5000, 200);
  const auto flows = flows_of(capture);
  ASSERT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows[0].datagrams, (Datagrams{{200, 100}}));
  EXPECT_EQ(flows[1].datagrams, (Datagrams{{0, 200}}));
}

TEST(PcapTraffic, LengthensPayloadsThatTheSimulationCannotHold) {
  CaptureBytes capture;
  capture.add(1, "10.0.0.1", "239.1.1.1", 5000, 3);
  EXPECT_EQ(flows_of(capture).at(0).datagrams, (Datagrams{{0, 16}}));
}

TEST(PcapTraffic, ReadsCookedAndRawCapturesAndVlanTags) {
  const std::string frame = frame_of("10.0.0.1", "239.1.1.1", 5000, 700);
  const std::string ip = frame.substr(14);
  const std::string ipv4("\x08\x00", 2);
  const std::string tag("\x81\x00\x00\x07\x08\x00", 6);
  const auto expect_read = [](std::uint32_t link_layer, const std::string& packet) {
    CaptureBytes capture(link_layer);
    capture.add(1, packet, static_cast<std::uint32_t>(packet.size()) + 700);
    const auto flows = flows_of(capture);
    ASSERT_EQ(flows.size(), 1U) << link_layer;
    EXPECT_EQ(flows[0].datagrams, (Datagrams{{0, 700}})) << link_layer;
  };
  expect_read(1, frame.substr(0, 12) + tag + ip);
  expect_read(101, ip);                                 // raw IP
  expect_read(113, std::string(14, '\0') + ipv4 + ip);  // Linux cooked
  expect_read(113, std::string(14, '\0') + tag + ip);   // with a tag
  expect_read(276, ipv4 + std::string(18, '\0') + ip);  // Linux cooked, version 2
}

TEST(PcapTraffic, RefusesWhatIsNoCapture) {
  EXPECT_EQ(error_of(""), "is empty; expected a capture (pcap or pcapng), as tcpdump -w writes it");
  EXPECT_EQ(error_of("version = 1\n[traffic]\nrate = 100000\n"),
            "cannot be read: unknown file format; expected a capture (pcap or pcapng), as tcpdump "
            "-w writes it");
  EXPECT_TRUE(error_of(three_datagrams().text().substr(0, 10)).starts_with("cannot be read: tr"));
  EXPECT_EQ(error_of(CaptureBytes().text()),
            "0 packets, none of them a UDP datagram to a multicast group; expected some (others "
            "with pcap_filter)");
  EXPECT_EQ(error_of(CaptureBytes(105).text()),
            "link layer 105 (IEEE802_11); expected Ethernet, Linux cooked or raw IP");
  const auto missing = read_pcap({.path = "/nosuch/x.pcap", .filter = {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "/nosuch/x.pcap: cannot be read: No such file or directory; expected a capture (pcap "
            "or pcapng), as tcpdump -w writes it");
  EXPECT_TRUE(read_pcap({.path = "/", .filter = {}})
                  .error()
                  .message.starts_with("/: is a folder; expected"));
}

TEST(PcapTraffic, TakesWhatIsWholeOfATruncatedCaptureOnlyWhenTold) {
  const std::string whole = three_datagrams().text();
  const std::string cut = whole.substr(0, whole.size() - 5);
  const std::string error = error_of(cut);
  EXPECT_TRUE(error.starts_with("damaged behind 2 whole packets: truncated")) << error;
  EXPECT_TRUE(error.ends_with("; expected a whole capture, or pcap_truncated = true to take those"))
      << error;
  const TemporaryFile file("cut.pcap", cut);
  const auto flows = read_pcap({.path = file.path(), .filter = {}, .truncated = true});
  ASSERT_TRUE(flows) << flows.error().message;
  EXPECT_EQ(flows->at(0).datagrams.size(), 2U);
}

TEST(PcapTraffic, RefusesACaptureThatLastsTooLong) {
  CaptureBytes capture;
  capture.add(0, "10.0.0.1", "239.1.1.1", 5000, 100);
  capture.add(2'000'000'000'000, "10.0.0.1", "239.1.1.1", 5000, 100);
  EXPECT_EQ(error_of(capture.text()), "none");
  EXPECT_EQ(error_of(capture.text(), {.path = {}, .filter = {}, .speed_percent = 1}),
            "lasts longer than 100000 s at 1 % of its speed; expected at most that");
}

TEST(PcapScenario, FindsItsCaptureBesideTheScenarioAndOffersIt) {
  const TemporaryFile capture("feed.pcap", three_datagrams().text());
  const std::string name = std::filesystem::path(capture.path()).filename().string();
  const std::string folder = std::filesystem::path(capture.path()).parent_path().string();
  const std::string text =
      "version = 1\n[traffic]\narrivals = \"pcap\"\npcap = \"" + name + "\"\nstart_ns = 50\n";
  const auto scenario = parse_scenario(text, folder + "/x.toml");
  ASSERT_TRUE(scenario) << scenario.error().message;
  const RunResult result = run(*scenario, 1);
  EXPECT_EQ(result.offered, 3U);
  EXPECT_EQ(result.delivered, 3U);
  EXPECT_EQ(run(*scenario, 1).digest, result.digest);
  // Text that is kept elsewhere still finds it, and means the same run.
  const auto written = read_scenario_text(text, folder + "/x.toml");
  ASSERT_TRUE(written);
  const auto again = parse_scenario(to_toml(*written), "elsewhere/y.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(run(*again, 1).digest, result.digest);
  const auto shorter = parse_scenario(text, folder + "/x.toml", {{"count", "2"}});
  ASSERT_TRUE(shorter);
  EXPECT_EQ(run(*shorter, 1).offered, 2U);
}

TEST(PcapScenario, SaysWhereAWrongCaptureIsNamed) {
  const auto error_in = [](const std::string& traffic) {
    const auto scenario = parse_scenario("version = 1\n[traffic]\n" + traffic, "/nosuch/x.toml");
    return scenario ? "none" : scenario.error().message;
  };
  EXPECT_EQ(error_in("arrivals = \"pcap\"\npcap = \"a.pcap\"\n"),
            "/nosuch/x.toml:4: /nosuch/a.pcap: cannot be read: No such file or directory; "
            "expected a capture (pcap or pcapng), as tcpdump -w writes it");
  EXPECT_EQ(error_in("arrivals = \"pcap\"\n"),
            "/nosuch/x.toml:3: arrivals = \"pcap\": expected pcap = \"FILE\" beside it");
  EXPECT_EQ(error_in("pcap = \"a.pcap\"\n"),
            "/nosuch/x.toml:3: pcap: expected arrivals = \"pcap\" beside it");
  EXPECT_EQ(error_in("arrivals = \"pcap\"\npcap = \"\"\n"),
            "/nosuch/x.toml:4: pcap = \"\": expected a file's name");
  EXPECT_EQ(error_in("arrivals = \"pcap\"\npcap = \"a.pcap\"\nflows = 2\n"),
            "/nosuch/x.toml:5: flows = 2: expected 1 with arrivals = \"pcap\": the capture has its "
            "own");
}

TEST(PcapScenario, TheExampleHoldsWhatItExpects) {
  const auto scenario = load_scenario(REPRISE_SOURCE_FOLDER "/examples/scenarios/capture.toml");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->world.traffic.size(), 3U);
  const auto results = check(scenario->expectations, run(*scenario, scenario->seed));
  EXPECT_EQ(results.size(), 6U);
  EXPECT_TRUE(all_held(results)) << to_text(results);
}

}  // namespace
}  // namespace reprise::lab
