#include "reprise/sim/turn_world.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {

using engine::CompletionBatch;
using engine::Instant;
using engine::Phase;
using engine::RegionIndex;
using engine::Role;

namespace {

constexpr std::uint32_t kPayloadBytes = kTagBytes;
constexpr RingIndex kRing{0};
constexpr std::uint32_t kWaitingMax = 64;  ///< datagrams in the packet socket
constexpr CostProfile kCosts;              ///< nothing here takes time

KernelConfig kernel_config(const TurnWorldConfig& config) {
  const engine::StageConfig& stage = config.stage;
  KernelConfig kernel;
  kernel.profile.task_run = TaskRun::plain;
  RingConfig& ring = kernel.rings.front();
  ring.submissions_max = stage.submissions_max;
  ring.completions_max = 1U << 16;
  ring.operations_max = stage.sends_max + 2 * stage.outputs_max + 4;
  ring.posted_max = stage.region_count() + ring.operations_max;
  kernel.packet_sockets.front().buffer_bytes = kWaitingMax * buffer_bytes(kPayloadBytes);
  LinkConfig link;
  link.queue = stage.submissions_max + 1;
  kernel.links.assign(config.fan_out, link);
  for (std::uint32_t output = 0; output < config.fan_out; ++output) {
    SendSocketConfig socket;
    socket.link = output;
    socket.buffer_bytes = 1U << 30;  // T3: no send is refused
    kernel.send_sockets.push_back(socket);
  }
  kernel.headers = {make_header(0, 0, kPayloadBytes)};
  kernel.regions = stage.region_count();
  kernel.region_bytes = stage.region_bytes;
  return kernel;
}

std::uint32_t index_of(RegionIndex region) { return static_cast<std::uint32_t>(region); }

}  // namespace

/// The simulated kernel's ring, whose completions of sends may become visible later (T3).
class TurnBackend final : public engine::Backend {
 public:
  TurnBackend(TurnWorld& world, Choices& choices)
      : world_(&world),
        state_(&*world.state_),
        ring_(state_->kernel, kRing, choices, kCosts, Instant{}, detail_) {}

  std::uint32_t prepare(engine::SubmissionView view) override {
    detail_.clear();
    const std::uint32_t taken = ring_.prepare(view);
    for (const engine::Submission& submission : view.submissions.first(taken)) {
      if (submission.operation == engine::Operation::receive) state_->receives = 1;
    }
    for (const PhaseDetail::PreparedSend& send : detail_.prepared) {
      state_->sends[send.slot] = {send.region, Place::prepared};
    }
    return taken;
  }
  engine::SubmitResult submit() override {
    detail_.clear();
    const engine::SubmitResult result = ring_.submit();
    // What was sent leaves at once, so that no send buffer and no queue fills.
    for (std::uint32_t link = 0; link < state_->kernel.link_count(); ++link) {
      while (state_->kernel.next_link_instant(link) != engine::kNever)
        state_->kernel.step_link(link);
    }
    world_->make_visible();
    return result;
  }
  engine::SubmitResult submit_and_wait(std::uint32_t count, Instant) override {
    const engine::SubmitResult result = submit();
    if (count == 0 || !state_->visible.empty()) return result;
    for (std::uint32_t place = 0; place < state_->withheld.size(); ++place) {
      state_->withheld[place].turn_ends_left = 0;
    }
    world_->make_visible();
    return result;
  }
  std::uint32_t reap(CompletionBatch& batch) override {
    batch.clear();
    std::uint32_t count = 0;
    for (; !state_->visible.empty() && batch.has_room(1); ++count) {
      const Posted posted = state_->visible.pop();
      engine::Completion& completion = batch.push();
      completion.token = posted.token;
      completion.outcome = posted.outcome;
      completion.errno_value = posted.errno_value;
      completion.more = posted.more != 0;
      completion.result_bytes = posted.result_bytes;
      completion.region = posted.region;
      Send& send = state_->sends[posted.token.slot];
      if (send.place != Place::free) {
        send = Send{};
      } else if (!completion.more) {
        state_->receives = 0;
      }
      if (posted.region == engine::kNoRegion) continue;
      engine::Frame& frame = batch.push_frame();
      frame.original_bytes = frame.captured_bytes = kHeaderBytes + posted.packet.payload_bytes;
      frame.checksum = engine::ChecksumState::partial;
      frame.type = engine::PacketType::multicast;
    }
    return count;
  }
  [[nodiscard]] Instant now() const override { return Instant{}; }
  void wake() override {}
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override {
    return ring_.register_memory(spec);
  }
  engine::Expected<void> use_memory(const engine::PacketMemory& memory) override {
    return ring_.use_memory(memory);
  }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec& spec) override {
    return ring_.open(spec);
  }
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec& spec) override {
    return ring_.open(spec);
  }
  engine::Expected<engine::SocketIndex> adopt(int descriptor) override {
    return ring_.adopt(descriptor);
  }
  void close(engine::SocketIndex) override {}
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) override {
    return ring_.statistics(socket);
  }
  [[nodiscard]] engine::Limits limits() const override { return ring_.limits(); }

 private:
  using Send = TurnWorld::Send;
  TurnWorld* world_;
  TurnWorld::State* state_;
  PhaseDetail detail_;
  KernelBackend ring_;
};

