// Egress: from accepted datagrams to sends, and from their completions to released regions.
//
// A datagram waits in the backlog until a batch takes it; then each output of its route gets a send
// of its own, which holds a reference on the region until it has ended.
//
//   E1  Order. One output's sends of a batch form one linked chain, and it has one chain at a time:
//       the next begins when the last has been reaped. So none overtakes another, and one that was
//       refused can be tried again in its place. Not so with the hazard send_order = unlinked.
//       Datagrams of one flow and length that a batch has for an output leave in one segmented
//       send, where segments_max allows it; no flow is reordered, and none waits for more to come.
//       So where a flow has another send behind a segmented one, the links are more than order.
//   E2  What comes for a blocked output waits in its bounded queue until the socket is writable, or
//       is dropped as queue_full. New datagrams take at most half the pool in all queues together;
//       a refused chain comes back on top of that.
//   E3  Queued datagrams leave before newer ones of the same output.
//   E4  Queued datagrams use half a batch, rounded up, while the backlog has some.
//   E5  Every assigned datagram is sent, dropped with a reason, or pending.
//   E6  What waits in a queue lies in a buffer: out of a block of a packet ring it is copied to a
//       free one, or dropped as queue_full. So a block is held no longer than a batch takes.
//   E7  A segmented send that is refused as such is tried again datagram by datagram, and its
//       output sends segments of that size no more. An ICMP refusal, which an earlier datagram
//       brought on, drops its first datagram alone.
#pragma once

#include <cstdint>
#include <span>

#include "reprise/engine/backlog.hpp"
#include "reprise/engine/counters.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/ledger.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/engine/submission_list.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

class Egress {
 public:
  /// `first_slot`: where this part's token slots begin.
  void place(FlatLayout& layout, const StageConfig& config);
  void start(const StageConfig& config, std::uint32_t first_slot);
  [[nodiscard]] static std::uint32_t slot_count(const StageConfig& config);

  // Commands.

  /// Links outputs for the sockets into one list and returns its head; kNoOutput when too few are
  /// free.
  OutputIndex add_outputs(std::span<const SocketIndex> sockets);
  /// Drops everything that waits, with the reason `stopped`, and cancels waits. From here on a send
  /// that finds no room is dropped so too. May be called again.
  void abandon(Ledger& ledger);

  // Steps.

  /// Datagrams that the backlog has room for.
  [[nodiscard]] std::uint32_t room() const { return datagrams_max_ - backlog_size(); }
  /// A datagram, for which there is room; or a removal: as soon as nothing before it waits, the
  /// sockets of its outputs appear in closable() when each runs empty.
  void push(const WorkItem& item);
  /// The same for datagrams only.
  void push_datagrams(std::span<const WorkItem> items);
  /// Adds up to a batch of sends, and waits for blocked outputs.
  void prepare(SubmissionList& list, Ledger& ledger, const PacketMemory& memory);
  [[nodiscard]] bool owns_slot(std::uint32_t slot) const { return slot >= first_slot_; }
  void complete(const Completion& completion, Ledger& ledger, const PacketMemory& memory);

  // State.

  /// Whether prepare() would add something.
  [[nodiscard]] bool has_work() const;
  /// Datagrams in the backlog.
  [[nodiscard]] std::uint32_t backlog_size() const { return backlog_.size() - removals_; }
  /// Datagrams in the queues of blocked outputs.
  [[nodiscard]] std::uint32_t queued() const { return queued_total_; }
  /// Bytes that the backlog has moved (hazard erase_front). Telemetry.
  [[nodiscard]] std::uint64_t moved_bytes() const { return backlog_.moved_bytes(); }
  /// Sends prepared or in flight.
  [[nodiscard]] std::uint32_t sends_open() const {
    return operations_.size() - free_operations_.size();
  }
  /// Waits for writable sockets, and cancels of these.
  [[nodiscard]] std::uint32_t waits_open() const { return waits_armed_ + cancels_open_; }
  /// Nothing waits, nothing is open.
  [[nodiscard]] bool is_idle() const;
  /// Sockets of removed outputs that may be closed now. The caller closes and clears them.
  FlatList<SocketIndex>& closable() { return closable_; }

