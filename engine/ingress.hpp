// Ingress: from received frames to accepted datagrams, each matched to its route.
//
//   N1  Every received datagram is accepted or dropped with a reason (C1).
//   N2  A region whose frames were all dropped is free again at once.
//   N3  A receive is armed only while the kernel has regions; one that ended is armed again, unless
//       stopping.
//   N4  With exhaustion = drop, at most `pool` buffers are outstanding: what arrives beyond is
//       dropped as no_buffer.
//   N5  A block of a packet ring is held while its frames are read, however many completions that
//       takes, and given back as soon as no datagram in it is needed.
//   N6  A paused input receives nothing; what waits for it in the kernel stays there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "reprise/engine/counters.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/ledger.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/engine/plain_headers.hpp"
#include "reprise/engine/route.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/engine/submission_list.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

inline constexpr InputIndex kNoInput{0xffff'ffff};

struct InputSpec {
  SocketIndex socket = kNoSocket;
  bool has_ring = false;  ///< its socket has a packet ring
  bool is_paused = false;
  /// Its datagrams are matched to the routes of that input; kNoInput: to its own.
  InputIndex routes_of = kNoInput;
};

/// Where accepted datagrams go, and how many more of them there is room for behind it.
struct Accepted {
  FlatList<WorkItem>* items = nullptr;
  std::uint32_t room = 0;
};

class Ingress {
 public:
  void place(FlatLayout& layout, const StageConfig& config);
  void start(const StageConfig& config);
  [[nodiscard]] static std::uint32_t slot_count(const StageConfig& config) {
    return 2 * config.inputs_max;
  }

  /// Receives from a packet socket from the next prepare() on. kNoInput when all are in use.
  InputIndex add_input(const InputSpec& spec);
  /// N6. A ring is to be paused only when it is empty: what of a block was not read is lost.
  void pause(InputIndex input);
  void resume(InputIndex input);
  /// Cancels all receives; what still arrives is dropped as `stopping`.
  void stop();

  /// Gives free regions to the kernel and arms what is not armed.
  void prepare(SubmissionList& list, Ledger& ledger);
  /// Takes in the frames of one completion.
  void complete(const Completion& completion, std::span<const Frame> frames,
                const PacketMemory& memory, Ledger& ledger, const RouteTable& routes,
                Accepted& accepted);

  /// Whether prepare() would add something.
  [[nodiscard]] bool has_work(const Ledger& ledger) const;
  /// The kernel has few regions left of those it shall have.
  [[nodiscard]] bool is_short(const Ledger& ledger) const {
    return ledger.kernel_count() <= kernel_target() / 4;
  }
  /// No receive is armed, none is being cancelled.
  [[nodiscard]] bool is_idle() const {
    return armed_count_ == 0 && cancels_open_ == 0 && to_cancel_ == 0;
  }
  [[nodiscard]] const IngressCounters& counters() const { return counters_; }
  /// Frames that came from an input's socket.
  [[nodiscard]] std::uint64_t frames(InputIndex input) const {
    return inputs_[static_cast<std::uint32_t>(input)].frames;
  }
  [[nodiscard]] bool law_holds() const {
    return counters_.received == counters_.accepted + counters_.dropped_total();
  }

 private:
  enum class InputState : std::uint32_t { unused, idle, armed, paused, failed };
  struct Input {
    std::uint64_t frames = 0;  ///< telemetry
    SocketIndex socket = kNoSocket;
    InputIndex routes_of = kNoInput;
    InputState state = InputState::unused;
    std::uint32_t generation = 0;
    std::uint32_t cancel = 0;     ///< to be cancelled at the next prepare()
    std::uint32_t is_paused = 0;  ///< when its receive has ended it is not armed again
    std::uint32_t has_ring = 0;
    std::uint32_t reserved = 0;
  };

  /// Buffers that the kernel shall have to receive into: none where all inputs have rings, half
  /// where some have, so that there are some to copy to (E6).
  [[nodiscard]] std::uint32_t kernel_target() const {
    if (ring_count_ == 0) return kernel_target_;
    return ring_count_ == input_count_ ? 0 : (kernel_target_ + 1) / 2;
  }
  /// A flow that was seen lately, and where it goes.
  struct RecentFlow {
    PlainHeaders headers;
    Address source;
    Address destination;
    InputIndex input = kNoInput;
    std::uint32_t routes_version = 0;  ///< 0: none
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    FlowTag flow = 0;
    std::uint16_t reserved = 0;
    OutputIndex first_output = kNoOutput;
    std::uint32_t reserved2 = 0;
  };

  [[nodiscard]] std::uint32_t providable(const Ledger& ledger) const;
  /// A datagram, or several that offloads merged, and where they go.
  struct Arrived {
    FlowTag flow = 0;
    OutputIndex first_output = kNoOutput;
    std::uint32_t payload_offset_bytes = 0;  ///< in the region
    std::uint32_t payload_length_bytes = 0;
  };
  /// Without parsing: where the frame is plain and of a flow that was seen lately.
  [[nodiscard]] std::optional<Arrived> recognise(InputIndex input, const Frame& frame,
                                                 const FrameBytes& bytes,
                                                 const RouteTable& routes) const;
  /// By parsing. Otherwise counts why it is dropped.
  std::optional<Arrived> judge(InputIndex input, const Frame& frame, const FrameBytes& bytes,
                               const RouteTable& routes);
  /// Null: no route wants it.
  const RecentFlow* flow_of(InputIndex input, const Datagram& datagram, const FrameBytes& bytes,
                            const RouteTable& routes);
  void add_provides(SubmissionList& list, Ledger& ledger);
  void request_cancel(Input& input);
  void count_idle(const Input& input, int change);
  void receive_ended(Input& input, const Completion& completion);
  void take_in(InputIndex input, const Frame& frame, RegionIndex region, const PacketMemory& memory,
               Ledger& ledger, const RouteTable& routes, Accepted& accepted);
  void accept(const WorkItem& item, Ledger& ledger, Accepted& accepted);
  void count_drop(IngressDrop reason) { ++counters_.dropped[static_cast<std::size_t>(reason)]; }
  /// A whole frame, of so many datagrams; of a merged one that is an upper bound, by its length.
  void drop(IngressDrop reason, std::uint32_t datagrams) {
    counters_.received += datagrams;
    counters_.dropped[static_cast<std::size_t>(reason)] += datagrams;
  }

  FlatArray<Input> inputs_;
  static constexpr std::size_t kRecentFlows = 16;
  std::array<RecentFlow, kRecentFlows> recent_{};
  IngressCounters counters_{};
  std::uint32_t input_count_ = 0;
  std::uint32_t ring_count_ = 0;  ///< inputs with a ring
  std::uint32_t armed_count_ = 0;
  std::uint32_t idle_count_ = 0;       ///< inputs without a ring that wait to be armed
  std::uint32_t idle_ring_count_ = 0;  ///< the same of those with one
  std::uint32_t to_cancel_ = 0;
  std::uint32_t cancels_open_ = 0;
  std::uint32_t stopping_ = 0;
  std::uint32_t kernel_target_ = 0;
  std::uint32_t outstanding_max_ = 0;
};

}  // namespace reprise::engine
