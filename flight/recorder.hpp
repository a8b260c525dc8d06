// The recorder: appends what comes into one stage to a bounded log in memory that its owner maps
// (daemon/flight_log.hpp), so that the log outlives the process.
//
// One thread: that of the stage. It makes no system call and allocates nothing; a snapshot is
// written between two steps, when a segment is nearly full. What finds no room is left out, said so
// (SegmentHeader::lost_at), and a new segment begins with the next step.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/flight/command.hpp"
#include "reprise/flight/format.hpp"
#include "reprise/flight/frame_codec.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {

class Recorder {
 public:
  /// `segments` as format_file() returned them; they outlive the recorder.
  Recorder(std::span<std::byte> segments, const engine::PacketMemory& memory);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Before each step of the runner. `stage`: its flat value.
  void begin_step(std::span<const std::byte> stage, const engine::Runner& runner) {
    if (out_.at() >= full_from_ || step_ >= last_step_ || is_lost_) [[unlikely]]
      begin_segment(stage, runner);
    ++step_;
    std::atomic_ref(segment_->steps).store(step_, std::memory_order_release);
  }
  /// After the last step.
  void end(std::span<const std::byte> stage, const engine::Runner& runner);

  // Within a step.
  void reaped(const engine::CompletionBatch& batch);
  void prepared(const engine::SubmissionView& view, std::uint32_t taken);
  void drained(std::span<const engine::WorkItem> items);
  void taken_back(std::span<const engine::ReturnItem> returns);
  void handed_over(std::span<const engine::WorkItem> items);
  void given_back(std::span<const engine::ReturnItem> returns);
  void found_items();

  // Between two steps.
  void commanded(const StageCommand& command);
  /// Recorded at most once a millisecond.
  void saw_clock(engine::Instant now);

 private:
  [[nodiscard]] SegmentHeader* segment_at(std::uint64_t sequence) const;
  void begin_segment(std::span<const std::byte> stage, const engine::Runner& runner);
  /// False: no room.
  bool begin_record();
  /// Nothing more is recorded up to the next segment.
  void lose();
  void commit(RecordKind kind, std::size_t count);
  void put_digest(RecordKind kind, std::span<const std::byte> bytes, std::size_t count);
  void put_bytes(RecordKind kind, std::span<const std::byte> bytes, std::size_t count);
  void put_completion(const engine::Completion& completion);

  std::span<std::byte> segments_;
  engine::PacketMemory memory_;
  FrameEncoder encoder_;
  WordWriter out_;
  std::uint64_t* record_ = nullptr;     ///< that is being written
  std::uint64_t* records_ = nullptr;    ///< of this segment, the first
  std::uint64_t* full_from_ = nullptr;  ///< where the next segment is due
  SegmentHeader* segment_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t first_step_ = 0;
  std::uint64_t last_step_ = 0;  ///< of this segment
  bool is_lost_ = false;
  engine::Instant clock_{};
};

/// A digest of a stage and its runner.
std::uint64_t digest_of_state(std::span<const std::byte> stage, const engine::Runner& runner);

std::uint64_t digest_of(const engine::SubmissionView& view);

/// The runner and those pages of the stage that are not all zeros, as words.
void put_snapshot(WordWriter& out, std::span<const std::byte> stage, const engine::Runner& runner);
/// False where the words are no snapshot of so large a stage.
bool take_snapshot(std::span<const std::uint64_t> words, std::span<std::byte> stage,
                   engine::Runner& runner);

}  // namespace reprise::flight