  [[nodiscard]] const OutputCounters& counters(OutputIndex output) const;
  /// Sum over all outputs, removed ones included.
  [[nodiscard]] OutputCounters total() const;
  [[nodiscard]] OutputIndex next(OutputIndex output) const { return at(output).next; }
  [[nodiscard]] std::uint32_t pending(OutputIndex output) const;
  /// Its socket had no room, and is not writable yet.
  [[nodiscard]] bool is_blocked(OutputIndex output) const { return at(output).is_blocked(); }
  [[nodiscard]] std::uint64_t expanded() const { return expanded_; }
  /// Sends that ended ok since start.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Datagrams pushed since start.
  [[nodiscard]] std::uint64_t pushed() const { return pushed_; }
  /// C2 and C3 for every output.
  [[nodiscard]] bool laws_hold() const;

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  /// A datagram on its way to one output: staged, in flight or queued.
  struct Node {
    Payload payload;
    std::uint32_t next = kNone;
  };
  struct NodeList {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t size = 0;
  };
  /// One send, of one datagram or of several that are segments of it.
  struct SendOperation {
    NodeList datagrams;
    OutputIndex output = kNoOutput;
    std::uint32_t generation = 0;  ///< of the token
    std::uint32_t next = 0;        ///< in the chain that is being staged
    std::uint32_t payload_bytes = 0;
    std::uint16_t segment_bytes = 0;
    FlowTag flow = 0;
    std::uint32_t takes_more = 0;  ///< another segment may join it
  };
  enum class OutputState : std::uint32_t { free, active, removed };
  /// For "writable"; where it is not none, the output is blocked (E2).
  enum class Wait : std::uint32_t { none, due, armed, cancelling };
  struct Output {
    SocketIndex socket = kNoSocket;
    OutputIndex next = kNoOutput;  ///< of the same route, or in the free list
    OutputState state = OutputState::free;
    Wait wait = Wait::none;
    std::uint32_t wait_generation = 0;
    std::uint32_t ready = 0;      ///< is in ready_
    std::uint32_t in_flight = 0;  ///< datagrams staged, prepared or in flight
    std::uint32_t sends = 0;      ///< the same in operations
    NodeList queue;
    std::uint32_t returned_last = kNone;  ///< of those of the chain that were put back, the newest
    std::uint32_t staged_first = 0;       ///< operations of the batch that is being prepared
    std::uint32_t staged_last = 0;
    std::uint32_t staged_sends = 0;
    std::uint32_t staged_datagrams = 0;
    /// Some flow has a further send behind a segmented one, which may come back in parts: that one
    /// must not leave then.
    std::uint32_t needs_links = 0;
    std::uint32_t segment_bytes_max = 0xffff;  ///< E7
    [[nodiscard]] bool is_blocked() const { return wait != Wait::none; }
    /// Sends of an earlier batch have not been reaped.
    [[nodiscard]] bool has_chain() const { return sends > staged_sends; }
  };

  [[nodiscard]] Output& at(OutputIndex output) {
    return outputs_[static_cast<std::uint32_t>(output)];
  }
  [[nodiscard]] const Output& at(OutputIndex output) const {
    return outputs_[static_cast<std::uint32_t>(output)];
  }
  /// The next chain has to wait for the last one (E1).
  [[nodiscard]] bool holds_back(const Output& output) const {
    return linked_ != 0 && output.has_chain();
  }
  /// Its chain and its queue fill the places that it has; they are kept in case the chain comes
  /// back.
  [[nodiscard]] bool is_full(const Output& output) const {
    return output.queue.size + output.staged_datagrams >= queue_capacity_;
  }
  [[nodiscard]] OutputCounters& counters_of(OutputIndex output) {
    return counters_[static_cast<std::uint32_t>(output)];
  }
  [[nodiscard]] std::uint32_t wait_slot(OutputIndex output) const {
    return first_slot_ + static_cast<std::uint32_t>(output);
  }
  [[nodiscard]] std::uint32_t cancel_slot(OutputIndex output) const {
    return wait_slot(output) + outputs_.size();
  }
  [[nodiscard]] std::uint32_t send_slot(std::uint32_t operation) const {
    return first_slot_ + 2 * outputs_.size() + operation;
  }

