// Frames that no relay can pass on are counted by reason and stop nothing.
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "relay_program.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/numbered.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using RelayFrames = SystemTest;
using Frame = std::vector<std::byte>;

constexpr std::size_t kIpHeader = 14;
constexpr std::size_t kUdpHeader = kIpHeader + 20;

/// A right frame for the row's first relay, with any payload.
Frame right_frame(std::size_t payload_bytes = 100) {
  engine::FrameHeader header;
  header.destination_mac = {0x01, 0x00, 0x5e, 0x01, 0x00, 0x01};
  header.source_mac = {0x02, 0, 0, 0, 0, 1};
  header.source = value_of(engine::parse_address("198.18.0.1"));
  header.destination = value_of(engine::parse_address("239.1.0.1"));
  header.source_port = 4000;
  header.destination_port = 5000;
  const Frame payload(payload_bytes, std::byte{0x5a});
  Frame frame(headers_length_bytes(header) + payload_bytes);
  build_frame(header, payload, frame);
  return frame;
}

void put16(Frame& frame, std::size_t offset, unsigned value) {
  frame[offset] = static_cast<std::byte>(value >> 8U);
  frame[offset + 1] = static_cast<std::byte>(value);
}

/// Makes the IPv4 header's checksum right again (RFC 1071).
void correct_ip_checksum(Frame& frame) {
  put16(frame, kIpHeader + 10, 0);
  unsigned sum = 0;
  for (std::size_t offset = kIpHeader; offset < kUdpHeader; offset += 2) {
    sum += std::to_integer<unsigned>(frame[offset]) << 8U |
           std::to_integer<unsigned>(frame[offset + 1]);
  }
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  put16(frame, kIpHeader + 10, ~sum & 0xffffU);
}

struct WrongFrame {
  const char* name;
  const char* reason;
  std::function<void(Frame&)> spoil;
  bool has_right_ip_checksum = true;
};

const std::array kWrongFrames{
    WrongFrame{"first fragment", "fragment",
               [](Frame& frame) { put16(frame, kIpHeader + 6, 0x2000); }},
    WrongFrame{"later fragment", "fragment",
               [](Frame& frame) { put16(frame, kIpHeader + 6, 0x00b9); }},
    WrongFrame{"IP header checksum", "malformed",
               [](Frame& frame) { put16(frame, kIpHeader + 10, 0xdead); }, false},
    WrongFrame{"IP longer than the frame", "malformed",
               [](Frame& frame) { put16(frame, kIpHeader + 2, 1400); }},
    WrongFrame{"IP shorter than its header", "malformed",
               [](Frame& frame) { put16(frame, kIpHeader + 2, 19); }},
    WrongFrame{"UDP shorter than its header", "malformed",
               [](Frame& frame) { put16(frame, kUdpHeader + 4, 7); }},
    WrongFrame{"UDP longer than IP", "malformed",
               [](Frame& frame) { put16(frame, kUdpHeader + 4, 1400); }},
    WrongFrame{"damaged payload", "bad_checksum",
               [](Frame& frame) { frame.back() ^= std::byte{1}; }},
    WrongFrame{"damaged UDP checksum", "bad_checksum",
               [](Frame& frame) { put16(frame, kUdpHeader + 6, 0x1234); }},
    WrongFrame{"to another host's address", "other_host",
               [](Frame& frame) { frame[0] = std::byte{0x02}; }},
};

/// Puts frames on a host's interface as they are.
class FrameSource {
 public:
  explicit FrameSource(const traffic::Namespace& host, const char* interface = "out") {
    inside(host, [&] {
      socket_ = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
      ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                0);
    });
  }
  void send(const Frame& frame) const { ASSERT_TRUE(try_to_send(frame)); }

  /// False where the cable refuses the frame.
  [[nodiscard]] bool try_to_send(const Frame& frame) const {
    return ::send(socket_.get(), frame.data(), frame.size(), 0) ==
           static_cast<ssize_t>(frame.size());
  }

 private:
  posix::Descriptor socket_;
};

TEST_F(RelayFrames, ThatAreWrongAreEachCountedByTheirReason) {
  for (const WrongFrame& wrong : kWrongFrames) {
    SCOPED_TRACE(wrong.name);
    const HostRow row(1);
    RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
    const FrameSource source(row.source());
    Frame frame = right_frame();
    wrong.spoil(frame);
    if (wrong.has_right_ip_checksum) correct_ip_checksum(frame);
    for (int copy = 0; copy < 3; ++copy) source.send(frame);
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
    const nlohmann::json report = relay.stop();
    expect_nothing_lost_inside(report);
    EXPECT_EQ(report["accepted"], 100);
    EXPECT_EQ(report["dropped"].value(wrong.reason, 0), 3) << report;
    EXPECT_EQ(drops_in(report), 3U) << report;
  }
}

