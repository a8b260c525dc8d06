// Payloads of every size arrive byte for byte, and the fields that the operator sets are set.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "relay_program.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using RelayPayload = SystemTest;
using Payload = std::vector<std::byte>;

/// Bytes that follow from the size, so that no payload is part of another.
Payload payload_of(std::size_t size_bytes) {
  Payload payload(size_bytes);
  for (std::size_t index = 0; index < size_bytes; ++index)
    payload[index] = static_cast<std::byte>((index * 31 + size_bytes * 17) % 251);
  return payload;
}

struct Wires {
  posix::Descriptor sender;
  posix::Descriptor sink;
};

Wires open_wires(const HostRow& row) {
  Wires wires;
  inside(row.source(), [&] {
    wires.sender =
        value_of(traffic::open_udp_sender({.destination = endpoint_of(HostRow::sent_on(0))}));
  });
  inside(row.sink(), [&] {
    wires.sink = value_of(traffic::open_udp_sink(
        {.input = endpoint_of(HostRow::received_on(1)), .receive_timeout = engine::seconds(3)}));
  });
  return wires;
}

/// Sends these sizes, in turns small enough for any socket buffer, and compares what arrives.
void expect_relayed(const Wires& wires, std::span<const std::size_t> sizes) {
  constexpr std::size_t kInOneTurn = 16;
  Payload received(65'536);
  while (!sizes.empty()) {
    const auto turn = sizes.first(std::min(sizes.size(), kInOneTurn));
    for (const std::size_t size : turn) {
      const Payload payload = payload_of(size);
      ASSERT_EQ(::send(wires.sender.get(), payload.data(), size, 0), static_cast<ssize_t>(size));
    }
    for (const std::size_t size : turn) {
      const ssize_t length = ::recv(wires.sink.get(), received.data(), received.size(), 0);
      ASSERT_EQ(length, static_cast<ssize_t>(size));
      ASSERT_TRUE(std::ranges::equal(std::span(received).first(size), payload_of(size)))
          << size << " bytes";
    }
    sizes = sizes.subspan(turn.size());
  }
}

TEST_F(RelayPayload, OfEverySizeUpToTheMtuArrivesUnchanged) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 1472; ++size) sizes.push_back(size);
  expect_relayed(open_wires(row), sizes);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["sent"], sizes.size());
}

TEST_F(RelayPayload, OfJumboFramesArrivesUnchanged) {
  const HostRow row(1, {.mtu_bytes = 9000});
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  const std::array<std::size_t, 7> sizes{8972, 0, 8971, 1, 4000, 1473, 8972};
  expect_relayed(open_wires(row), sizes);
  expect_nothing_lost_inside(relay.stop());
}

/// The next IPv4 UDP datagram on a host's interface "in".
engine::Datagram next_datagram(int descriptor) {
  std::array<std::byte, 2048> bytes{};
  for (;;) {
    const ssize_t length = ::recv(descriptor, bytes.data(), bytes.size(), 0);
    if (length < 0) throw std::runtime_error("nothing arrived");
    const auto size = static_cast<std::uint32_t>(length);
    const auto datagram = engine::parse({std::span(bytes).first(size), size, size});
    if (datagram) return *datagram;
  }
}

TEST_F(RelayPayload, LeavesFromTheChosenAddressWithTheChosenTtl) {
  const HostRow row(1);
  ASSERT_TRUE(command_inside(row.relay(0), "ip address add 198.18.1.99/24 dev out"));
  RelayProgram relay(row.relay(0),
                     {HostRow::received_on(0), "198.18.1.99@239.1.1.1:5000%out", "--ttl", "7"});
  const Wires wires = open_wires(row);
  posix::Descriptor watcher;
  inside(row.sink(), [&] {
    watcher = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = __builtin_bswap16(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(::if_nametoindex("in"));
    ASSERT_EQ(::bind(watcher.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    const timeval timeout{.tv_sec = 3, .tv_usec = 0};
    ::setsockopt(watcher.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  });
  ASSERT_EQ(::send(wires.sender.get(), "x", 1, 0), 1);
  const engine::Datagram datagram = next_datagram(watcher.get());
  EXPECT_EQ(datagram.hops, 7);
  EXPECT_EQ(to_string(datagram.source), "198.18.1.99");
  EXPECT_EQ(to_string(datagram.destination), "239.1.1.1");
  relay.stop();
}

}  // namespace
}  // namespace reprise::tests
