// What the prototypes of relays have in common: their sockets, and reading the fixed headers.
//
// A prototype is a loop in the benchmark itself, run in a child process, to compare with. It is as
// short as it can be: it takes IPv4 without options, groups that end in the flow's number plus one
// (scenario.hpp), and nothing goes wrong.
#pragma once

#include <arpa/inet.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/memberships.hpp"

namespace reprise::bench::peers {

/// Relays until the flag is up. `ready` is called once.
using Prototype = engine::Expected<void> (*)(std::span<const engine::Rule> rules,
                                             const std::function<void()>& ready,
                                             const std::atomic<bool>& stop);

/// TPACKET_V3 and segmented sends, by hand: the ceiling.
engine::Expected<void> relay_bare(std::span<const engine::Rule> rules,
                                  const std::function<void()>& ready,
                                  const std::atomic<bool>& stop);
/// 32 one-shot receives on io_uring, batches of sends that are waited for.
engine::Expected<void> relay_like_reference(std::span<const engine::Rule> rules,
                                            const std::function<void()>& ready,
                                            const std::atomic<bool>& stop);
/// recvmmsg and sendmmsg, 64 at a time.
engine::Expected<void> relay_with_mmsg(std::span<const engine::Rule> rules,
                                       const std::function<void()>& ready,
                                       const std::atomic<bool>& stop);

/// How long a prototype sleeps before it looks at its flag.
inline constexpr int kLookMs = 100;

struct PrototypeSockets {
  posix::Descriptor in;
  std::vector<posix::Descriptor> out;  ///< connected; at flow × outputs + output
  std::size_t outputs = 0;             ///< of each flow
  posix::Memberships memberships;
};

/// Opens a packet socket with a filter for the inputs, lets `set_up` work on it before it is bound,
/// joins the groups, and opens the outputs.
engine::Expected<PrototypeSockets> open_prototype_sockets(
    std::span<const engine::Rule> rules, const std::function<engine::Expected<void>(int)>& set_up);

struct ReadFrame {
  std::size_t flow = 0;
  std::byte* payload = nullptr;
  std::size_t bytes = 0;
};

/// A frame that passed the filter.
inline ReadFrame read_frame(std::byte* frame) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kUdp = kIp + 20;
  std::uint16_t udp_bytes = 0;
  std::memcpy(&udp_bytes, frame + kUdp + 4, sizeof udp_bytes);
  const auto last_of_group = std::to_integer<std::size_t>(frame[kIp + 19]);
  return {last_of_group - 1, frame + kUdp + 8, ntohs(udp_bytes) - 8UL};
}

}  // namespace reprise::bench::peers
