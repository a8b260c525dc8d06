// A stage: ingress and egress in one for one thread, or one of the two, as half of a pipeline.
//
// It is a value (flat.hpp): no clock, no system call, no allocation after start. Inputs of a step
// are completions, commands and what crosses between the two halves; its outputs are the list of
// submissions that outgoing() shows, and what it hands over or gives back.
//
// A stage lives in a Flat<Stage>, made from a StageConfig that check() accepts.
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "reprise/engine/egress.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/ingress.hpp"
#include "reprise/engine/ledger.hpp"
#include "reprise/engine/route.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/engine/submission_list.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

/// Why a command was not carried out. Nothing has changed then.
enum class CommandError : std::uint8_t {
  inputs_exhausted,
  routes_exhausted_or_known,  ///< rules_max reached, or the same input is routed already
  outputs_exhausted,          ///< outputs_max reached, or no output given
  no_such_route,
};
const char* name(CommandError error);

class Stage {
 public:
  void place(FlatLayout& layout, const StageConfig& config);
  void start(const StageConfig& config);
  /// Token slots that a stage uses: 0 to below this.
  [[nodiscard]] static std::uint32_t slot_count(const StageConfig& config) {
    return Ingress::slot_count(config) + Egress::slot_count(config);
  }

  // Commands. Between two phases, at any time.

  /// Unified, ingress.
  std::expected<InputIndex, CommandError> add_input(const InputSpec& spec);
  std::expected<InputIndex, CommandError> add_input(SocketIndex socket) {
    return add_input(InputSpec{.socket = socket});
  }
  /// Unified, ingress: see N6 of ingress.hpp.
  void pause_input(InputIndex input) { ingress_.pause(input); }
  void resume_input(InputIndex input) { ingress_.resume(input); }
  /// Unified: from the next step on, datagrams that match `key` are sent once on each of `outputs`,
  /// whose sockets are open.
  std::expected<RouteIndex, CommandError> add_route(const RouteKey& key,
                                                    std::span<const SocketIndex> outputs);
  /// Egress: outputs for one route of its peer. Their list's head is what the peer routes to.
  std::expected<OutputIndex, CommandError> add_outputs(std::span<const SocketIndex> outputs);
  /// Ingress: routes to a list of outputs that its peer has.
  std::expected<RouteIndex, CommandError> add_route(const RouteKey& key, OutputIndex first_output);
  /// Unified, ingress: no further datagram matches; what was accepted is still sent. The sockets
  /// appear in the closable() of the stage that sends when they are idle.
  std::expected<void, CommandError> remove_route(RouteIndex route);
  /// Unified, ingress: receives nothing more; what was accepted is still sent. Ends in
  /// is_stopped(); an egress stage stops after its peer.
  void stop();
  /// Unified after stop(), egress: drops what still waits, counted as `stopped`.
  void abandon();

  // A turn's parts, called by the runner.

  /// Fills outgoing(), when the backend has taken all of it.
  void prepare(const PacketMemory& memory);
  [[nodiscard]] SubmissionView outgoing() const { return list_.view(); }
  void taken(std::uint32_t count) { list_.taken(count); }
  /// Datagrams that a reap() may take out of packet rings.
  [[nodiscard]] std::uint32_t ring_room() const;
  /// Takes in what was reaped. Frames' bytes are read during the call only.
  void complete(const CompletionBatch& batch, const PacketMemory& memory);

  /// Ingress: what is to be handed over; all of it, and then handed_over().
  [[nodiscard]] std::span<const WorkItem> handing_over() const { return accepted_.all(); }
  void handed_over();
  /// Ingress: regions that came back.
  void take_back(std::span<const ReturnItem> returns);
  /// Egress: how many items may be drained now.
  [[nodiscard]] std::uint32_t drain_room() const;
  /// Egress: items that were handed over, at most drain_room() of them.
  void take_over(std::span<const WorkItem> items);
  /// Egress: a region to give back, while there is one.
  [[nodiscard]] bool has_returns() const { return ledger_.free_count() > 0; }
  ReturnItem give_back() { return ledger_.give_back(); }

  // State.

  [[nodiscard]] Role role() const { return role_; }
  /// Whether there is something to do without a further completion or item.
  [[nodiscard]] bool has_work() const;
  /// Ingress: whether it soon can only go on when regions come back, so that it wants to be woken
  /// for them.
  [[nodiscard]] bool needs_returns() const;
  [[nodiscard]] bool is_stopped() const;
  /// Sends prepared or in flight.
  [[nodiscard]] std::uint32_t sends_open() const { return egress_.sends_open(); }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const Egress& egress() const { return egress_; }
  [[nodiscard]] const RouteTable& routes() const { return routes_; }
  [[nodiscard]] const IngressCounters& ingress_counters() const { return ingress_.counters(); }
  [[nodiscard]] std::uint64_t input_frames(InputIndex input) const {
    return ingress_.frames(input);
  }
  [[nodiscard]] OutputCounters output_total() const { return egress_.total(); }
  /// Datagrams handed over, or taken over.
  [[nodiscard]] std::uint64_t crossed() const { return crossed_; }
  FlatList<SocketIndex>& closable() { return egress_.closable(); }
  /// Lines that a relay with this logging has to have written by now. Telemetry.
  [[nodiscard]] std::uint64_t log_lines() const;
  /// The ledger's conservation and the counters' laws, by looking at everything. For tests and
  /// checks.
  [[nodiscard]] bool laws_hold() const;

 private:
  void end_when_idle();
  [[nodiscard]] std::uint32_t acceptance_room() const;

  Ledger ledger_;
  RouteTable routes_;
  Ingress ingress_;
  Egress egress_;
  SubmissionList list_;
  FlatList<WorkItem> accepted_;  ///< of the completions at hand; ingress: until handed over
  std::uint64_t crossed_ = 0;
  Role role_ = Role::unified;
  Drain drain_ = Drain::batch;
  LogLines log_lines_ = LogLines::none;
  std::uint32_t batch_ = 0;
  std::uint32_t items_max_ = 0;
  std::uint32_t intake_ = 0;     ///< 0: no rings
  std::uint32_t items_out_ = 0;  ///< ingress: datagrams between acceptance and return
  std::uint32_t stopping_ = 0;
  std::uint32_t ended_ = 0;  ///< ingress: the end was handed over; egress: it came
  std::uint32_t abandoned_ = 0;
};

}  // namespace reprise::engine