TEST_F(RelayFrames, ThatAreRightPassBetweenWrongOnes) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  const FrameSource source(row.source());
  posix::Descriptor sink;
  inside(row.sink(), [&] {
    sink = value_of(traffic::open_udp_sink(
        {.input = endpoint_of(HostRow::received_on(1)), .receive_timeout = engine::seconds(3)}));
  });
  std::array<std::byte, 2048> received{};
  for (std::size_t round = 0; round < 20; ++round) {
    for (const WrongFrame& wrong : kWrongFrames) {
      Frame frame = right_frame();
      wrong.spoil(frame);
      if (wrong.has_right_ip_checksum) correct_ip_checksum(frame);
      source.send(frame);
      source.send(right_frame(round + 1));
      ASSERT_EQ(::recv(sink.get(), received.data(), received.size(), 0),
                static_cast<ssize_t>(round + 1));
    }
  }
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 20 * kWrongFrames.size());
  EXPECT_EQ(drops_in(report), 20 * kWrongFrames.size());
}

TEST_F(RelayFrames, OfAnyShapeStopNothing) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  const FrameSource source(row.source());
  std::uint32_t state = 12345;  // a linear congruential generator: the same frames every time
  const auto next = [&state] { return (state = state * 1'664'525 + 1'013'904'223) >> 8U; };
  for (int count = 0; count < 2'000; ++count) {
    Frame frame = right_frame(next() % 1'400);
    for (unsigned changes = next() % 8; changes > 0; --changes)
      frame[next() % std::min<std::size_t>(frame.size(), 60)] = static_cast<std::byte>(next());
    frame.resize(14 + next() % (frame.size() - 13));
    source.send(frame);
  }
  relay.stop();  // what of them passed is not known here; the next relay starts from nothing
  RelayProgram again(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  expect_nothing_lost_inside(again.stop());
}

TEST_F(RelayFrames, OfAnInterfaceWhoseMtuGrewAreWhole) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  // The relay began with an MTU of 1500; then the cable changes under it.
  ASSERT_TRUE(command_inside(row.relay(0), "ip link set in mtu 9000"));
  ASSERT_TRUE(command_inside(row.source(), "ip link set out mtu 9000"));
  const FrameSource source(row.source());
  for (int count = 0; count < 3; ++count) source.send(right_frame(8'000));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 103) << report;
  EXPECT_EQ(report["outputs"][0]["dropped"].value("too_large", 0), 3)
      << "the output's MTU is still 1500: " << report;
}

TEST_F(RelayFrames, AboveTheMtuAreDroppedByTheCableAlone) {
  const HostRow row(1);
  ASSERT_TRUE(command_inside(row.source(), "ip link set out mtu 9000"));
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  const FrameSource source(row.source());
  for (int count = 0; count < 3; ++count) EXPECT_FALSE(source.try_to_send(right_frame(8'000)));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["received"], 100);
}

TEST_F(RelayFrames, OfADatagramAboveTheMtuAreCountedAsFragments) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.count = 4;
  generator.payload_bytes = 4'000;  // three fragments each
  generator.fragment = true;
  traffic::Child fragmented = start_source(row.source(), generator);
  EXPECT_EQ(result_of(fragmented)["sent"], 4);
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["dropped"].value("fragment", 0), 12) << report;
}

TEST_F(RelayFrames, ThatHoldManyDatagramsArePartedAgain) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  posix::Descriptor sink;
  inside(row.sink(), [&] {
    sink = value_of(traffic::open_udp_sink(
        {.input = endpoint_of(HostRow::received_on(1)), .receive_timeout = engine::seconds(3)}));
  });
  posix::Descriptor sender;
  inside(row.source(), [&] {
    sender = value_of(traffic::open_udp_sender({.destination = endpoint_of(HostRow::sent_on(0))}));
  });
  const int segment_bytes = 1400;
  ASSERT_EQ(::setsockopt(sender.get(), SOL_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes),
            0);
  const std::vector<char> payload(14'000);
  ASSERT_EQ(::send(sender.get(), payload.data(), payload.size(), 0),
            static_cast<ssize_t>(payload.size()));
  std::array<char, 2048> received{};
  for (int part = 0; part < 10; ++part) {
    ASSERT_EQ(::recv(sink.get(), received.data(), received.size(), 0), segment_bytes);
  }
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 110);
  EXPECT_EQ(drops_in(report), 0U) << report;
}

TEST_F(RelayFrames, ThatHoldSeveralDatagramsArePartedAgain) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  constexpr std::size_t kParts = 5;
  constexpr std::size_t kPartBytes = 200;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.count = kParts;
  traffic::Child sink = start_sink(row.sink(), receiver);
  posix::Descriptor sender;
  inside(row.source(), [&] {
    sender = value_of(traffic::open_udp_sender({.destination = endpoint_of(HostRow::sent_on(0))}));
  });
  const int segment_bytes = kPartBytes;
  ASSERT_EQ(::setsockopt(sender.get(), SOL_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes),
            0);
  std::array<std::byte, kParts * kPartBytes> payload{};
  for (std::size_t part = 0; part < kParts; ++part) {
    traffic::Numbered numbered;
    numbered.stream = 1;
    numbered.sequence = part;
    build_numbered(numbered, std::span(payload).subspan(part * kPartBytes, kPartBytes));
  }
  ASSERT_EQ(::send(sender.get(), payload.data(), payload.size(), 0),
            static_cast<ssize_t>(payload.size()));
  const nlohmann::json arrived = result_of(sink);
  EXPECT_EQ(arrived["received"], kParts);
  expect_intact(arrived);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["received"], kParts);
}

}  // namespace
}  // namespace reprise::tests
