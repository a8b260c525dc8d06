// Captures are read back with libpcap, which Wireshark and tcpdump read them with too.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "picture_scenario.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/lab/packet_capture_observer.hpp"
#include "reprise/lab/run.hpp"

namespace reprise::lab {
namespace {

struct Frame {
  std::int64_t at_ns = 0;
  std::uint32_t original_bytes = 0;
  std::vector<std::byte> bytes;
};

/// What reached the end of each link, known from events alone.
class Deliveries final : public RunObserver {
 public:
  void see(const sim::World& world, const Measurement&, const sim::Event& event) override {
    if (event.kind != sim::EventKind::delivery) return;
    const std::int64_t delay_ns = world.config().nodes[event.index].link.delay_ns;
    departed.push_back(
        {event.time.ns - delay_ns, event.index, event.first, sim::delivered_of(event).flow});
  }
  struct One {
    std::int64_t at_ns = 0;
    std::uint32_t node = 0;
    std::uint64_t sequence = 0;
    std::uint32_t flow = 0;
    friend auto operator<=>(const One&, const One&) = default;
  };
  std::vector<One> departed;
};

struct Captured {
  std::vector<Frame> frames;
  std::vector<Deliveries::One> departed;
  RunResult result;
  std::string text;
};

std::vector<Frame> read_back(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> problem{};
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> capture(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                              problem.data()),
      [](pcap_t* opened) {
        if (opened != nullptr) pcap_close(opened);
      });
  EXPECT_TRUE(capture) << problem.data();
  if (!capture) return {};
  EXPECT_EQ(pcap_datalink(capture.get()), DLT_EN10MB);
  std::vector<Frame> frames;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(capture.get(), &header, &data)) == 1) {
    Frame frame{header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec, header->len, {}};
    frame.bytes.resize(header->caplen);
    std::memcpy(frame.bytes.data(), data, header->caplen);
    frames.push_back(std::move(frame));
  }
  EXPECT_EQ(status, PCAP_ERROR_BREAK) << pcap_geterr(capture.get());
  return frames;
}

Captured capture_of(const Scenario& scenario) {
  const tests::PictureFile place("capture.pcapng");
  auto file = PacketCaptureFile::create(place.path(), "a test");
  EXPECT_TRUE(file);
  PacketCaptureObserver observer(std::move(*file));
  Deliveries deliveries;
  RunControl control;
  control.observers = {&observer, &deliveries};
  Captured captured;
  captured.result = run(scenario, 3, control);
  EXPECT_TRUE(observer.close());
  captured.frames = read_back(place.path());
  captured.departed = deliveries.departed;
  captured.text = place.text();
  return captured;
}

/// Of a frame that holds a whole datagram, with its payload cut.
engine::Datagram parsed(const Frame& frame) {
  const auto datagram =
      engine::parse({frame.bytes, frame.original_bytes, frame.original_bytes, false});
  EXPECT_TRUE(datagram);
  return datagram.value_or(engine::Datagram{});
}

sim::Tag tag_in(const Frame& frame) {
  sim::Tag tag{};
  EXPECT_EQ(frame.bytes.size(), sim::kHeaderBytes + sizeof tag);
  std::memcpy(&tag, frame.bytes.data() + sim::kHeaderBytes, sizeof tag);
  return tag;
}

