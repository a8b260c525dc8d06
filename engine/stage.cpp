#include "reprise/engine/stage.hpp"

#include <algorithm>

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

void Stage::place(FlatLayout& layout, const StageConfig& config) {
  ledger_.place(layout, config.region_count(), config.blocks);
  // One turn adds at most one provide, a receive and a cancel per input, a batch, a wait and a
  // cancel per output.
  std::uint32_t submissions_max = 1;
  std::uint32_t slices_max = 0;
  if (config.role != Role::egress) {
    routes_.place(layout, config.rules_max);
    ingress_.place(layout, config);
    // Datagrams, removals (each of at least one output, which is not used again before), the end.
    layout.place(accepted_, config.backlog_max() + config.outputs_max + 1);
    submissions_max += 2 * config.inputs_max;
    slices_max += config.region_count() + config.blocks;
  }
  if (config.role != Role::ingress) {
    egress_.place(layout, config);
    submissions_max += config.batch + 2 * config.outputs_max;
    slices_max += std::min(config.batch * config.segments_max,
                           std::max(config.batch, config.outputs_max * config.output_queue));
  }
  list_.place(layout, submissions_max, slices_max);
}

void Stage::start(const StageConfig& config) {
  role_ = config.role;
  drain_ = config.hazards.drain;
  log_lines_ = config.hazards.log_lines;
  batch_ = config.batch;
  items_max_ = config.backlog_max();
  intake_ = config.blocks > 0 ? config.intake : 0;
  ledger_.start(role_ == Role::egress ? Owner::away : Owner::free);
  if (role_ != Role::egress) {
    routes_.start();
    ingress_.start(config);
  }
  if (role_ != Role::ingress) egress_.start(config, Ingress::slot_count(config));
}

// Commands.

std::expected<InputIndex, CommandError> Stage::add_input(const InputSpec& spec) {
  const InputIndex input = ingress_.add_input(spec);
  if (input == kNoInput) return std::unexpected(CommandError::inputs_exhausted);
  return input;
}

std::expected<OutputIndex, CommandError> Stage::add_outputs(std::span<const SocketIndex> outputs) {
  const OutputIndex first = egress_.add_outputs(outputs);
  if (first == kNoOutput) return std::unexpected(CommandError::outputs_exhausted);
  return first;
}

std::expected<RouteIndex, CommandError> Stage::add_route(const RouteKey& key,
                                                         OutputIndex first_output) {
  const RouteIndex route = routes_.add(key, first_output);
  if (route == kNoRoute) return std::unexpected(CommandError::routes_exhausted_or_known);
  return route;
}

std::expected<RouteIndex, CommandError> Stage::add_route(const RouteKey& key,
                                                         std::span<const SocketIndex> outputs) {
  const auto route = add_route(key, kNoOutput);
  if (!route) return route;
  const auto first = add_outputs(outputs);
  if (!first) {
    routes_.remove(*route);
    return std::unexpected(first.error());
  }
  routes_.set_first_output(*route, *first);
  return route;
}

std::expected<void, CommandError> Stage::remove_route(RouteIndex route) {
  if (!routes_.is_active(route)) return std::unexpected(CommandError::no_such_route);
  const WorkItem removal = WorkItem::removal(routes_.first_output(route));
  REPRISE_ASSERT(!removal.is_end());
  routes_.remove(route);
  if (role_ == Role::unified) {
    egress_.push(removal);
  } else if (ended_ == 0) {  // behind the end nothing follows
    accepted_.push(removal);
  }
  return {};
}

void Stage::stop() {
  stopping_ = 1;
  ingress_.stop();
}

void Stage::abandon() {
  REPRISE_ASSERT(stopping_ != 0 || role_ == Role::egress);
  abandoned_ = 1;
  egress_.abandon(ledger_);
}

// A turn's parts.

void Stage::prepare(const PacketMemory& memory) {
  if (!list_.empty()) return;
  if (role_ != Role::egress) ingress_.prepare(list_, ledger_);
  if (role_ != Role::ingress) egress_.prepare(list_, ledger_, memory);
  end_when_idle();
}