std::vector<engine::Error> check(const TurnWorldConfig& config) {
  std::vector<engine::Error> findings = engine::check(config.stage);
  const auto expect = [&findings](bool holds, std::string_view field, std::string_view value,
                                  std::string_view expected) {
    if (holds) return;
    findings.push_back(engine::Error{std::string(field) + " = " + std::string(value) +
                                     ": expected " + std::string(expected)});
  };
  const engine::StageConfig& stage = config.stage;
  expect(stage.role != Role::ingress, "role", name(stage.role), "unified or egress");
  expect(stage.role != Role::egress || stage.exhaustion == engine::Exhaustion::wait, "exhaustion",
         name(stage.exhaustion), "wait where the role is egress");
  expect(stage.wake_up == engine::WakeUp::spin, "wake_up", name(stage.wake_up), "spin");
  expect(stage.blocks == 0, "blocks", std::to_string(stage.blocks), "0");
  expect(stage.segments_max == 1, "segments_max", std::to_string(stage.segments_max), "1");
  expect(config.fan_out >= 1 && config.fan_out <= stage.outputs_max, "fan_out",
         std::to_string(config.fan_out), "1 to outputs_max");
  expect(config.burst >= 1, "burst", std::to_string(config.burst), "at least 1");
  expect(config.rate <= config.burst, "rate", std::to_string(config.rate), "at most burst");
  return findings;
}

void TurnWorld::State::place(engine::FlatLayout& layout, const TurnWorldConfig& config) {
  stage.place(layout, config.stage);
  kernel.place(layout, kernel_config(config));
  hand_off.place(layout, config.stage);
  layout.place(free, config.stage.pool);
  // As many as the kernel's own completion queue holds.
  layout.place(visible, kernel_config(config).rings.front().posted_max);
  layout.place(withheld, config.stage.sends_max);
  layout.place(sends, engine::Stage::slot_count(config.stage));
}

void TurnWorld::State::start(const TurnWorldConfig& config) {
  stage.start(config.stage);
  runner = engine::Runner(config.stage);
  kernel.start(kernel_config(config));
  std::vector<engine::SocketIndex> sockets;
  sockets.reserve(config.fan_out);
  for (std::uint32_t output = 0; output < config.fan_out; ++output) {
    sockets.push_back(engine::SocketIndex{1 + output});
  }
  first_output = *stage.add_outputs(sockets);
  if (config.stage.role == Role::egress) {
    for (std::uint32_t index = 0; index < config.stage.pool; ++index) free.push(RegionIndex{index});
    return;
  }
  const auto input = stage.add_input(engine::SocketIndex{0});
  REPRISE_ASSERT(input.has_value());
  const engine::RouteKey key{{}, group_of(0, 0), *input, kPort};
  REPRISE_ASSERT(stage.add_route(key, first_output).has_value());
}

TurnWorld::TurnWorld(std::shared_ptr<const TurnWorldConfig> config)
    : config_(std::move(config)), state_(*config_) {
  if (config_->stage.role == Role::unified) {
    // Without tokens nothing arrives, while the regions are provided and the receive is armed.
    Listed nothing{std::span<const std::uint32_t>{}};
    while (turns() < 2 || !begins_turn()) {
      step(nothing);
      state_->tokens = 0;
    }
  }
  state_->turns = 0;
  state_->tokens = config_->burst;
}

// Stepping.

std::uint32_t TurnWorld::arrivals_max() const {
  if (config_->arrival_times == ArrivalTimes::between_turns && !begins_turn()) return 0;
  return state_->tokens;
}

