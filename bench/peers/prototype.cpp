#include "prototype.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "reprise/posix/send_socket.hpp"
#include "reprise/posix/socket_filter.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::bench::peers {

using engine::Expected;

Expected<PrototypeSockets> open_prototype_sockets(
    std::span<const engine::Rule> rules, const std::function<Expected<void>(int)>& set_up) {
  PrototypeSockets sockets;
  sockets.in = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int in = sockets.in.get();
  if (in < 0) return traffic::system_failure("a packet socket");
  std::vector<engine::WantedTraffic> wanted;
  for (const engine::Rule& rule : rules) wanted.push_back({{}, rule.input.group, rule.input.port});
  if (auto level = posix::attach_socket_filter(in, wanted, "a packet socket"); !level)
    return std::unexpected(level.error());
  const int on = 1;
  ::setsockopt(in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  const int buffer_bytes = 4 << 20;
  ::setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
  if (auto done = set_up(in); !done) return std::unexpected(done.error());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(rules[0].input.interface.c_str()));
  if (::bind(in, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return traffic::system_failure("a packet socket");

  sockets.outputs = rules[0].outputs.size();
  for (const engine::Rule& rule : rules) {
    auto joined = sockets.memberships.join(rule.input.group, {}, rule.input.interface);
    if (!joined) return std::unexpected(joined.error());
    for (const engine::Endpoint& output : rule.outputs) {
      engine::SendSocketSpec spec;
      spec.destination = output.group;
      spec.port = output.port;
      spec.interface = output.interface;
      spec.send_buffer_bytes = 4U << 20U;
      auto socket = posix::open_send_socket(spec);
      if (!socket) return std::unexpected(socket.error());
      sockets.out.push_back(std::move(*socket));
    }
  }
  return sockets;
}

}  // namespace reprise::bench::peers
