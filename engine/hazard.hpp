// Hazards: what the historic loops did and a good relay does not. All are off by default; the
// laboratory switches each on alone, to say what it costs.
//
// Each sits behind one seam: the backlog (backlog.hpp), the drain and the nap (runner.hpp), the
// order of sends (egress.hpp), the log (who drives the stage writes it). Small rings, small socket
// buffers, small pools and threads on one core need no seam: they are ordinary settings.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "reprise/engine/policy.hpp"

namespace reprise::engine {

/// What the backlog is.
enum class BacklogKind : std::uint32_t {
  ring,         ///< taking from its front costs the same at any length
  erase_front,  ///< an array: taking from its front moves everything behind it
};

/// How much an egress stage takes from the hand-off in one turn.
enum class Drain : std::uint32_t {
  batch,  ///< until its backlog holds a batch
  all,    ///< everything
};

/// How the sends of one output keep their order.
enum class SendOrder : std::uint32_t {
  linked,    ///< one linked chain at a time (E1)
  unlinked,  ///< not at all where a send is refused: each by itself, any number in flight
};

/// For which datagrams a line is formatted and written.
enum class LogLines : std::uint32_t {
  none,
  drops,      ///< each datagram that found no buffer
  datagrams,  ///< these, and each received and each sent one
};

struct Hazards {
  BacklogKind backlog = BacklogKind::ring;
  std::uint32_t item_bytes = 16;  ///< erase_front: of one queued item, 16…256
  Drain drain = Drain::batch;
  SendOrder send_order = SendOrder::linked;
  LogLines log_lines = LogLines::none;
  std::uint32_t nap_us = 0;  ///< not 0: every turn of a sending stage ends with a sleep so long
  friend bool operator==(const Hazards&, const Hazards&) = default;
};

inline constexpr std::array<std::string_view, 2> kBacklogKindNames{"ring", "erase_front"};
inline constexpr std::array<std::string_view, 2> kDrainNames{"batch", "all"};
inline constexpr std::array<std::string_view, 2> kSendOrderNames{"linked", "unlinked"};
inline constexpr std::array<std::string_view, 3> kLogLinesNames{"none", "drops", "datagrams"};

constexpr std::optional<BacklogKind> backlog_kind_from(std::string_view text) {
  return value_from<BacklogKind>(kBacklogKindNames, text);
}
constexpr std::optional<Drain> drain_from(std::string_view text) {
  return value_from<Drain>(kDrainNames, text);
}
constexpr std::optional<SendOrder> send_order_from(std::string_view text) {
  return value_from<SendOrder>(kSendOrderNames, text);
}
constexpr std::optional<LogLines> log_lines_from(std::string_view text) {
  return value_from<LogLines>(kLogLinesNames, text);
}

}  // namespace reprise::engine
