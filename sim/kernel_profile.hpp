// How a kernel behaves where kernels, or the flags of a ring, differ: one member for each row of
// the semantics table that could be otherwise. The defaults are Linux 6.18 with a cooperative ring,
// measured; lab/ reads others from profiles/*.toml, with where they come from.
//
// A model with one wrong member is what the differential test must reject.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "reprise/engine/error.hpp"

namespace reprise::sim {

/// When the kernel does for a thread what became possible since its last call (io_uring_setup(2)):
/// moves frames into provided buffers, tries parked sends again.
enum class TaskRun : std::uint32_t {
  plain,        ///< at once, wherever the thread is
  cooperative,  ///< when the thread enters the kernel (IORING_SETUP_COOP_TASKRUN)
  deferred,     ///< when it enters and asks for completions (IORING_SETUP_DEFER_TASKRUN)
};
inline constexpr std::array<std::string_view, 3> kTaskRunNames{"plain", "cooperative", "deferred"};
/// "plain", "cooperative", "deferred".
constexpr std::string_view name(TaskRun task_run) {
  return kTaskRunNames[static_cast<std::size_t>(task_run)];
}

struct KernelProfile {
  TaskRun task_run = TaskRun::cooperative;
  /// "Writable": less than so much of a send buffer is used (sock_writeable counts one byte more).
  std::uint32_t writable_percent = 50;
  std::uint32_t payload_max_bytes = 65'507;
  std::uint32_t segments_max = 128;
  /// So often per million, what a call has to do for a thread is left to its next call: the rest of
  /// a chain is done after what that one hands over. Seen on a busy host.
  std::uint32_t chain_pauses_per_million = 0;

  // Sends.
  /// Parked sends are tried again newest-armed first, all at once.
  bool retries_newest_first = true;
  /// What leaves the device while a submit runs makes room for its later entries.
  bool room_returns_inside_submit = true;
  /// When a send of a linked chain does not end ok, the rest is cancelled.
  bool chain_stops_at_failure = true;
  /// A socket that asks for errors (IP_RECVERR) is told of a queueing discipline's drop.
  bool queue_drop_is_told = true;
  /// A send into a device without carrier fails. (Measured: it is lost, and reported as sent.)
  bool carrier_loss_is_told = false;
  /// A send from a device that is down fails as unreachable.
  bool down_is_told = true;
  /// A send from a source address that is gone fails as unreachable.
  bool address_loss_is_told = true;
  /// A datagram above the MTU leaves in fragments where the socket allows it.
  bool fragments = true;
  /// An ICMP refusal is consumed by the next send, which fails and sends nothing.
  bool refusal_is_consumed = true;
  /// A zero-copy send that fails has a second completion too.
  bool failed_zero_copy_has_notice = true;
  /// A datagram whose fragments exceed twice the send buffer fails (no_buffer).
  bool too_many_fragments_fail = true;

  // The ring.
  /// Completions beyond the completion queue are kept and returned later.
  bool keeps_overflow = true;
  /// A malformed entry ends its submit call, counted among the submitted.
  bool malformed_ends_submit = true;
  /// What follows in a chain runs behind everything that the same call hands over.
  bool chain_goes_on_behind_submit = true;

  // Receives.
  /// A multishot receive that takes the last provided buffer ends at once, without another frame.
  bool receive_ends_with_last_region = true;
  /// A frame larger than the region is cut and its first bytes are delivered.
  bool cuts_long_frames = true;
  /// Of several receives that wait on one socket, the one armed last takes the first frame.
  bool receives_newest_first = true;

  // Packet rings.
  /// Blocks are filled strictly in order: one that is held back stalls the ring.
  bool blocks_in_order = true;
  /// A frame larger than a block has the open block handed over before it, even if it is empty.
  bool hands_over_empty_blocks = true;
  /// The ring's timer starts anew with each block that is opened; else it ticks from the set-up on.
  bool block_timer_restarts = false;

  friend bool operator==(const KernelProfile&, const KernelProfile&) = default;
};

static_assert(std::has_unique_object_representations_v<KernelProfile>);

/// Every contradiction in a profile, by the name of its member.
std::vector<engine::Error> check(const KernelProfile& profile);

}  // namespace reprise::sim
