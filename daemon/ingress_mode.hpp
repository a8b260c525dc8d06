// How datagrams come in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reprise/engine/policy.hpp"

namespace reprise::daemon {

enum class IngressMode : std::uint8_t {
  automatic,   ///< latency while there is little to do, throughput when the thread is busy
  throughput,  ///< a packet ring: cheap by the datagram, which waits up to a millisecond in it
  latency,     ///< each frame is received at once
};
inline constexpr std::array<std::string_view, 3> kIngressModeNames{"auto", "throughput", "latency"};

constexpr std::string_view name(IngressMode mode) {
  return kIngressModeNames[static_cast<std::size_t>(mode)];
}
constexpr std::optional<IngressMode> ingress_mode_from(std::string_view text) {
  return engine::value_from<IngressMode>(kIngressModeNames, text);
}

}  // namespace reprise::daemon