// The same frames at the same instants as the links' ends tell, less the way there.
TEST(PacketCapture, HasEveryFrameThatLeftARelayWhenItLeft) {
  Captured captured = capture_of(tests::troubled_scenario());
  ASSERT_EQ(captured.frames.size(), captured.departed.size());
  EXPECT_GT(captured.frames.size(), 1'000U);
  std::vector<Deliveries::One> seen;
  for (const Frame& frame : captured.frames) {
    const engine::Datagram datagram = parsed(frame);
    const sim::Tag tag = tag_in(frame);
    EXPECT_EQ(datagram.destination,
              sim::group_of(frame.bytes[31] == std::byte{2} ? 1 : 2, tag.flow));
    EXPECT_EQ(datagram.source_port, sim::source_of(tag.flow));
    EXPECT_EQ(tag.check, sim::make_tag(tag.sequence, tag.flow, 1400).check);
    EXPECT_EQ(frame.original_bytes, sim::kHeaderBytes + 1400);
    // A relay sends to the groups of the next one.
    const auto node = std::to_integer<std::uint32_t>(frame.bytes[31]) - 2;
    seen.push_back({frame.at_ns, node, tag.sequence, tag.flow});
  }
  EXPECT_TRUE(std::ranges::is_sorted(captured.frames, {}, &Frame::at_ns));
  std::ranges::sort(seen);
  std::ranges::sort(captured.departed);
  EXPECT_EQ(seen, captured.departed);
}

TEST(PacketCapture, NamesOneInterfaceForEachLink) {
  const Captured captured = capture_of(tests::troubled_scenario());
  for (const char* name :
       {"relay1-output1", "relay1-output2", "relay2-output1", "relay2-output2", "a test"})
    EXPECT_NE(captured.text.find(name), std::string::npos) << name;
  EXPECT_EQ(captured.text.find("relay3"), std::string::npos);
}

TEST(PacketCapture, FragmentsMakeTheWholeDatagram) {
  const Captured captured = capture_of(
      tests::picture_scenario("[traffic]\nrate = 1000\ncount = 50\npayload_bytes = 4000\n"
                              "[relay]\nregion_bytes = 4200\n[link]\nmtu_bytes = 1500\n"));
  ASSERT_EQ(captured.frames.size(), 150U);
  for (std::size_t first = 0; first < captured.frames.size(); first += 3) {
    std::uint32_t next_byte = 0;
    for (std::size_t index = first; index < first + 3; ++index) {
      const Frame& frame = captured.frames[index];
      const auto read16 = [&](std::size_t at) {
        return std::to_integer<std::uint32_t>(frame.bytes[14 + at]) << 8U |
               std::to_integer<std::uint32_t>(frame.bytes[15 + at]);
      };
      std::uint32_t sum = 0;
      for (std::size_t at = 0; at < 20; at += 2) sum += read16(at);
      EXPECT_EQ((sum & 0xffffU) + (sum >> 16U), 0xffffU);
      EXPECT_EQ(read16(4), first / 3);
      EXPECT_EQ((read16(6) & 0x1fffU) * 8, next_byte);
      EXPECT_EQ(read16(6) >> 13U, index < first + 2 ? 1U : 0U);
      EXPECT_EQ(read16(2) + 14, frame.original_bytes);
      EXPECT_LE(read16(2), 1500U);
      next_byte += read16(2) - 20;
    }
    EXPECT_EQ(next_byte, 4008U);
  }
}

TEST(PacketCapture, AMergedFrameIsOneWithItsWholeLength) {
  sim::Packet packet;
  packet.sequence = 7;
  packet.payload_bytes = packet.frame_bytes = 14'000;
  packet.segment_bytes = 1400;
  const Frame frame{0, sim::kHeaderBytes + 14'000, captured_bytes(0, 0, packet)};
  EXPECT_EQ(parsed(frame).payload_length_bytes, 14'000U);
  EXPECT_EQ(tag_in(frame).check, sim::make_tag(7, 0, 1400).check);
}

TEST(PacketCapture, ADamagedDatagramHasAnotherTag) {
  sim::Packet packet;
  packet.payload_bytes = packet.frame_bytes = 1400;
  packet.damaged = 1;
  const Frame frame{0, sim::kHeaderBytes + 1400, captured_bytes(0, 0, packet)};
  EXPECT_NE(tag_in(frame).check, sim::make_tag(0, 0, 1400).check);
}

TEST(PacketCapture, LooksOnAndChangesNothing) {
  EXPECT_EQ(capture_of(tests::troubled_scenario()).result.digest,
            run(tests::troubled_scenario(), 3).digest);
}

}  // namespace
}  // namespace reprise::lab
