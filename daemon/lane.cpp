#include "reprise/daemon/lane.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "reprise/daemon/core_affinity.hpp"

namespace reprise::daemon {

using engine::Endpoint;
using engine::Expected;
using engine::failure;
using engine::Instant;
using engine::Role;
using engine::Rule;
using engine::SocketIndex;

namespace {

std::uint32_t interface_count(std::span<const Rule> rules) {
  std::set<std::string> interfaces;
  for (const Rule& rule : rules) interfaces.insert(rule.input.interface);
  return static_cast<std::uint32_t>(interfaces.size());
}

}  // namespace

Expected<std::unique_ptr<Lane>> Lane::open(std::span<const Rule> rules, const RelayOptions& options,
                                           const LaneShare& share) {
  auto lane = open_once(rules, options, share);
  if (lane || options.mode != IngressMode::automatic || share.count > 1) return lane;
  // Whatever it was: where the plain way does not work either, that error is the one to tell.
  RelayOptions plain = options;
  plain.mode = IngressMode::latency;
  auto frames = open_once(rules, plain, share);
  if (frames) (*frames)->notes_.push_back("mode latency only: " + lane.error().message);
  return frames;
}

Expected<std::unique_ptr<Lane>> Lane::open_once(std::span<const Rule> rules,
                                                const RelayOptions& options,
                                                const LaneShare& share) {
  const Expected<std::uint32_t> frame_bytes = largest_input_frame(rules);
  if (!frame_bytes) return std::unexpected(frame_bytes.error());
  engine::StageConfig stage = fit_to_rules(options, rules, *frame_bytes);
  auto first = open_backend(options.backend, stage);
  if (!first) return std::unexpected(first.error());
  std::unique_ptr<engine::Backend> second;
  if (options.threads > 1) {
    auto opened = open_backend(first->choice.kind, stage);
    if (!opened) return std::unexpected(opened.error());
    second = std::move(opened->backend);
  }
  const engine::Limits limits = first->backend->limits();
  const auto plan = plan_ingress(options, limits);
  if (!plan) return std::unexpected(plan.error());
  fit_to_backend(stage, options, limits, *plan == IngressPlan::frames ? 0 : interface_count(rules));
  if (const auto findings = engine::check(stage); !findings.empty())
    return std::unexpected(findings.front());
  std::unique_ptr<Lane> lane(
      new Lane(options, stage, *plan, share, *std::move(first), std::move(second)));
  if (const auto done = lane->share_memory(); !done) return std::unexpected(done.error());
  if (const auto done = lane->open_inputs(rules); !done) return std::unexpected(done.error());
  if (const auto done = lane->open_outputs(rules); !done) return std::unexpected(done.error());
  return lane;
}

Lane::Lane(const RelayOptions& options, engine::StageConfig stage, IngressPlan plan,
           const LaneShare& share, OpenedBackend first, std::unique_ptr<engine::Backend> second)
    : options_(options),
      stage_(stage),
      plan_(plan),
      share_(share),
      backend_(std::move(first.choice)) {
  const bool is_pipeline = second != nullptr;
  const Role first_role = is_pipeline ? Role::ingress : Role::unified;
  first_ =
      std::make_unique<Worker>(engine::with_role(stage_, first_role), std::move(first.backend));
  if (is_pipeline) {
    second_ = std::make_unique<Worker>(engine::with_role(stage_, Role::egress), std::move(second));
    hand_off_ = std::make_unique<ThreadHandOff>(stage_, first_->backend(), second_->backend());
    first_->set_hand_off(*hand_off_);
    second_->set_hand_off(*hand_off_);
  }
  if (stage_.hazards.log_lines != engine::LogLines::none) {
    first_->write_lines_to(options.log_descriptor);
    if (is_pipeline) second_->write_lines_to(options.log_descriptor);
  }
  if (options.census) {
    if (is_pipeline) first_->tell_census(ingress_occupancy_);
    sending().take_census(is_pipeline ? &ingress_occupancy_ : nullptr);
  }
}

/// The first worker's backend owns the regions.
Expected<void> Lane::share_memory() {
  const auto memory = first_->backend().register_memory(stage_.memory());
  if (!memory) return std::unexpected(memory.error());
  first_->set_memory(*memory);
  if (!second_) return {};
  second_->set_memory(*memory);
  return second_->backend().use_memory(*memory);
}

Expected<void> Lane::open_inputs(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    const Endpoint& input = rule.input;
    auto known = std::ranges::find(inputs_, input.interface, &Input::interface);
    if (known == inputs_.end())
      known = inputs_.insert(inputs_.end(), Input{input.interface, {}, {}});
    known->wanted.push_back({input.source, input.group, input.port});
  }
  fanout_groups_ = share_.fanout_groups;
  fanout_groups_.resize(inputs_.size());
  for (std::size_t place = 0; place < inputs_.size(); ++place) {
    if (const auto opened = open_sockets(inputs_[place], place); !opened) return opened;
  }
  if (!switched_.empty()) mode_switch_ = std::make_unique<ModeSwitch>(*first_, switched_);
  return {};
}

