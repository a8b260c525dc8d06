// The unified stage: ingress and egress in one, for one thread and one backend.
//
// It is a value (flat.hpp): no clock, no system call, no allocation after start. Inputs of a step
// are completions and commands; its output is the list of submissions that outgoing() shows.
//
// A stage lives in a Flat<UnifiedStage>, made from a StageConfig that check() accepts.
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

namespace reprise::engine {

/// Why a command was not carried out. Nothing has changed then.
enum class CommandError : std::uint8_t {
  inputs_exhausted,
  routes_exhausted_or_known,  ///< rules_max reached, or the same input is routed already
  outputs_exhausted,          ///< outputs_max reached, or no output given
  no_such_route,
};
const char* name(CommandError error);

class UnifiedStage {
 public:
  void place(FlatLayout& layout, const StageConfig& config);
  void start(const StageConfig& config);
  /// Token slots that a stage uses: 0 to below this.
  [[nodiscard]] static std::uint32_t slot_count(const StageConfig& config) {
    return Ingress::slot_count(config) + Egress::slot_count(config);
  }

  // Commands. Between two phases, at any time.

  std::expected<InputIndex, CommandError> add_input(SocketIndex socket);
  /// From the next step on, datagrams that match `key` are sent once on each of `outputs`, whose
  /// sockets are open.
  std::expected<RouteIndex, CommandError> add_route(const RouteKey& key,
                                                    std::span<const SocketIndex> outputs);
  /// No further datagram matches; what was accepted is still sent. The sockets appear in closable()
  /// when they are idle.
  std::expected<void, CommandError> remove_route(RouteIndex route);
  /// Receives nothing more; what was accepted is still sent. Ends in is_stopped().
  void stop();
  /// After stop(): drops what still waits, counted as `stopped`.
  void abandon();

  // A turn's parts, called by the runner.

  /// Fills outgoing(), when the backend has taken all of it.
  void prepare();
  [[nodiscard]] SubmissionView outgoing() const { return list_.view(); }
  void taken(std::uint32_t count) { list_.taken(count); }
  /// Takes in what was reaped. Frames' bytes are read during the call only.
  void complete(const CompletionBatch& batch, const PacketMemory& memory);

  // State.

  /// Whether there is something to prepare or hand over without a further completion.
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool is_stopped() const;
  /// Sends prepared or in flight.
  [[nodiscard]] std::uint32_t sends_open() const { return egress_.sends_open(); }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const Egress& egress() const { return egress_; }
  [[nodiscard]] const RouteTable& routes() const { return routes_; }
  [[nodiscard]] const IngressCounters& ingress_counters() const { return ingress_.counters(); }
  [[nodiscard]] OutputCounters output_total() const { return egress_.total(); }
  FlatList<SocketIndex>& closable() { return egress_.closable(); }
  /// The ledger's conservation and the counters' laws, by looking at everything. For tests and
  /// checks.
  [[nodiscard]] bool laws_hold() const;

 private:
  void free_drained_routes();

  Ledger ledger_;
  RouteTable routes_;
  Ingress ingress_;
  Egress egress_;
  SubmissionList list_;
  FlatList<RouteIndex> draining_;  ///< removed routes with datagrams in the backlog
  std::uint32_t stopping_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::engine