  // Preparing.
  std::uint32_t take_queued(std::uint32_t room);
  void take_backlog(std::uint32_t room, Ledger& ledger, const PacketMemory& memory);
  void finish_front(Ledger& ledger);
  void settle_removals();
  void remove_outputs(OutputIndex first);
  void enqueue(OutputIndex output, const Payload& payload, Ledger& ledger,
               const PacketMemory& memory);
  [[nodiscard]] std::uint32_t find_send(OutputIndex output, const Payload& payload) const;
  void open_send(OutputIndex output, std::uint32_t node);
  void join_send(std::uint32_t operation, std::uint32_t node);
  void extend_send(std::uint32_t operation);
  void add_chains(SubmissionList& list);
  void add_send(SubmissionList& list, std::uint32_t slot, const Output& output, bool is_last);
  void add_waits(SubmissionList& list);

  // Completing.
  void complete_send(std::uint32_t operation, const Completion& completion, Ledger& ledger,
                     const PacketMemory& memory);
  void complete_wait(OutputIndex output, const Completion& completion);
  void put_back(OutputIndex output, NodeList datagrams, Ledger& ledger, const PacketMemory& memory);
  void put_back(OutputIndex output, std::uint32_t node);
  void release(const NodeList& datagrams, Ledger& ledger);
  bool bring_into_buffer(Payload& payload, Ledger& ledger, const PacketMemory& memory) const;
  void count_drop(OutputIndex output, EgressDrop reason, std::uint32_t datagrams = 1);
  void mark_ready(OutputIndex output);
  void retire_if_empty(OutputIndex output);

  // Nodes.
  std::uint32_t take_node(const Payload& payload);
  void give_back_node(std::uint32_t node);
  void append(NodeList& list, std::uint32_t node);
  std::uint32_t pop_queued(OutputIndex output);

  Backlog backlog_;
  FlatArray<SendOperation> operations_;
  FlatList<std::uint32_t> free_operations_;
  FlatArray<Output> outputs_;
  FlatArray<Node> nodes_;
  FlatQueue<OutputIndex> ready_;     ///< outputs with queued datagrams that may leave
  FlatList<OutputIndex> touched_;    ///< outputs with staged sends, in order of first use
  FlatList<OutputIndex> to_wait_;    ///< blocked outputs whose wait is not armed yet
  FlatList<OutputIndex> to_cancel_;  ///< outputs whose wait is to be cancelled
  FlatList<SocketIndex> closable_;
  FlatArray<OutputCounters> counters_;
  /// The newest staged send of each flow and output, by hash; used while a batch is staged.
  FlatArray<std::uint32_t> newest_sends_;
  OutputCounters retired_{};  ///< of outputs whose slot was used again
  std::uint64_t sent_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint64_t expanded_ = 0;
  OutputIndex first_free_ = kNoOutput;
  /// Next output of the datagram at the front, when a batch ended inside it.
  OutputIndex cursor_ = kNoOutput;
  std::uint32_t first_free_node_ = kNone;
  std::uint32_t first_slot_ = 0;
  std::uint32_t batch_ = 0;
  std::uint32_t datagrams_max_ = 0;
  std::uint32_t segments_max_ = 1;
  std::uint32_t segmented_bytes_max_ = 0;
  std::uint32_t removals_ = 0;  ///< in the backlog
  std::uint32_t linked_ = 0;
  std::uint32_t queue_capacity_ = 0;
  std::uint32_t queued_total_ = 0;
  std::uint32_t queued_max_ = 0;
  std::uint32_t waits_armed_ = 0;
  std::uint32_t cancels_open_ = 0;
  std::uint32_t abandoned_ = 0;
};

}  // namespace reprise::engine
