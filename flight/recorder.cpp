#include "reprise/flight/recorder.hpp"

#include <algorithm>
#include <cstring>

namespace reprise::flight {
namespace {

using engine::Completion;
using engine::ReturnItem;
using engine::Runner;
using engine::WorkItem;

constexpr std::size_t kSnapshotPageBytes = 4096;
/// Of a segment's room for records: what one step shall find room in.
constexpr std::size_t kStepShare = 8;
constexpr engine::Duration kClockStep = engine::milliseconds(1);

bool is_zero(std::span<const std::byte> page) {
  std::uint64_t any = 0;
  for (std::size_t at = 0; at < page.size(); at += kWordBytes) any |= load_word(page.data() + at);
  return any == 0;
}

std::span<std::uint64_t> words_in(std::span<std::byte> bytes) {
  return {reinterpret_cast<std::uint64_t*>(bytes.data()), bytes.size() / kWordBytes};
}

}  // namespace

std::uint64_t digest_of_state(std::span<const std::byte> stage, const Runner& runner) {
  return Digest().add(stage).add(std::as_bytes(std::span(&runner, 1))).value();
}

std::uint64_t digest_of(const engine::SubmissionView& view) {
  return Digest().add(std::as_bytes(view.submissions)).add(std::as_bytes(view.slices)).value();
}

void put_snapshot(WordWriter& out, std::span<const std::byte> stage, const Runner& runner) {
  if (!out.has_room(words_of(sizeof runner))) return;
  out.put(std::as_bytes(std::span(&runner, 1)));
  for (std::size_t at = 0; at < stage.size(); at += kSnapshotPageBytes) {
    const auto page = stage.subspan(at, std::min(kSnapshotPageBytes, stage.size() - at));
    if (is_zero(page)) continue;
    if (!out.has_room(1 + words_of(page.size()))) return;
    out.put(at);
    out.put(page);
  }
}

bool take_snapshot(std::span<const std::uint64_t> words, std::span<std::byte> stage,
                   Runner& runner) {
  WordReader in(words);
  const auto saved = in.take_bytes(sizeof runner);
  if (in.is_short()) return false;
  std::memcpy(&runner, saved.data(), saved.size());
  std::ranges::fill(stage, std::byte{0});
  while (!in.empty()) {
    const std::uint64_t at = in.take();
    if (at >= stage.size()) return false;
    const auto page = in.take_bytes(std::min(kSnapshotPageBytes, stage.size() - at));
    if (in.is_short()) return false;
    std::ranges::copy(page, stage.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return true;
}

Recorder::Recorder(std::span<std::byte> segments, const engine::PacketMemory& memory)
    : segments_(segments), memory_(memory) {}

SegmentHeader* Recorder::segment_at(std::uint64_t sequence) const {
  const std::size_t segment_bytes = segments_.size() / kSegments;
  return reinterpret_cast<SegmentHeader*>(segments_.data() + sequence % kSegments * segment_bytes);
}

void Recorder::begin_segment(std::span<const std::byte> stage, const Runner& runner) {
  SegmentHeader* const next = segment_at(sequence_ + 1);
  std::atomic_ref(next->sequence).store(0, std::memory_order_release);  // until it is whole
  std::atomic_thread_fence(std::memory_order_release);
  next->first_step = first_step_ = step_;
  next->steps = step_;
  next->committed = 0;
  next->end = SegmentEnd::open;
  next->lost_at = 0;
  const auto words = words_in(std::span(reinterpret_cast<std::byte*>(next + 1),
                                        segments_.size() / kSegments - sizeof(SegmentHeader)));
  out_ = WordWriter(words);
  put_snapshot(out_, stage, runner);
  const auto snapshot = words.first(static_cast<std::size_t>(out_.at() - words.data()));
  next->snapshot_words = snapshot.size();
  next->snapshot_sum = out_.take_sum();
  encoder_.reset();
  records_ = out_.at();
  const auto room = static_cast<std::size_t>(words.data() + words.size() - records_);
  full_from_ = records_ + (room - room / kStepShare);
  if (segment_ != nullptr && !is_lost_)
    std::atomic_ref(segment_->end).store(SegmentEnd::next, std::memory_order_release);
  std::atomic_ref(next->sequence).store(++sequence_, std::memory_order_release);
  segment_ = next;
  last_step_ = step_ + kSegmentStepsMax;
  is_lost_ = false;
}

bool Recorder::begin_record() {
  if (is_lost_ || segment_ == nullptr) return false;
  record_ = out_.at();
  if (!out_.has_room(kHeadWords)) {
    lose();
    return false;
  }
  out_.put(0);
  out_.put(0);
  return true;
}

void Recorder::lose() {
  is_lost_ = true;
  std::atomic_ref(segment_->lost_at).store(step_, std::memory_order_release);
}

void Recorder::commit(RecordKind kind, std::size_t count) {
  const auto words = static_cast<std::size_t>(out_.at() - record_);
  if (out_.is_full() || words > kRecordWordsMax || count > kRecordWordsMax) [[unlikely]]
    return lose();
  seal(record_,
       {kind, static_cast<std::uint32_t>(words), step_ - first_step_,
        static_cast<std::uint32_t>(count)},
       out_.take_sum());
  std::atomic_ref(segment_->committed)
      .store(static_cast<std::uint64_t>(out_.at() - records_), std::memory_order_release);
}

void Recorder::put_digest(RecordKind kind, std::span<const std::byte> bytes, std::size_t count) {
  if (!begin_record()) return;
  if (out_.has_room(1)) out_.put(digest_of(bytes));
  commit(kind, count);
}

void Recorder::put_bytes(RecordKind kind, std::span<const std::byte> bytes, std::size_t count) {
  if (count == 0 || !begin_record()) return;
  if (out_.has_room(words_of(bytes.size()))) out_.put(bytes);
  commit(kind, count);
}

void Recorder::put_completion(const Completion& completion) {
  if (!out_.has_room(5)) return;
  const bool has_result = completion.result_bytes != 0 || completion.errno_value != 0;
  const bool has_value = completion.value != 0;
  const std::uint64_t flags = (completion.more ? 1U : 0U) | (completion.region_complete ? 2U : 0U) |
                              (has_result ? 4U : 0U) | (has_value ? 8U : 0U);
  out_.put(completion.token.slot | std::uint64_t{completion.token.generation} << 32U);
  out_.put(static_cast<std::uint32_t>(completion.region) |
           std::uint64_t{static_cast<std::uint8_t>(completion.outcome)} << 32U | flags << 40U |
           std::uint64_t{completion.frame_count} << 48U);
  if (has_result) {
    out_.put(completion.result_bytes |
             std::uint64_t{static_cast<std::uint32_t>(completion.errno_value)} << 32U);
  }
  if (has_value) out_.put(static_cast<std::uint64_t>(completion.value));
}

void Recorder::reaped(const engine::CompletionBatch& batch) {
  if (batch.completions().empty() || !begin_record()) return;
  for (const Completion& completion : batch.completions()) {
    // Frames of one completion are counted with 16 bits; a backend has no more than that.
    REPRISE_ASSERT(completion.frame_count <= 0xffff);
    put_completion(completion);
    for (const engine::Frame& frame : batch.frames(completion)) {
      encoder_.put(out_, frame,
                   memory_.bytes({completion.region, frame.offset_bytes, frame.captured_bytes}));
    }
  }
  commit(RecordKind::reap, batch.completions().size());
}

void Recorder::prepared(const engine::SubmissionView& view, std::uint32_t taken) {
  if (!begin_record()) return;
  if (out_.has_room(2)) {
    out_.put(view.submissions.size() | view.slices.size() << 32U);
    out_.put(digest_of(view));
  }
  commit(RecordKind::prepare, taken);
}

void Recorder::drained(std::span<const WorkItem> items) {
  put_bytes(RecordKind::drain, std::as_bytes(items), items.size());
}

void Recorder::taken_back(std::span<const ReturnItem> returns) {
  put_bytes(RecordKind::take_back, std::as_bytes(returns), returns.size());
}

void Recorder::handed_over(std::span<const WorkItem> items) {
  put_digest(RecordKind::hand_over, std::as_bytes(items), items.size());
}

void Recorder::given_back(std::span<const ReturnItem> returns) {
  put_digest(RecordKind::give_back, std::as_bytes(returns), returns.size());
}

void Recorder::found_items() {
  if (begin_record()) commit(RecordKind::found, 0);
}

void Recorder::commanded(const StageCommand& command) {
  if (!begin_record()) return;
  put(out_, command);
  commit(RecordKind::command, 1);
}

void Recorder::saw_clock(engine::Instant now) {
  if (now - clock_ < kClockStep || !begin_record()) return;
  clock_ = now;
  if (out_.has_room(1)) out_.put(static_cast<std::uint64_t>(now.ns));
  commit(RecordKind::time, 0);
}

void Recorder::end(std::span<const std::byte> stage, const Runner& runner) {
  if (!begin_record()) return;
  if (out_.has_room(1)) out_.put(digest_of_state(stage, runner));
  commit(RecordKind::end, 0);
  if (!is_lost_)
    std::atomic_ref(segment_->end).store(SegmentEnd::stopped, std::memory_order_release);
}

}  // namespace reprise::flight
