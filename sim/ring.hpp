// One io_uring as the kernel sees it: submission queue, the operations that wait for their socket,
// the work that is due when the thread is in the kernel, and the completion queue.
//
//   A linked submission's rest is *held* until the one before it has ended; then it is work.
//   An operation that cannot go on is *armed* on its socket; when the socket is woken, it is work.
//   Work runs first in, first out, whenever the kernel's task run comes to it (TaskRun).
#pragma once

#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/sim/packet.hpp"

namespace reprise::sim {

/// One of a node's rings: that of the thread with the same number.
enum class RingIndex : std::uint32_t {};

/// What is wrong with a submission queue entry. Backends write none of these; the differential test
/// does.
enum class Malformation : std::uint32_t {
  none,
  bad_descriptor,  ///< ends EBADF
  bad_pointer,     ///< ends EFAULT
  malformed,       ///< is refused before it runs (EINVAL), and ends the submit call
};

inline constexpr std::uint32_t kNoSlice = 0xffff'ffff;

/// One of the slices that a send gathers behind its first.
struct GatheredSlice {
  engine::Slice slice;
  std::uint32_t next = kNoSlice;
};

/// A submission in the kernel's form.
struct Entry {
  engine::Submission submission;
  engine::Slice slice;              ///< the first
  std::uint32_t payload_bytes = 0;  ///< of all slices
  /// Of a send that gathers several: where the others are, in Ring::slices; kNoSlice: nowhere.
  std::uint32_t more_slices = kNoSlice;
  Malformation malformation = Malformation::none;
  std::uint32_t chain = 0;  ///< number of its linked chain; 0: none
  /// 1: it has been armed before; 2 and 3: a multishot receive that was woken, once or again, and
  /// stays armed; 4: a wait that was woken before it was armed, and looks again.
  std::uint32_t tried = 0;
  std::uint16_t is_successor = 0;  ///< of another one in its chain
  std::uint16_t is_async = 0;      ///< IOSQE_ASYNC: a worker thread runs it
  std::uint32_t reserved = 0;
};

inline constexpr std::uint32_t kWoken = 2;  ///< Entry::tried
inline constexpr std::uint32_t kWokenAgain = 3;
inline constexpr std::uint32_t kWokenWhileArming = 4;

/// What became due for a ring's thread.
struct Work {
  enum class Kind : std::uint32_t {
    run,     ///< the entry goes on
    cancel,  ///< the entry ends cancelled
    expire,  ///< the deadline passed
    notice,  ///< a zero-copy send's region is the engine's again
  };
  Entry entry;
  Kind kind = Kind::run;
  std::uint32_t reserved = 0;
};

/// A completion, as the ring's memory shows it.
struct Posted {
  engine::Token token;
  Packet packet;           ///< receives: what was received
  std::int64_t value = 0;  ///< deadlines
  /// Receives: where that is. A ring's that was cancelled: the block of which a rest is lost.
  engine::RegionIndex region = engine::kNoRegion;
  engine::Outcome outcome = engine::Outcome::ok;
  std::uint8_t more = 0;
  std::uint16_t errno_value = 0;
  std::uint32_t result_bytes = 0;
  std::uint32_t reserved = 0;
};

struct RingConfig {
  std::uint32_t submissions_max = 64;
  std::uint32_t completions_max = 128;  ///< entries before it overflows
  /// Sends, receives, waits, deadlines and cancels that can be open at once.
  std::uint32_t operations_max = 128;
  /// Completions that can wait, overflowed ones included.
  std::uint32_t posted_max = 1024;
  /// Slices behind the first ones of sends that are prepared or in flight, in all.
  std::uint32_t slices_max = 0;
};

struct Ring {
  void place(engine::FlatLayout& layout, const RingConfig& config) {
    layout.place(queue, config.submissions_max);
    layout.place(held, config.operations_max);
    layout.place(armed, config.operations_max);
    layout.place(successors, config.operations_max);
    layout.place(with_workers, config.operations_max);
    layout.place(work, 2 * config.operations_max);
    layout.place(completions, config.posted_max);
    layout.place(slices, config.slices_max);
  }
  void start(const RingConfig& config) {
    completions_max = config.completions_max;
    for (std::uint32_t place = slices.size(); place-- > 0;) {
      slices[place].next = free_slice;
      free_slice = place;
    }
  }
  engine::FlatQueue<Entry> queue;        ///< prepared
  engine::FlatList<Entry> held;          ///< behind an entry of their chain that has not ended
  engine::FlatList<Entry> armed;         ///< on their sockets, oldest first; and deadlines
  engine::FlatQueue<Work> successors;    ///< of ended entries: work when what runs now is done
  engine::FlatList<Entry> with_workers;  ///< handed to worker threads, not begun, oldest first
  engine::FlatQueue<Work> work;
  engine::FlatQueue<Posted> completions;
  engine::FlatArray<GatheredSlice> slices;
  std::uint64_t overflows = 0;
  std::uint32_t completions_max = 0;
  std::uint32_t chains = 0;      ///< numbered so far
  std::uint32_t open_chain = 0;  ///< whose last entry has not been taken from the queue yet
  std::uint32_t overflowed = 0;  ///< of the completions, from the back: not in the queue's memory
  std::uint32_t batch_left = 0;  ///< of the work that one round does before successors are queued
  std::uint32_t free_slice = kNoSlice;   ///< the first that is not used
  std::uint32_t next_packet_socket = 0;  ///< whose packet ring is read next, if it has something
  std::uint32_t reserved = 0;
};

}  // namespace reprise::sim
