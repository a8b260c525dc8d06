// What the shield makes the kernel run on each frame that arrives: classic BPF for cls_bpf in
// direct-action mode (tc-bpf(8)), which needs no action module.
//
// It drops what the relay certainly relays and nothing else, so it is stricter than the socket
// filter, which may let too much through: no fragment, no IPv6 extension header, no frame of
// another VLAN, no copy of what this host sends itself (the taps do not see those).
// A program begins with a mark, three loads without effect. The kernel gives classic programs back
// as they were, so the mark tells ours from everybody else's, and whose it is.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "reprise/engine/io.hpp"

namespace reprise::daemon {

struct ShieldMark {
  std::uint32_t owner = 0;  ///< number of the relay among those that shield the interface
  bool made_qdisc = false;  ///< a relay made the queueing discipline that the filter hangs on
  friend bool operator==(const ShieldMark&, const ShieldMark&) = default;
};

/// The longest program. Older kernels delete a filter only if its description fits into one notice,
/// which has room for about 3700 bytes, and each instruction takes eight. Linux 6.18 has no such
/// limit.
inline constexpr std::size_t kShieldInstructionsMax = 400;

/// As many programs as the wanted traffic takes, each for one IP family; none where nothing is
/// wanted.
std::vector<std::vector<sock_filter>> make_shield_programs(
    std::span<const engine::WantedTraffic> wanted, const ShieldMark& mark);

/// The mark of a program that make_shield_programs() wrote; nothing for any other.
std::optional<ShieldMark> shield_mark_of(std::span<const sock_filter> program);

}  // namespace reprise::daemon