/// Where there are two sockets, the one without a ring comes first: it alone gets what arrives
/// before the other one is there. inputs_max is at least twice the number of rules.
Expected<void> Lane::open_sockets(Input& input, std::size_t place) {
  engine::PacketSocketSpec spec;
  spec.interface = input.interface;
  spec.wanted = input.wanted;
  spec.receive_buffer_bytes = options_.receive_buffer_bytes;
  const bool is_shared = plan_ == IngressPlan::both || share_.count > 1;
  spec.fanout.group = fanout_groups_[place];
  spec.fanout.is_new = is_shared && spec.fanout.group == 0;
  if (plan_ != IngressPlan::both) {
    spec.fanout.steering = {0, share_.count};
    if (plan_ == IngressPlan::ring)
      spec.ring_blocks = stage_.blocks / static_cast<std::uint32_t>(inputs_.size());
    const auto socket = open_socket(spec);
    if (!socket) return std::unexpected(socket.error());
    fanout_groups_[place] = first_->backend().fanout_group(*socket);
    input.index =
        *first_->stage().add_input({.socket = *socket, .has_ring = plan_ == IngressPlan::ring});
    return {};
  }
  SwitchedInput both{.to_frames = {0, 1}, .to_ring = {1, 1}};
  spec.fanout.steering = both.to_frames;
  const auto frames = open_socket(spec);
  if (!frames) return std::unexpected(frames.error());
  fanout_groups_[place] = first_->backend().fanout_group(*frames);
  spec.fanout.group = fanout_groups_[place];
  spec.fanout.is_new = false;
  spec.ring_blocks = stage_.blocks / static_cast<std::uint32_t>(inputs_.size());
  const auto ring = open_socket(spec);
  if (!ring) return std::unexpected(ring.error());
  both.frames_socket = *frames;
  both.ring_socket = *ring;
  both.frames = *first_->stage().add_input({.socket = *frames});
  both.ring = *first_->stage().add_input(
      {.socket = *ring, .has_ring = true, .is_paused = true, .routes_of = both.frames});
  input.index = both.frames;
  switched_.push_back(both);
  return {};
}

Expected<SocketIndex> Lane::open_socket(const engine::PacketSocketSpec& spec) {
  const auto socket = first_->backend().open(spec);
  if (socket) first_->watch_input(*socket);
  return socket;
}

Expected<void> Lane::open_outputs(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    std::vector<SocketIndex> sockets;
    for (const Endpoint& output : rule.outputs) {
      const auto socket = sending().backend().open(
          engine::SendSocketSpec{.destination = output.group,
                                 .port = output.port,
                                 .interface = output.interface,
                                 .source = output.source,
                                 .hops = options_.hops,
                                 .dscp = 0,
                                 .send_buffer_bytes = options_.send_buffer_bytes});
      if (!socket) return std::unexpected(socket.error());
      sockets.push_back(*socket);
    }
    const auto first = open_route(rule, sockets);
    if (!first) return std::unexpected(first.error());
    engine::OutputIndex index = *first;
    for (std::size_t output = 0; output < rule.outputs.size(); ++output) {
      sending().watch(index);
      index = sending().stage().egress().next(index);
    }
  }
  return {};
}