TurnStep TurnWorld::step(Choices& choices) {
  TurnStep done;
  done.begins_turn = begins_turn();
  const std::uint64_t refused_before = state_->refused;
  done.arrived = choices.pick(Site::arrivals, arrivals_max() + 1);
  for (std::uint32_t count = done.arrived; count > 0; --count) arrive();
  if (done.arrived > 0) done.after_arrivals = census();
  if (done.begins_turn) {
    ++state_->turns;
    state_->tokens = std::min(config_->burst, state_->tokens + config_->rate);
  }
  done.phase = run_phase(choices);
  if (begins_turn()) end_turn();
  done.refused = static_cast<std::uint32_t>(state_->refused - refused_before);
  done.turn = state_->turns;
  return done;
}

void TurnWorld::arrive() {
  REPRISE_ASSERT(state_->tokens > 0);
  --state_->tokens;
  ++state_->arrived;
  if (config_->stage.role == Role::egress) {
    arrive_for_egress();
  } else {
    arrive_for_unified();
  }
}

void TurnWorld::arrive_for_egress() {
  State& state = *state_;
  while (!state.hand_off.returns.empty()) state.free.push(state.hand_off.returns.pop().region);
  if (state.free.empty()) {
    ++state.refused;
    return;
  }
  const engine::Payload payload{
      .region = state.free.pop(), .offset_bytes = kHeaderBytes, .length_bytes = kPayloadBytes};
  state.hand_off.items.push({payload, state.first_output});
}

void TurnWorld::arrive_for_unified() {
  State& state = *state_;
  const std::uint32_t empty = state.stage.ledger().kernel_count() - unread_receives();
  const bool finds_none = empty <= state.kernel.socket_backlog();
  if (config_->stage.exhaustion == engine::Exhaustion::wait) {
    if (finds_none) ++state.refused;
  } else {
    REPRISE_ASSERT(!finds_none);  // landing is ample; what is refused is refused at the reap
  }
  Packet packet;
  packet.sequence = state.arrived;
  packet.payload_bytes = kPayloadBytes;
  state.kernel.arrive(engine::SocketIndex{0}, packet);
  Listed no_choices{{}};
  PhaseDetail detail;
  KernelBackend(state.kernel, kRing, no_choices, kCosts, Instant{}, detail).run_task_work();
  make_visible();
}

engine::Phase TurnWorld::run_phase(Choices& choices) {
  State& state = *state_;
  constexpr auto kNoBuffer = static_cast<std::size_t>(engine::IngressDrop::no_buffer);
  const std::uint64_t dropped_before = state.stage.ingress_counters().dropped[kNoBuffer];
  TurnBackend backend(*this, choices);
  PhaseDetail detail;
  SimHandOff hand_off(state.hand_off, kCosts, detail);
  CompletionBatch batch(state.visible.capacity(), state.visible.capacity());
  const engine::PacketMemory memory = state.kernel.memory();
  const engine::Next next = state.runner.step(state.stage, {backend, batch, memory, &hand_off});
  state.refused += state.stage.ingress_counters().dropped[kNoBuffer] - dropped_before;
  const Phase phase = state.runner.last_phase();
  state.waits = next.kind == engine::Next::Kind::wait ? 1 : 0;
  if (state.waits != 0) {
    // T4: only a wait inside the turn lasts until something is there.
    backend.submit_and_wait(phase == Phase::await_sends ? next.completions : 0, engine::kNever);
  }
  return phase;
}

void TurnWorld::end_turn() {
  for (std::uint32_t place = 0; place < state_->withheld.size(); ++place) {
    --state_->withheld[place].turn_ends_left;
  }
  make_visible();
}

/// Takes what the kernel posted; sends wait for their turn-ends.
void TurnWorld::make_visible() {
  State& state = *state_;
  const auto show = [&state](const Posted& posted, Place place) {
    Send& send = state.sends[posted.token.slot];
    if (send.place != Place::free) send.place = place;
  };
  while (!state.withheld.empty() && state.withheld[0].turn_ends_left == 0) {
    state.visible.push(state.withheld.pop().posted);
    show(state.visible[state.visible.size() - 1], Place::completed);
  }
  while (state.kernel.completion_count(kRing) > 0) {
    const Posted posted = state.kernel.reap(kRing);
    const bool is_send = state.sends[posted.token.slot].place != Place::free;
    if (is_send && config_->delay_turns > 0) {
      state.withheld.push({posted, config_->delay_turns});
      show(posted, Place::in_flight);
    } else {
      state.visible.push(posted);
      show(posted, Place::completed);
    }
  }
}

