#include "reprise/trial/differential/trace.hpp"

#include <array>

namespace reprise::trial {

std::string_view name(ActKind kind) {
  constexpr std::array<std::string_view, kActKindCount> kNames{
      "provide", "submit",      "wait",        "reap",    "quiesce",
      "set_up",  "set_carrier", "set_address", "set_mtu", "set_blocked"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint64_t operation_count(const Trace& trace) {
  std::uint64_t operations = 0;
  for (const Act& act : trace.acts) {
    switch (act.kind) {
      case ActKind::submit: operations += act.entries.size(); break;
      case ActKind::provide: operations += act.regions.size(); break;
      case ActKind::set_up:
      case ActKind::set_carrier:
      case ActKind::set_address:
      case ActKind::set_mtu:
      case ActKind::set_blocked: ++operations; break;
      case ActKind::wait:
      case ActKind::reap:
      case ActKind::quiesce: break;
    }
  }
  return operations;
}

}  // namespace reprise::trial
