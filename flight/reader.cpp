#include "reprise/flight/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "reprise/engine/source_hash.hpp"

namespace reprise::flight {

using engine::Expected;
using engine::failure;

namespace {

template <class Header>
Header copy_of(std::span<const std::byte> file, std::uint64_t first_byte) {
  Header header;
  std::memcpy(&header, file.data() + first_byte, sizeof header);
  return header;
}

template <class Header>
bool is_whole(const Header& header) {
  return header.check ==
         digest_of(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, check)));
}

std::span<const std::uint64_t> words_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint64_t*>(bytes.data()), bytes.size() / kWordBytes};
}

Expected<void> check_header(const FileHeader& header, std::string_view name) {
  if (header.byte_order != kByteOrder) {
    return failure(fmt::format(
        "{}: recorded with another byte order; replay it on a machine like the relay's", name));
  }
  if (header.version != kVersion) {
    return failure(fmt::format("{}: a flight recording of version {}; expected version {}", name,
                               header.version, kVersion));
  }
  if (!is_whole(header))
    return failure(fmt::format("{}: the header is damaged; expected the file as written", name));
  if (header.track_count == 0 || header.track_count > kTracksMax) {
    return failure(
        fmt::format("{}: {} stages; expected 1 to {}", name, header.track_count, kTracksMax));
  }
  if (header.layout != layout_of_engine()) {
    return failure(fmt::format(
        "{}: recorded by engine {}, whose state this one, {}, cannot hold; replay it with a build "
        "of that engine",
        name, std::string_view(header.engine_hash.data(), header.engine_hash.size()),
        engine::source_hash()));
  }
  return {};
}

/// Whether a replay of the segment would end: without a check of its own, what its header counts
/// may be anything.
bool counts_steps(const SegmentHeader& header) {
  return header.steps >= header.first_step && header.lost_at <= header.steps &&
         header.steps - header.first_step <= kSegmentStepsMax;
}

/// The segment that begins the span; nothing where it was never used. Otherwise why not.
std::optional<Segment> read_segment(std::span<const std::byte> bytes, std::string& problem) {
  const auto header = copy_of<SegmentHeader>(bytes, 0);
  if (header.sequence == 0) return std::nullopt;
  const auto words = words_in(bytes.subspan(sizeof(SegmentHeader)));
  if (header.snapshot_words > words.size() || !counts_steps(header)) {
    problem = "its header is damaged, or its snapshot cut off";
    return std::nullopt;
  }
  // Where records are cut off those before are replayed.
  const auto records = words.subspan(header.snapshot_words);
  Segment segment{header, words.first(header.snapshot_words),
                  records.first(std::min<std::uint64_t>(header.committed, records.size()))};
  segment.is_cut_off = records.size() < header.committed;
  if (sum_of(segment.snapshot) != header.snapshot_sum) {
    problem = "its snapshot is damaged";
    return std::nullopt;
  }
  return segment;
}

void read_segments(std::span<const std::byte> file, Track& track) {
  for (std::uint32_t place = 0; place < kSegments; ++place) {
    const std::uint64_t first = track.header.first_byte + place * track.header.segment_bytes;
    const std::uint64_t there = file.size() - std::min<std::uint64_t>(file.size(), first);
    if (there < sizeof(SegmentHeader)) {
      track.damage.push_back(fmt::format("segment {}: cut off", place));
      continue;
    }
    std::string problem;
    const auto segment =
        read_segment(file.subspan(first, std::min(there, track.header.segment_bytes)), problem);
    if (segment) track.segments.push_back(*segment);
    if (!problem.empty()) track.damage.push_back(fmt::format("segment {}: {}", place, problem));
  }
  std::ranges::sort(track.segments, {},
                    [](const Segment& segment) { return segment.header.sequence; });
}

bool fits(const TrackHeader& header, const FileHeader& file) {
  const auto sane = [](const Zone& zone) { return zone.visible_bytes <= zone.region_bytes; };
  return header.segment_bytes > sizeof(SegmentHeader) && header.segment_bytes % kPageBytes == 0 &&
         header.first_byte % kPageBytes == 0 && header.first_byte < file.file_bytes &&
         header.segment_bytes <= (file.file_bytes - header.first_byte) / kSegments &&
         sane(header.buffers) && sane(header.blocks) && engine::check(header.stage).empty();
}

}  // namespace

void Records::advance() {
  front_.reset();
  at_ = next_;
  const auto left = segment_->records.subspan(at_);
  if (is_damaged_) return;
  if (left.empty()) {
    is_damaged_ = segment_->is_cut_off;
    return;
  }
  RecordHead head;
  if (!read_head(left, head)) {
    is_damaged_ = true;
    return;
  }
  front_ = Record{head.kind, segment_->header.first_step + head.step, head.count,
                  left.subspan(kHeadWords, head.words - kHeadWords)};
  next_ = at_ + head.words;
}

Expected<Recording> read_recording(std::span<const std::byte> file, std::string_view name) {
  if (!is_flight_recording(file))
    return failure(
        fmt::format("{}: not a flight recording; expected a file that a relay wrote "
                    "with --flight-recorder",
                    name));
  if (file.size() < kPageBytes)
    return failure(fmt::format("{}: {} bytes, which is cut off; expected at least {}", name,
                               file.size(), kPageBytes));
  Recording recording{copy_of<FileHeader>(file, 0), {}};
  if (const auto good = check_header(recording.header, name); !good)
    return std::unexpected(good.error());
  for (std::uint32_t index = 0; index < recording.header.track_count; ++index) {
    const std::uint64_t first = kPageBytes * (1 + std::uint64_t{index});
    if (first + sizeof(TrackHeader) > file.size()) {
      return failure(fmt::format("{}: {} bytes, which is cut off; expected {}", name, file.size(),
                                 recording.header.file_bytes));
    }
    Track track{copy_of<TrackHeader>(file, first), {}, {}};
    if (!is_whole(track.header) || !fits(track.header, recording.header))
      return failure(
          fmt::format("{}: the header of stage {} is damaged; expected the file as "
                      "written",
                      name, index + 1));
    read_segments(file, track);
    recording.tracks.push_back(std::move(track));
  }
  return recording;
}

}  // namespace reprise::flight
