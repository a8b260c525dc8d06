// What is done to a stage between two steps, as data: carried out and recorded by the same hand.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/stage.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {

struct StageCommand {
  enum class Kind : std::uint64_t {
    stop = 1,
    abandon,
    pause_input,   ///< index
    resume_input,  ///< index
    add_input,     ///< input
    add_route,     ///< unified: key, sockets
    add_outputs,   ///< egress: sockets
    route_to,      ///< ingress: key, index: the peer's first output
    remove_route,  ///< index
  };
  Kind kind{};
  std::uint32_t index = 0;
  engine::InputSpec input{};
  engine::RouteKey key{};
  std::vector<engine::SocketIndex> sockets{};
};

/// What the stage answered: 0 where it refused, else 1 and the index that it gave out.
struct CommandAnswer {
  bool is_done = true;
  std::uint32_t index = 0;
};

CommandAnswer carry_out(engine::Stage& stage, const StageCommand& command);

/// In words; as many as there is room for.
void put(WordWriter& out, const StageCommand& command);
/// False where the words hold no command.
bool take(WordReader& in, StageCommand& command);

}  // namespace reprise::flight
