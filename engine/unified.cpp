#include "reprise/engine/unified.hpp"

namespace reprise::engine {

const char* name(CommandError error) {
  switch (error) {
    case CommandError::inputs_exhausted: return "inputs_exhausted";
    case CommandError::routes_exhausted_or_known: return "routes_exhausted_or_known";
    case CommandError::outputs_exhausted: return "outputs_exhausted";
    case CommandError::no_such_route: return "no_such_route";
  }
  return "?";
}

void UnifiedStage::place(FlatLayout& layout, const StageConfig& config) {
  ledger_.place(layout, config.region_count());
  routes_.place(layout, config.rules_max);
  ingress_.place(layout, config);
  egress_.place(layout, config);
  // One turn adds at most one provide, a receive and a cancel per input, a batch, a wait and a
  // cancel per output.
  const std::uint32_t submissions_max =
      1 + 2 * config.inputs_max + config.batch + 2 * config.outputs_max;
  list_.place(layout, submissions_max, config.region_count() + config.batch);
  layout.place(draining_, config.rules_max);
}

void UnifiedStage::start(const StageConfig& config) {
  ledger_.start();
  routes_.start();
  ingress_.start(config);
  egress_.start(config, Ingress::slot_count(config));
}

std::expected<InputIndex, CommandError> UnifiedStage::add_input(SocketIndex socket) {
  const InputIndex input = ingress_.add_input(socket);
  if (input == kNoInput) return std::unexpected(CommandError::inputs_exhausted);
  return input;
}

std::expected<RouteIndex, CommandError> UnifiedStage::add_route(
    const RouteKey& key, std::span<const SocketIndex> outputs) {
  const RouteIndex route = routes_.add(key, kNoOutput);
  if (route == kNoRoute) return std::unexpected(CommandError::routes_exhausted_or_known);
  const OutputIndex first = egress_.add_outputs(outputs);
  if (first == kNoOutput) {
    routes_.remove(route);
    routes_.free(route);
    return std::unexpected(CommandError::outputs_exhausted);
  }
  routes_.set_first_output(route, first);
  return route;
}

std::expected<void, CommandError> UnifiedStage::remove_route(RouteIndex route) {
  if (!routes_.is_active(route)) return std::unexpected(CommandError::no_such_route);
  routes_.remove(route);
  draining_.push(route);
  free_drained_routes();
  return {};
}

void UnifiedStage::free_drained_routes() {
  for (std::uint32_t place = draining_.size(); place-- > 0;) {
    const RouteIndex route = draining_[place];
    if (routes_.waiting(route) > 0) continue;
    egress_.remove_outputs(routes_.first_output(route));
    routes_.free(route);
    const RouteIndex last = draining_.pop();
    if (place < draining_.size()) draining_[place] = last;
  }
}

void UnifiedStage::stop() {
  stopping_ = 1;
  ingress_.stop();
}

void UnifiedStage::abandon() {
  REPRISE_ASSERT(stopping_ != 0);
  egress_.abandon(ledger_, routes_);
  free_drained_routes();
}

void UnifiedStage::prepare() {
  if (!list_.empty()) return;
  ingress_.prepare(list_, ledger_);
  egress_.prepare(list_, ledger_, routes_);
  if (!draining_.empty()) free_drained_routes();
}

void UnifiedStage::complete(const CompletionBatch& batch, const PacketMemory& memory) {
  for (const Completion& completion : batch.completions()) {
    if (egress_.owns_slot(completion.token.slot)) {
      egress_.complete(completion, ledger_);
    } else {
      ingress_.complete(completion, batch.frames(completion), memory, ledger_, routes_, egress_);
    }
  }
}

bool UnifiedStage::has_work() const {
  return !list_.empty() || ingress_.has_work(ledger_) || egress_.has_work(routes_);
}

bool UnifiedStage::is_stopped() const {
  return stopping_ != 0 && list_.empty() && ingress_.is_idle() && egress_.is_idle();
}

bool UnifiedStage::laws_hold() const {
  return ledger_.is_consistent() && ingress_.law_holds() &&
         egress_.laws_hold(ingress_.counters().accepted);
}

}  // namespace reprise::engine
