// One run of a case, step by step, and what it came to see.
//
// While it lives, a failed assertion of the engine prints the case.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "case.hpp"
#include "reprise/sim/event.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::proptests {

/// What a run may come to see. A property that never saw it has not been tried.
enum class Sight : std::uint8_t {
  delivery,
  two_hops,          ///< a datagram reached a second relay
  fan_out,           ///< with deliveries on several outputs
  refusal,           ///< a send found no room
  chain_cut,         ///< a chain broke in its middle: some sent, one refused, the rest cancelled
  sent_again,        ///< a datagram left after its send had been refused or cancelled
  refused_in_stall,  ///< a send was refused while its link was stalled
  exhaustion,   ///< a receive ended for want of regions, or a datagram was dropped as no_buffer
  kernel_drop,  ///< a packet socket was full
  queue_drop,   ///< a queueing discipline dropped a frame and said nothing
  queue_full,   ///< a blocked output dropped what its queue could not hold
  send_error,
  truncation,      ///< a frame larger than a region
  stop_with_work,  ///< the stop came with datagrams in the relays
  give_up,         ///< datagrams were dropped as `stopped`
  hand_off,        ///< a datagram crossed from one thread to the other
  sleep,           ///< an egress thread slept, and came back from it
  unlinked,        ///< sends of one output without a chain
  erase_front,     ///< a backlog moved what was behind the front
  fault,           ///< one of FaultKind beside send_unreachable
  lasting_fault,   ///< one that lasts for a while
  network_fault,   ///< a frame was reordered or doubled
  packet_ring,     ///< a block of a packet ring was read
  block_parted,    ///< a batch accepted only some of a block's frames
  copied_out,      ///< a datagram out of a block waits in the queue of a blocked output
  segmented,       ///< several datagrams left in one send
  gathered,        ///< from several regions
  merged,          ///< they travelled as one frame
};
inline constexpr std::size_t kSightCount = 28;
const char* name(Sight sight);
using Sights = std::bitset<kSightCount>;

struct Step {
  sim::Event event;
  bool is_command = false;  ///< the world was told to stop; there is no event
};

class CaseRun {
 public:
  explicit CaseRun(const Case& tried);
  ~CaseRun();
  CaseRun(const CaseRun&) = delete;
  CaseRun& operator=(const CaseRun&) = delete;

  /// The next step; nothing when the world is quiet, or after steps_max() of them.
  std::optional<Step> next();

  [[nodiscard]] const sim::World& world() const { return world_; }
  [[nodiscard]] const Case& tried() const { return tried_; }
  /// Nothing can happen any more.
  [[nodiscard]] bool is_quiet() const { return is_quiet_; }
  /// More steps than any run of this configuration needs.
  [[nodiscard]] std::uint64_t steps_max() const { return steps_max_; }
  /// What the run has seen so far.
  [[nodiscard]] Sights sights() const;
  /// Of all events so far.
  [[nodiscard]] std::uint64_t digest() const { return digest_.value(); }
  /// "step 12, 3400 ns: " for messages.
  [[nodiscard]] std::string place() const;

 private:
  void stop(bool abandon);
  void watch(const sim::Event& event);
  void watch_ring(const sim::Node& node);
  void see(Sight sight, bool seen = true);

  Case tried_;
  std::string note_;
  sim::World world_;
  std::unique_ptr<sim::Choices> choices_;
  Sights sights_;
  sim::Digest digest_;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_max_ = 0;
  std::uint64_t submitted_ = 0;  ///< sends, by all nodes
  bool is_stopped_ = false;
  bool is_abandoned_ = false;
  bool is_quiet_ = false;
};

}  // namespace reprise::proptests
