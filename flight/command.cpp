#include "reprise/flight/command.hpp"

#include <cstring>

namespace reprise::flight {
namespace {

template <class Index>
CommandAnswer answer_of(const std::expected<Index, engine::CommandError>& done) {
  if (!done) return {false, 0};
  return {true, static_cast<std::uint32_t>(*done)};
}

constexpr std::size_t kKeyWords = words_of(sizeof(engine::RouteKey));

}  // namespace

CommandAnswer carry_out(engine::Stage& stage, const StageCommand& command) {
  switch (command.kind) {
    case StageCommand::Kind::stop: stage.stop(); break;
    case StageCommand::Kind::abandon: stage.abandon(); break;
    case StageCommand::Kind::pause_input:
      stage.pause_input(engine::InputIndex{command.index});
      break;
    case StageCommand::Kind::resume_input:
      stage.resume_input(engine::InputIndex{command.index});
      break;
    case StageCommand::Kind::add_input: return answer_of(stage.add_input(command.input));
    case StageCommand::Kind::add_route:
      return answer_of(stage.add_route(command.key, command.sockets));
    case StageCommand::Kind::add_outputs: return answer_of(stage.add_outputs(command.sockets));
    case StageCommand::Kind::route_to:
      return answer_of(stage.add_route(command.key, engine::OutputIndex{command.index}));
    case StageCommand::Kind::remove_route:
      return {stage.remove_route(engine::RouteIndex{command.index}).has_value(), 0};
  }
  return {};
}

void put(WordWriter& out, const StageCommand& command) {
  if (!out.has_room(4 + kKeyWords + command.sockets.size())) return;
  out.put(static_cast<std::uint64_t>(command.kind));
  out.put(command.index | std::uint64_t{command.sockets.size()} << 32U);
  out.put(static_cast<std::uint32_t>(command.input.socket) |
          std::uint64_t{static_cast<std::uint32_t>(command.input.routes_of)} << 32U);
  out.put((command.input.has_ring ? 1U : 0U) | (command.input.is_paused ? 2U : 0U));
  out.put(std::as_bytes(std::span(&command.key, 1)));
  for (const engine::SocketIndex socket : command.sockets)
    out.put(static_cast<std::uint32_t>(socket));
}

bool take(WordReader& in, StageCommand& command) {
  command.kind = static_cast<StageCommand::Kind>(in.take());
  const std::uint64_t numbers = in.take();
  command.index = static_cast<std::uint32_t>(numbers);
  const std::uint64_t input = in.take();
  const std::uint64_t flags = in.take();
  command.input = {.socket = engine::SocketIndex{static_cast<std::uint32_t>(input)},
                   .has_ring = (flags & 1U) != 0,
                   .is_paused = (flags & 2U) != 0,
                   .routes_of = engine::InputIndex{static_cast<std::uint32_t>(input >> 32U)}};
  const auto key = in.take_bytes(sizeof command.key);
  if (in.is_short()) return false;
  std::memcpy(&command.key, key.data(), key.size());
  command.sockets.clear();
  for (std::uint64_t left = numbers >> 32U; left > 0 && !in.is_short(); --left)
    command.sockets.push_back(engine::SocketIndex{static_cast<std::uint32_t>(in.take())});
  return !in.is_short() && command.kind >= StageCommand::Kind::stop &&
         command.kind <= StageCommand::Kind::remove_route;
}

}  // namespace reprise::flight