/// Returns the first of the rule's outputs.
Expected<engine::OutputIndex> Lane::open_route(const Rule& rule,
                                               std::span<const SocketIndex> sockets) {
  const auto refused = [&rule](engine::CommandError error) {
    return failure(fmt::format("rule \"{}\": {}", rule.name, engine::name(error)));
  };
  const auto first = sending().stage().add_outputs(sockets);
  if (!first) return refused(first.error());
  const auto input = std::ranges::find(inputs_, rule.input.interface, &Input::interface);
  const auto route = first_->stage().add_route(
      {rule.input.source, rule.input.group, input->index, rule.input.port}, *first);
  if (!route) return refused(route.error());
  return *first;
}

std::vector<flight::TrackPlan> Lane::flight_plans() const {
  std::vector<flight::TrackPlan> plans{first_->flight_plan()};
  if (second_) plans.push_back(second_->flight_plan());
  for (flight::TrackPlan& plan : plans) plan.lane = share_.index;
  return plans;
}

void Lane::record_flight(FlightLog& log, std::size_t first_recorder) {
  first_->record_flight(log.recorder(first_recorder));
  if (second_) second_->record_flight(log.recorder(first_recorder + 1));
}

/// open() of the relay has seen that the cores are there.
void Lane::run_on_core(std::size_t thread) {
  const std::size_t place = std::size_t{share_.index} * options_.threads + thread;
  if (place < options_.cores.size()) static_cast<void>(pin_to_core(options_.cores[place]));
}

void Lane::run(const Worker::Attend& attend) {
  std::jthread sender;
  if (second_) {
    sender = std::jthread([this] {
      run_on_core(1);
      second_->run();
    });
  }
  run_on_core(0);
  try {
    first_->run([&](Instant now) {
      const Instant next = attend ? attend(now) : engine::kNever;
      return mode_switch_ ? std::min(next, mode_switch_->attend(now)) : next;
    });
  } catch (...) {  // out of `attend`: the other thread must not be waited for for ever
    if (second_) second_->command(Command::give_up);
    throw;
  }
  // All regions are back, so that nothing but a cancel can be open there; or it was told to give
  // up.
  if (second_ && !second_->wait_until_ended(options_.drain)) second_->command(Command::give_up);
}

void Lane::give_up() {
  sending().command(Command::give_up);
  first_->command(Command::give_up);
}

bool Lane::wait_until_ended(engine::Duration longest) { return first_->wait_until_ended(longest); }

void Lane::publish_every(engine::Duration interval) {
  if (second_) second_->publish_every(interval);
  if (share_.index > 0) first_->publish_every(interval);
}

void Lane::add_to(RelayReport& report, bool is_own_thread) {
  // In this order nothing has been sent that is not counted as received.
  const WorkerCounts sent = second_ ? second_->counts() : WorkerCounts{};
  if (is_own_thread) first_->publish();
  const WorkerCounts in = first_->counts();
  const WorkerCounts& out = second_ ? sent : in;
  report.ingress += in.ingress;
  report.kernel_drops += in.kernel_drops;
  report.regions_outstanding += in.held;
  report.turns += out.turns;
  report.laws_hold = report.laws_hold && in.laws_hold && out.laws_hold;
  if (second_) {
    const bool both_stopped = in.is_stopped && out.is_stopped;
    report.laws_hold =
        report.laws_hold &&
        (both_stopped ? in.crossed == out.crossed && out.held == 0 : out.crossed <= in.crossed);
  }
  if (out.census) report.census = out.census;
  for (std::size_t index = 0; index < out.outputs.size(); ++index) {
    report.outputs[index].counters += out.outputs[index].counters;
    report.outputs[index].pending += out.outputs[index].pending;
  }
  report.mode = mode_switch_                 ? mode_switch_->mode()
                : plan_ == IngressPlan::ring ? IngressMode::throughput
                                             : IngressMode::latency;
  report.mode_switches = mode_switch_ ? mode_switch_->switches() : 0;
  report.forced_switches = mode_switch_ ? mode_switch_->forced() : 0;
}

}  // namespace reprise::daemon
