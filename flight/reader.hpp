// Reads a recording's bytes: what is whole of it. Nothing in a file is trusted: every number is
// checked against the bytes that there are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/flight/format.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {

struct Record {
  RecordKind kind{};
  std::uint64_t step = 0;  ///< since the relay began
  std::uint32_t count = 0;
  std::span<const std::uint64_t> payload;
};

/// A segment with a whole snapshot.
struct Segment {
  SegmentHeader header;
  std::span<const std::uint64_t> snapshot;
  std::span<const std::uint64_t> records;  ///< those committed
  bool is_cut_off = false;                 ///< the file ends before they do
};

/// Gives a segment's records one by one.
class Records {
 public:
  explicit Records(const Segment& segment) : segment_(&segment) { advance(); }

  /// Null at the end.
  [[nodiscard]] const Record* front() const { return front_ ? &*front_ : nullptr; }
  void advance();
  /// The records end before what was committed does: something in them is damaged.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  /// Of the first word of front(), in the segment's records.
  [[nodiscard]] std::uint64_t place_bytes() const { return at_ * kWordBytes; }

 private:
  const Segment* segment_;
  std::optional<Record> front_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;
  bool is_damaged_ = false;
};

struct Track {
  TrackHeader header;
  std::vector<Segment> segments;    ///< in the order in which they were written
  std::vector<std::string> damage;  ///< what could not be used, a line each
};

struct Recording {
  FileHeader header;
  std::vector<Track> tracks;

  [[nodiscard]] std::string engine_hash() const {
    return {header.engine_hash.begin(), header.engine_hash.end()};
  }
};

/// Refused: what is no recording, is of another version, byte order or layout of the engine, or
/// whose headers are damaged or cut off. `file`, whose first byte is aligned for a word, outlives
/// the result. `name` is for the messages.
engine::Expected<Recording> read_recording(std::span<const std::byte> file, std::string_view name);

}  // namespace reprise::flight
