#include "reprise/flight/format.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "reprise/engine/source_hash.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {
namespace {

/// Of a segment, for its records, at least.
constexpr std::uint64_t kLeastRecordBytes = std::uint64_t{1} << 18U;

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

std::uint64_t least_segment_bytes(const TrackPlan& plan) {
  // A snapshot is never longer than the stage with a word for each of its pages.
  const std::uint64_t snapshot_bytes =
      plan.stage_bytes + plan.stage_bytes / 512 + sizeof(engine::Runner) + kPageBytes;
  return whole_pages(sizeof(SegmentHeader) + snapshot_bytes + kLeastRecordBytes);
}

Zone zone_of(const engine::RegionZone& zone) {
  return {zone.visible_bytes, zone.region_bytes, zone.region_count, 0};
}

template <class Header>
std::uint64_t check_of_header(const Header& header) {
  return digest_of(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, check)));
}

}  // namespace

bool read_head(std::span<const std::uint64_t> words, RecordHead& head) {
  if (words.size() < kHeadWords) return false;
  const std::uint64_t first = words[0] & 0xffff'ffffU;
  head.kind = static_cast<RecordKind>(first & 0xffU);
  head.words = static_cast<std::uint32_t>(first >> 8U);
  head.step = words[1] & 0xff'ffff'ffffU;
  head.count = static_cast<std::uint32_t>(words[1] >> 40U);
  if (head.kind < RecordKind::reap || head.kind > RecordKind::end) return false;
  if (head.words < kHeadWords || head.words > words.size()) return false;
  return folded(first + sum_of(words.subspan(1, head.words - 1))) == words[0] >> 32U;
}

std::uint64_t layout_of_engine() {
  const std::array<std::uint64_t, 11> sizes{
      sizeof(engine::Stage),    sizeof(engine::Runner),     sizeof(engine::StageConfig),
      sizeof(engine::Ledger),   sizeof(engine::RouteTable), sizeof(engine::Ingress),
      sizeof(engine::Egress),   sizeof(engine::Submission), sizeof(engine::Slice),
      sizeof(engine::WorkItem), sizeof(engine::ReturnItem)};
  return digest_of(std::as_bytes(std::span(sizes)));
}

bool is_flight_recording(std::span<const std::byte> beginning) {
  return beginning.size() >= kMagic.size() &&
         std::memcmp(beginning.data(), kMagic.data(), kMagic.size()) == 0;
}

std::uint64_t least_file_bytes(std::span<const TrackPlan> plans) {
  std::uint64_t largest = 0;
  for (const TrackPlan& plan : plans) largest = std::max(largest, least_segment_bytes(plan));
  return kPageBytes * (1 + plans.size()) + largest * kSegments * plans.size();
}

std::vector<std::span<std::byte>> format_file(std::span<std::byte> file,
                                              std::span<const TrackPlan> plans) {
  const std::uint64_t headers_bytes = kPageBytes * (1 + plans.size());
  const std::uint64_t segment_bytes =
      (file.size() - headers_bytes) / (kSegments * plans.size()) / kPageBytes * kPageBytes;
  const std::string_view hash = engine::source_hash();
  FileHeader header;
  header.track_count = static_cast<std::uint32_t>(plans.size());
  std::ranges::copy(hash, header.engine_hash.begin());
  header.layout = layout_of_engine();
  header.file_bytes = file.size();
  header.check = check_of_header(header);
  std::memcpy(file.data(), &header, sizeof header);
  std::vector<std::span<std::byte>> segments;
  for (std::size_t index = 0; index < plans.size(); ++index) {
    const TrackPlan& plan = plans[index];
    TrackHeader track{.stage = plan.stage,
                      .buffers = zone_of(plan.memory.buffers),
                      .blocks = zone_of(plan.memory.blocks),
                      .lane = plan.lane,
                      .stage_bytes = plan.stage_bytes,
                      .first_byte = headers_bytes + index * kSegments * segment_bytes,
                      .segment_bytes = segment_bytes};
    track.check = check_of_header(track);
    std::memcpy(file.data() + kPageBytes * (1 + index), &track, sizeof track);
    segments.push_back(file.subspan(track.first_byte, kSegments * segment_bytes));
  }
  return segments;
}

}  // namespace reprise::flight
