// A flight recording as bytes (docs/FLIGHT_RECORDER.md).
//
//   file     FileHeader, one page for each track's TrackHeader, then the tracks' segments
//   track    one stage: kSegments segments of equal size, used in turn
//   segment  SegmentHeader, a snapshot of stage and runner, then the records of the steps since
//   record   two words of head (RecordHead), then its payload; every record has a check sum
//
//   R1  Only `steps`, `committed`, `end` and `lost_at` of a segment's header change while it is
//       written, and `committed` only after the words that it covers.
//   R2  As soon as the second segment has begun, one whole segment is always there.
//   R3  Records lie in the order of what they tell; what was empty (a reap without a completion)
//       has none. A step without records is known from `steps`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "reprise/engine/memory.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {

inline constexpr std::array<char, 8> kMagic{'R', 'P', 'F', 'L', 'I', 'G', 'H', 'T'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint64_t kByteOrder = 0x0102'0304'0506'0708U;
inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::uint32_t kSegments = 4;
inline constexpr std::uint32_t kTracksMax = 256;

struct FileHeader {
  std::array<char, 8> magic = kMagic;
  std::uint64_t byte_order = kByteOrder;
  std::uint32_t version = kVersion;
  std::uint32_t track_count = 0;
  std::array<char, 16> engine_hash{};
  std::uint64_t layout = 0;  ///< layout_of_engine()
  std::uint64_t file_bytes = 0;
  std::uint64_t check = 0;  ///< digest of all before it
  /// The fatal signal that ended the process; not in the check.
  std::uint32_t fatal_signal = 0;
  std::uint32_t reserved = 0;
};

struct Zone {
  std::uint32_t visible_bytes = 0;
  std::uint32_t region_bytes = 0;
  std::uint32_t region_count = 0;
  std::uint32_t reserved = 0;
};

struct TrackHeader {
  engine::StageConfig stage;
  Zone buffers;
  Zone blocks;
  std::uint32_t lane = 0;
  std::uint32_t reserved = 0;
  std::uint64_t stage_bytes = 0;  ///< of the stage as a flat value
  std::uint64_t first_byte = 0;   ///< of its segments, in the file
  std::uint64_t segment_bytes = 0;
  std::uint64_t check = 0;  ///< digest of all before it
};

enum class SegmentEnd : std::uint64_t {
  open,     ///< nothing has ended it: it is being written, or its process is gone
  next,     ///< it is full, the next one follows without a gap
  stopped,  ///< the stage's thread has ended; the last record is `end`
};

struct SegmentHeader {
  std::uint64_t sequence = 0;  ///< from 1 on; 0: not used, or its snapshot is not whole
  std::uint64_t first_step = 0;
  std::uint64_t snapshot_words = 0;
  std::uint64_t snapshot_sum = 0;
  std::uint64_t steps = 0;      ///< steps begun, counted from the start of the relay
  std::uint64_t committed = 0;  ///< words of records
  SegmentEnd end = SegmentEnd::open;
  std::uint64_t lost_at = 0;  ///< not 0: what this step and later ones did found no room
};

enum class RecordKind : std::uint8_t {
  reap = 1,   ///< completions with their frames; count: completions
  prepare,    ///< numbers of submissions and slices, their digest; count: submissions taken
  drain,      ///< items; count
  take_back,  ///< returns; count
  hand_over,  ///< digest of the items; count
  give_back,  ///< digest of the returns; count
  found,      ///< has_items_for() was true
  command,    ///< between two steps
  time,       ///< what the backend's clock showed, in nanoseconds
  end,        ///< digest of stage and runner
};

struct RecordHead {
  RecordKind kind{};
  std::uint32_t words = 0;  ///< with the head; below 2^24
  std::uint64_t step = 0;   ///< since the segment began; below 2^40
  std::uint32_t count = 0;  ///< below 2^24
};
inline constexpr std::size_t kHeadWords = 2;
inline constexpr std::uint32_t kRecordWordsMax = (1U << 24U) - 1;
/// A thread that spins without anything to do begins another segment after so many steps, so that a
/// replay ends.
inline constexpr std::uint64_t kSegmentStepsMax = std::uint64_t{1} << 30U;

/// Writes the head of a record, with its check sum, into the two words at `record`; `payload_sum`
/// is the sum of those that follow.
inline void seal(std::uint64_t* record, const RecordHead& head, std::uint64_t payload_sum) {
  const std::uint64_t first =
      std::uint64_t{static_cast<std::uint8_t>(head.kind)} | std::uint64_t{head.words} << 8U;
  const std::uint64_t second = head.step | std::uint64_t{head.count} << 40U;
  record[0] = first | std::uint64_t{folded(first + second + payload_sum)} << 32U;
  record[1] = second;
}
/// False where the words cannot be a record that is whole.
bool read_head(std::span<const std::uint64_t> words, RecordHead& head);

/// Tells engines apart whose values in memory are different ones.
std::uint64_t layout_of_engine();

/// Whether a file that begins so is a flight recording, of any version.
bool is_flight_recording(std::span<const std::byte> beginning);

/// What is to be recorded of one stage.
struct TrackPlan {
  engine::StageConfig stage;
  engine::PacketMemory memory;
  std::uint64_t stage_bytes = 0;
  std::uint32_t lane = 0;
};

/// The least a recording of these stages needs, in bytes.
std::uint64_t least_file_bytes(std::span<const TrackPlan> plans);
/// Makes `file`, which is zeroed, an empty recording; it has at least least_file_bytes(). Returns
/// each track's segments.
std::vector<std::span<std::byte>> format_file(std::span<std::byte> file,
                                              std::span<const TrackPlan> plans);

}  // namespace reprise::flight
