#include "reprise/sim/scheduler.hpp"

#include <algorithm>

namespace reprise::sim {

using engine::Instant;
using engine::kNever;

void Actors::place(engine::FlatLayout& layout, const WorldConfig& config,
                   std::span<const NodePlan> plans) {
  std::uint32_t last_core = 0;
  for (const NodeConfig& node : config.nodes) {
    last_core = std::max({last_core, node.core, node.egress_core});
  }
  layout.place(nodes, plans);
  layout.place(sources, static_cast<std::uint32_t>(config.traffic.size()));
  layout.place(cores, last_core + 1);
}

void Actors::start(const WorldConfig& config, std::span<const NodePlan> plans) {
  for (std::uint32_t index = 0; index < nodes.size(); ++index) nodes[index].start(plans[index]);
  for (std::uint32_t flow = 0; flow < sources.size(); ++flow) {
    sources[flow].start(config.traffic[flow]);
  }
}

Scheduler::Scheduler(const WorldConfig& config) : config_(&config) {
  const auto count = [](const auto& list) { return static_cast<std::uint32_t>(list.size()); };
  for (std::uint32_t flow = 0; flow < count(config.traffic); ++flow) {
    actors_.push_back({Actor::Kind::source, flow, 0});
  }
  for (std::uint32_t node = 0; node < count(config.nodes); ++node) {
    first_link_.push_back(count(actors_));
    for (std::uint32_t link = 0; link < config.nodes[node].fan_out; ++link) {
      actors_.push_back({Actor::Kind::link, node, link});
    }
  }
  std::vector<std::uint32_t> threads_of_core;
  const auto core_of = [&config](std::uint32_t node, std::uint32_t thread) {
    return thread == 0 ? config.nodes[node].core : config.nodes[node].egress_core;
  };
  for (std::uint32_t node = 0; node < count(config.nodes); ++node) {
    first_thread_.push_back(count(actors_));
    for (std::uint32_t thread = 0; thread < config.nodes[node].threads; ++thread) {
      actors_.push_back({Actor::Kind::thread, node, thread});
      const std::uint32_t core = core_of(node, thread);
      threads_of_core.resize(std::max<std::size_t>(threads_of_core.size(), core + 1));
      ++threads_of_core[core];
    }
  }
  first_inlet_ = count(actors_);
  for (std::uint32_t node = 0; node < count(config.nodes) && !config.faults.is_empty(); ++node) {
    actors_.push_back({Actor::Kind::inlet, node, 0});
  }
  for (std::uint32_t node = 0; node < count(config.nodes); ++node) {
    ring_timers_.push_back(config.nodes[node].stage.blocks > 0 ? count(actors_) : kNoTimer);
    if (ring_timers_.back() != kNoTimer) actors_.push_back({Actor::Kind::ring_timer, node, 0});
  }
  shares_core_.resize(config.nodes.size());
  for (const Actor& actor : actors_) {
    if (actor.kind != Actor::Kind::thread) continue;
    if (threads_of_core[core_of(actor.index, actor.part)] > 1) shares_core_[actor.index] = 1;
  }
  stale_.assign(config.nodes.size(), 1);
  at_.assign(actors_.size(), kNever);
  for (std::uint32_t flow = 0; flow < count(config.traffic); ++flow) {
    Source first;
    first.start(config.traffic[flow]);
    at_[flow] = first.next_instant(config.traffic[flow]);
  }
}

void Scheduler::touch_source(const Actors& actors, std::uint32_t flow) {
  at_[flow] = actors.sources[flow].next_instant(config_->traffic[flow]);
}

void Scheduler::touch_link(const Actors& actors, std::uint32_t node, std::uint32_t link) {
  at_[first_link_[node] + link] = actors.nodes[node].kernel.next_link_instant(link);
}

void Scheduler::touch_links(const Actors& actors, std::uint32_t node) {
  const Kernel& kernel = actors.nodes[node].kernel;
  Instant* const at = &at_[first_link_[node]];
  for (std::uint32_t link = 0; link < kernel.link_count(); ++link) {
    at[link] = kernel.next_link_instant(link);
  }
}

void Scheduler::touch_inlet(const Actors& actors, std::uint32_t node) {
  at_[first_inlet_ + node] = actors.nodes[node].inlet.next_instant();
}

void Scheduler::touch_ring_timer(const Actors& actors, std::uint32_t node) {
  if (ring_timers_[node] == kNoTimer) return;
  at_[ring_timers_[node]] = actors.nodes[node].kernel.next_block_tick();
}

Scheduler::Chosen Scheduler::next(const Actors& actors, Instant now, Choices& choices,
                                  Timing timing) {
  if (timing != timing_) touch_all_threads();  // only timed ones wait for their cores
  timing_ = timing;
  if (any_stale_) {
    any_stale_ = false;
    for (std::uint32_t node = 0; node < stale_.size(); ++node) {
      if (stale_[node] != 0) look_at_threads(actors, node, now);
    }
  }
  return timing == Timing::timed ? least(choices) : any(choices);
}

Scheduler::Chosen Scheduler::least(Choices& choices) const {
  Instant least = kNever;
  std::size_t place = 0;
  std::uint32_t ties = 0;
  for (std::size_t index = 0; index < at_.size(); ++index) {
    if (at_[index] > least) continue;
    if (at_[index] == least) {
      ++ties;
    } else {
      least = at_[index];
      place = index;
      ties = 1;
    }
  }
  if (least == kNever) return {};
  if (ties > 1) {
    for (std::uint32_t skip = choices.pick(Site::tie, ties); skip > 0; --skip) {
      do ++place;
      while (at_[place] != least);
    }
  }
  return {&actors_[place], least};
}

Scheduler::Chosen Scheduler::any(Choices& choices) const {
  const auto can_go = [](Instant at) { return at != kNever; };
  const auto count = static_cast<std::uint32_t>(std::ranges::count_if(at_, can_go));
  if (count == 0) return {};
  std::uint32_t skip = choices.pick(Site::schedule, count);
  std::size_t place = 0;
  while (!can_go(at_[place]) || skip-- > 0) ++place;
  return {&actors_[place], at_[place]};
}

void Scheduler::look_at_threads(const Actors& actors, std::uint32_t index, Instant now) {
  const Node& node = actors.nodes[index];
  const bool shares_core = shares_core_[index] != 0;
  bool goes_with_the_clock = shares_core;
  Instant* const at = &at_[first_thread_[index]];
  for (std::uint32_t number = 0; number < node.threads.size(); ++number) {
    const Thread& thread = node.threads[number];
    at[number] = ready_instant(node, thread, number, now);
    if (at[number] == kNever) continue;
    goes_with_the_clock |= thread.state != ThreadState::ready;
    // One that has a core to itself is never ready before its core is free.
    if (shares_core && timing_ == Timing::timed) {
      at[number] = core_instant(actors, index, number, at[number], now);
    }
  }
  stale_[index] = goes_with_the_clock ? 1 : 0;
  any_stale_ |= goes_with_the_clock;
}

/// When a thread would act if it had a core of its own; kNever: not by itself.
Instant Scheduler::ready_instant(const Node& node, const Thread& thread, std::uint32_t number,
                                 Instant now) const {
  switch (thread.state) {
    case ThreadState::ready: return thread.ready_at;
    case ThreadState::waiting:
    case ThreadState::stopped: return kNever;
    case ThreadState::sleeping: {
      if (!node.finds_something(number)) return kNever;
      // Turns in which it found nothing are left out: it is the end of a later sleep.
      const std::int64_t late_ns = std::max<std::int64_t>(0, (now - thread.ready_at).ns);
      const std::int64_t period_ns = thread.sleep_ns + config_->costs.spin_ns;
      return thread.ready_at + engine::Duration{(late_ns + period_ns - 1) / period_ns * period_ns};
    }
    case ThreadState::spinning: break;
  }
  if (node.finds_something(number)) return std::max(thread.ready_at, now);
  const std::uint32_t spins = thread.runner.spins_left();
  if (spins == 0) return kNever;
  return thread.ready_at + engine::Duration{config_->costs.spin_ns * spins};
}

/// When it gets its core (W5); kNever: another thread goes first.
Instant Scheduler::core_instant(const Actors& actors, std::uint32_t index, std::uint32_t number,
                                Instant ready_at, Instant now) const {
  const std::uint32_t core_index = actors.nodes[index].threads[number].core;
  const Core& core = actors.cores[core_index];
  const Instant at = std::max(ready_at, core.free_at);
  if (core.node == Core::kNobody) return at;
  const bool is_holder = core.node == index && core.thread == number;
  if (!is_holder) {
    const Thread& holder = actors.nodes[core.node].threads[core.thread];
    const bool is_held =
        holder.state == ThreadState::ready || holder.state == ThreadState::spinning;
    return is_held ? std::max(at, core.slice_ends_at) : at;
  }
  if (at < core.slice_ends_at) return at;
  // The slice is used up: whoever else is ready goes first.
  for (std::uint32_t other = 0; other < actors.nodes.size(); ++other) {
    const Node& node = actors.nodes[other];
    for (std::uint32_t thread = 0; thread < node.threads.size(); ++thread) {
      if (other == index && thread == number) continue;
      if (node.threads[thread].core != core_index) continue;
      if (ready_instant(node, node.threads[thread], thread, now) <= at) return kNever;
    }
  }
  return at;
}

bool take_core(Core& core, std::uint32_t node, std::uint32_t thread, Instant now,
               std::int64_t slice_ns) {
  const bool is_holder = core.node == node && core.thread == thread;
  if (is_holder && now < core.slice_ends_at) return false;
  const bool was_held = core.node != Core::kNobody && !is_holder;
  core.node = node;
  core.thread = thread;
  core.slice_ends_at = now + engine::Duration{slice_ns};
  return was_held;
}

}  // namespace reprise::sim
