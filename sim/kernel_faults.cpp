// Faults that last: devices, cables, addresses and MTUs that go and come back.
#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

using engine::Instant;
using engine::SocketIndex;

bool Kernel::disturb(SocketIndex input, Instant at, Choices& choices) {
  bool changes = false;
  const auto each = [&](FaultKind kind, std::uint32_t targets, auto set) {
    const Faults::Change change = faults_.advance(kind, at, targets, choices);
    if (change == Faults::Change::none) return;
    changes = true;
    set(faults_.target(kind), change == Faults::Change::begins);
  };
  each(FaultKind::carrier_loss, links_.size(),
       [this](std::uint32_t link, bool lasts) { set_carrier(link, !lasts); });
  each(FaultKind::down, links_.size() + 1, [&](std::uint32_t link, bool lasts) {
    if (link < links_.size()) {
      set_up(link, !lasts);
    } else if (lasts) {
      set_receiver_down(input);
    }
  });
  each(FaultKind::address_loss, links_.size(),
       [this](std::uint32_t link, bool lasts) { links_[link].set_address(!lasts); });
  each(FaultKind::small_mtu, links_.size(), [this](std::uint32_t link, bool lasts) {
    if (lasts) faults_.set_full_mtu(links_[link].mtu_bytes());
    links_[link].set_mtu(lasts ? faults_.mtu_bytes() : faults_.full_mtu_bytes());
  });
  return changes;
}

std::uint64_t Kernel::fault_count(FaultKind kind) const {
  if (kind != FaultKind::small_completion_queue) return faults_.count(kind);
  std::uint64_t sum = 0;
  if (!faults_.are_planned()) return sum;
  for (std::uint32_t ring = 0; ring < rings_.size(); ++ring) sum += rings_[ring].overflows;
  return sum;
}

}  // namespace reprise::sim