/// An ingress stage that has stopped receiving says so behind the last datagram.
void Stage::end_when_idle() {
  if (role_ != Role::ingress || stopping_ == 0 || ended_ != 0 || !ingress_.is_idle()) return;
  accepted_.push(WorkItem::end());
  ended_ = 1;
}

std::uint32_t Stage::ring_room() const {
  return intake_ - std::min(intake_, egress_.backlog_size());
}

std::uint32_t Stage::acceptance_room() const {
  if (role_ == Role::unified) return egress_.room();
  return items_max_ - items_out_;
}

void Stage::complete(const CompletionBatch& batch, const PacketMemory& memory) {
  const std::uint32_t room = acceptance_room();
  Accepted accepted{&accepted_, room};
  for (const Completion& completion : batch.completions()) {
    if (role_ != Role::ingress && egress_.owns_slot(completion.token.slot)) {
      egress_.complete(completion, ledger_, memory);
    } else {
      ingress_.complete(completion, batch.frames(completion), memory, ledger_, routes_, accepted);
    }
  }
  if (role_ == Role::unified) {
    egress_.push_datagrams(accepted_.all());
    accepted_.clear();
  } else {
    items_out_ += room - accepted.room;
  }
  end_when_idle();
}

void Stage::handed_over() {
  for (const WorkItem& item : accepted_.all()) crossed_ += item.is_datagram() ? 1U : 0U;
  accepted_.clear();
}

void Stage::take_back(std::span<const ReturnItem> returns) {
  for (const ReturnItem& item : returns) {
    ledger_.release(item.region, item.references);
    items_out_ -= item.references;
  }
}

std::uint32_t Stage::drain_room() const {
  // What waits to be given back goes first: its region may be in an item that comes.
  if (has_returns()) return 0;
  if (drain_ == Drain::all) return egress_.room();
  return batch_ - std::min(batch_, egress_.backlog_size());
}

void Stage::take_over(std::span<const WorkItem> items) {
  for (const WorkItem& item : items) {
    REPRISE_ASSERT(ended_ == 0);
    if (item.is_end()) {
      ended_ = 1;
      continue;
    }
    if (item.is_datagram()) {
      ledger_.adopt(item.payload.region);
      ++crossed_;
    }
    egress_.push(item);
  }
  if (abandoned_ != 0) egress_.abandon(ledger_);
}

// State.

bool Stage::has_work() const {
  if (!list_.empty()) return true;
  switch (role_) {
    case Role::unified: return ingress_.has_work(ledger_) || egress_.has_work();
    case Role::ingress: return ingress_.has_work(ledger_) || !accepted_.empty();
    case Role::egress: return egress_.has_work() || has_returns();
  }
  return false;
}

bool Stage::needs_returns() const {
  return role_ == Role::ingress && (stopping_ != 0 || ingress_.is_short(ledger_));
}

bool Stage::is_stopped() const {
  if (!list_.empty()) return false;
  switch (role_) {
    case Role::unified: return stopping_ != 0 && ingress_.is_idle() && egress_.is_idle();
    case Role::ingress: return ended_ != 0 && accepted_.empty() && ledger_.held_count() == 0;
    case Role::egress: return ended_ != 0 && egress_.is_idle() && !has_returns();
  }
  return false;
}

std::uint64_t Stage::log_lines() const {
  const IngressCounters& in = ingress_.counters();
  switch (log_lines_) {
    case LogLines::none: return 0;
    case LogLines::drops: return in.dropped[static_cast<std::size_t>(IngressDrop::no_buffer)];
    case LogLines::datagrams: return in.received + (role_ == Role::ingress ? 0 : egress_.sent());
  }
  return 0;
}

bool Stage::laws_hold() const {
  if (!ledger_.is_consistent()) return false;
  const std::uint64_t accepted = ingress_.counters().accepted;
  switch (role_) {
    case Role::unified:
      return ingress_.law_holds() && egress_.laws_hold() && accepted == egress_.pushed();
    case Role::ingress: {
      const auto waiting = std::ranges::count_if(accepted_.all(), &WorkItem::is_datagram);
      return ingress_.law_holds() && accepted == crossed_ + static_cast<std::uint64_t>(waiting);
    }
    case Role::egress: return egress_.laws_hold() && crossed_ == egress_.pushed();
  }
  return false;
}

}  // namespace reprise::engine