// State.

std::uint32_t TurnWorld::unread_receives() const {
  std::uint32_t count = 0;
  for (std::uint32_t place = 0; place < state_->visible.size(); ++place) {
    if (state_->visible[place].region != engine::kNoRegion) ++count;
  }
  return count;
}

PlaceCounts TurnWorld::census() const {
  const State& state = *state_;
  const engine::Ledger& ledger = state.stage.ledger();
  PlaceCounts counts{};
  const auto count = [&counts](Place place) -> std::uint32_t& {
    return counts[static_cast<std::size_t>(place)];
  };
  if (config_->stage.role == Role::egress) {
    count(Place::free) = state.free.size();
    count(Place::hand_off) = state.hand_off.items.size();
    count(Place::released) = ledger.free_count();
    count(Place::return_queue) = state.hand_off.returns.size();
  } else {
    count(Place::free) = ledger.free_count();
    count(Place::received) = unread_receives();
    count(Place::provided) = ledger.kernel_count() - unread_receives();
  }
  std::vector<std::uint32_t> sends(ledger.size(), 0);
  std::vector<Place> places(ledger.size(), Place::completed);
  for (const Send& send : state.sends.all()) {
    if (send.place == Place::free) continue;
    ++sends[index_of(send.region)];
    places[index_of(send.region)] = std::min(places[index_of(send.region)], send.place);
  }
  for (std::uint32_t index = 0; index < ledger.size(); ++index) {
    const RegionIndex region{index};
    if (ledger.owner(region) != engine::Owner::held) continue;
    const bool waits = ledger.references(region) > sends[index];
    ++count(waits ? Place::egress_queue : places[index]);
  }
  return counts;
}

bool TurnWorld::laws_hold() const {
  if (!state_->stage.laws_hold()) return false;
  std::uint32_t buffers = 0;
  for (const std::uint32_t count : census()) buffers += count;
  return buffers == config_->stage.region_count();
}

std::vector<std::uint32_t> TurnWorld::key() const {
  const State& state = *state_;
  const engine::Egress& egress = state.stage.egress();
  const PlaceCounts counts = census();
  std::vector<std::uint32_t> key(counts.begin(), counts.end());
  key.insert(key.end(),
             {static_cast<std::uint32_t>(state.runner.phase()),
              static_cast<std::uint32_t>(state.runner.last_phase()), state.receives, state.waits,
              state.tokens, egress.backlog_size(), state.kernel.prepared_count(kRing),
              state.kernel.socket_backlog(), state.stage.has_work() ? 1U : 0U});
  for (std::uint32_t output = 0; output < config_->fan_out; ++output) {
    key.push_back(egress.pending(engine::OutputIndex{output}));
  }
  // Regions by number of first appearance; 0 and 1 tell what has none.
  std::vector<RegionIndex> known;
  const auto add = [&](const Posted& posted) {
    const Send& send = state.sends[posted.token.slot];
    if (send.place == Place::free) {
      key.push_back(posted.region == engine::kNoRegion ? 0 : 1);
      return;
    }
    const auto found = std::ranges::find(known, send.region);
    key.push_back(2 + static_cast<std::uint32_t>(found - known.begin()));
    if (found == known.end()) known.push_back(send.region);
  };
  for (std::uint32_t place = 0; place < state.visible.size(); ++place) add(state.visible[place]);
  for (std::uint32_t place = 0; place < state.withheld.size(); ++place) {
    add(state.withheld[place].posted);
    key.push_back(static_cast<std::uint32_t>(state.withheld[place].turn_ends_left));
  }
  for (const RegionIndex region : known) key.push_back(state.stage.ledger().references(region));
  // Of the others only how many references each has matters.
  std::vector<std::uint32_t> references;
  for (std::uint32_t index = 0; index < state.stage.ledger().size(); ++index) {
    if (std::ranges::find(known, RegionIndex{index}) != known.end()) continue;
    references.push_back(state.stage.ledger().references(RegionIndex{index}));
  }
  std::ranges::sort(references);
  key.insert(key.end(), references.begin(), references.end());
  return key;
}

}  // namespace reprise::sim
