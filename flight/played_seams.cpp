#include "reprise/flight/played_seams.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "reprise/flight/recorder.hpp"

namespace reprise::flight {
namespace {

using engine::CompletionBatch;
using engine::failure;
using engine::RegionIndex;

/// Pages of it exist from when they are written to.
std::byte* zeros(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* const memory = std::calloc(bytes, 1);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

engine::RegionZone zone_of(const Zone& zone, std::byte* base) {
  return {base, zone.region_bytes, zone.visible_bytes, zone.region_bytes, zone.region_count};
}
std::size_t bytes_of(const Zone& zone) {
  return std::size_t{zone.region_bytes} * zone.region_count;
}

/// As large as the largest batch that was recorded.
CompletionBatch batch_for(const Track& track) {
  std::size_t completions = 1;
  std::size_t frames = 1;
  for (const Segment& segment : track.segments) {
    for (Records records(segment); records.front() != nullptr; records.advance()) {
      const Record& record = *records.front();
      if (record.kind != RecordKind::reap) continue;
      completions = std::max<std::size_t>(completions, record.count);
      frames = std::max(frames, record.payload.size() / 2);  // none takes less
    }
  }
  return {static_cast<std::uint32_t>(completions), static_cast<std::uint32_t>(frames)};
}

}  // namespace

PlayedSeams::PlayedSeams(const Track& track)
    : buffers_(zeros(bytes_of(track.header.buffers))),
      blocks_(zeros(bytes_of(track.header.blocks))),
      memory_{zone_of(track.header.buffers, buffers_.get()),
              zone_of(track.header.blocks, blocks_.get())},
      batch_(batch_for(track)) {}

void PlayedSeams::begin(const Segment& segment) {
  records_.emplace(segment);
  decoder_.reset();
}

void PlayedSeams::begin_step(std::uint64_t step) {
  step_ = {.step = step};
  difference_.clear();
}

engine::Surroundings PlayedSeams::surroundings() { return {backend_, batch_, memory_, &hand_off_}; }

const Record* PlayedSeams::expect(RecordKind kind) const {
  const Record* const record = records_->front();
  return record != nullptr && record->kind == kind && record->step == step_.step ? record : nullptr;
}

std::uint32_t PlayedSeams::PlayedBackend::prepare(engine::SubmissionView view) {
  const Record* const record = seams_.expect(RecordKind::prepare);
  const auto count = static_cast<std::uint32_t>(view.submissions.size());
  seams_.step_.submissions += count;
  if (record == nullptr || record->payload.size() < 2) {
    seams_.differ(
        fmt::format("recorded: nothing was prepared; the engine prepares {} submissions", count));
    return count;
  }
  const std::uint64_t numbers = record->payload[0];
  const std::uint64_t digest = digest_of(view);
  if (numbers != (count | view.slices.size() << 32U)) {
    seams_.differ(fmt::format(
        "recorded: {} submissions with {} slices were prepared; the engine prepares {} with {}",
        numbers & 0xffff'ffffU, numbers >> 32U, count, view.slices.size()));
  } else if (digest != record->payload[1]) {
    seams_.differ(fmt::format(
        "recorded: {} submissions of digest {:016x} were prepared; the engine's have {:016x}",
        count, record->payload[1], digest));
  }
  const std::uint32_t taken = std::min(record->count, count);
  seams_.step_.taken += taken;
  seams_.records().advance();
  return taken;
}

std::uint32_t PlayedSeams::PlayedBackend::reap(CompletionBatch& batch) {
  batch.clear();
  const Record* const record = seams_.expect(RecordKind::reap);
  if (record == nullptr) return 0;
  WordReader in(record->payload);
  const std::uint32_t count = record->count;
  for (std::uint32_t index = 0; index < count; ++index) {
    if (seams_.take_completion(in, batch)) continue;
    seams_.differ(fmt::format("completion {} of {} cannot be read", index + 1, count));
    batch.clear();
    break;
  }
  seams_.step_.completions += static_cast<std::uint32_t>(batch.completions().size());
  seams_.records().advance();
  return static_cast<std::uint32_t>(batch.completions().size());
}

bool PlayedSeams::take_completion(WordReader& in, CompletionBatch& batch) {
  const std::uint64_t token = in.take();
  const std::uint64_t second = in.take();
  const std::uint64_t outcome = second >> 32U & 0xffU;
  const std::uint64_t flags = second >> 40U & 0xffU;
  const auto region = static_cast<std::uint32_t>(second);
  if (in.is_short() || outcome >= engine::kOutcomeCount || !batch.has_room()) return false;
  if (region != static_cast<std::uint32_t>(engine::kNoRegion) && region >= memory_.region_count())
    return false;
  engine::Completion& completion = batch.push();
  completion.token = {static_cast<std::uint32_t>(token), static_cast<std::uint32_t>(token >> 32U)};
  completion.region = RegionIndex{region};
  completion.outcome = static_cast<engine::Outcome>(outcome);
  completion.more = (flags & 1U) != 0;
  completion.region_complete = (flags & 2U) != 0;
  if ((flags & 4U) != 0) {
    const std::uint64_t result = in.take();
    completion.result_bytes = static_cast<std::uint32_t>(result);
    completion.errno_value = static_cast<std::int32_t>(result >> 32U);
  }
  if ((flags & 8U) != 0) completion.value = static_cast<std::int64_t>(in.take());
  for (std::uint64_t frames = second >> 48U; frames > 0; --frames) {
    if (!take_frame(in, RegionIndex{region}, batch)) return false;
  }
  return !in.is_short();
}

bool PlayedSeams::take_frame(WordReader& in, RegionIndex region, CompletionBatch& batch) {
  DecodedFrame decoded;
  if (region == engine::kNoRegion || !batch.has_frame_room() || !decoder_.take(in, decoded))
    return false;
  const engine::Frame& frame = decoded.frame;
  const std::uint32_t room =
      memory_.is_block(region) ? memory_.blocks.region_bytes : memory_.buffers.region_bytes;
  if (std::uint64_t{frame.offset_bytes} + frame.captured_bytes > room) return false;
  const auto place = memory_.writable(
      {region, frame.offset_bytes, static_cast<std::uint32_t>(decoded.bytes.size())});
  if (place.size() != decoded.bytes.size()) return false;
  std::ranges::copy(decoded.bytes, place.begin());
  batch.push_frame() = frame;
  ++step_.frames;
  return true;
}

template <class Item>
std::uint32_t PlayedSeams::take_items(RecordKind kind, std::span<Item> room) {
  const Record* const record = expect(kind);
  if (record == nullptr) return 0;
  const std::uint32_t count = record->count;
  if (count > room.size() || record->payload.size() != words_of(count * sizeof(Item))) {
    differ(
        fmt::format("recorded: {} items crossed; the engine has room for {}", count, room.size()));
    return 0;
  }
  std::memcpy(static_cast<void*>(room.data()), record->payload.data(), count * sizeof(Item));
  step_.items += count;
  records_->advance();
  return count;
}

void PlayedSeams::compare_items(RecordKind kind, std::span<const std::byte> items,
                                std::size_t count) {
  step_.items += static_cast<std::uint32_t>(count);
  const Record* const record = expect(kind);
  if (record == nullptr || record->payload.empty()) {
    return differ(
        fmt::format("recorded: nothing was handed on; the engine hands on {} items", count));
  }
  if (record->count != count) {
    differ(fmt::format("recorded: {} items were handed on; the engine hands on {}", record->count,
                       count));
  } else if (record->payload[0] != digest_of(items)) {
    differ(fmt::format("recorded: {} items were handed on; the engine hands on as many, but others",
                       count));
  }
  records_->advance();
}

void PlayedSeams::PlayedHandOff::hand_over(std::span<const engine::WorkItem> items) {
  seams_.compare_items(RecordKind::hand_over, std::as_bytes(items), items.size());
}
void PlayedSeams::PlayedHandOff::give_back(std::span<const engine::ReturnItem> returns) {
  seams_.compare_items(RecordKind::give_back, std::as_bytes(returns), returns.size());
}
std::uint32_t PlayedSeams::PlayedHandOff::take_back(std::span<engine::ReturnItem> returns) {
  return seams_.take_items(RecordKind::take_back, returns);
}
std::uint32_t PlayedSeams::PlayedHandOff::drain(std::span<engine::WorkItem> items) {
  return seams_.take_items(RecordKind::drain, items);
}
bool PlayedSeams::PlayedHandOff::has_items_for(engine::Role) const {
  if (seams_.expect(RecordKind::found) == nullptr) return false;
  seams_.records().advance();
  return true;
}

// No step of a stage asks for these.
engine::Expected<engine::PacketMemory> PlayedSeams::PlayedBackend::register_memory(
    const engine::MemorySpec&) {
  return failure("a recording is played back: there is no memory to register");
}
engine::Expected<void> PlayedSeams::PlayedBackend::use_memory(const engine::PacketMemory&) {
  return failure("a recording is played back: there is no memory to use");
}
engine::Expected<engine::SocketIndex> PlayedSeams::PlayedBackend::open(
    const engine::PacketSocketSpec&) {
  return failure("a recording is played back: there are no sockets");
}
engine::Expected<engine::SocketIndex> PlayedSeams::PlayedBackend::open(
    const engine::SendSocketSpec&) {
  return failure("a recording is played back: there are no sockets");
}
engine::Expected<engine::SocketIndex> PlayedSeams::PlayedBackend::adopt(int) {
  return failure("a recording is played back: there are no sockets");
}

}  // namespace reprise::flight
