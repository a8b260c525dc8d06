// The backend and the hand-off of a stage that is played back: they give what was recorded for the
// step at hand, and compare what they are given with what was.
#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/flight/frame_codec.hpp"
#include "reprise/flight/player.hpp"
#include "reprise/flight/reader.hpp"

namespace reprise::flight {

/// What both share. begin() with each segment, begin_step() with each step.
class PlayedSeams {
 public:
  explicit PlayedSeams(const Track& track);

  void begin(const Segment& segment);
  void begin_step(std::uint64_t step);
  [[nodiscard]] Records& records() { return *records_; }
  /// What the step did.
  [[nodiscard]] const PlayedStep& step() const { return step_; }
  /// The first difference of the step at hand; empty: none.
  [[nodiscard]] const std::string& difference() const { return difference_; }
  void differ(std::string what) {
    if (difference_.empty()) difference_ = std::move(what);
  }
  [[nodiscard]] engine::Surroundings surroundings();

 private:
  class PlayedBackend final : public engine::Backend {
   public:
    explicit PlayedBackend(PlayedSeams& seams) : seams_(seams) {}
    std::uint32_t prepare(engine::SubmissionView view) override;
    engine::SubmitResult submit() override { return {}; }
    engine::SubmitResult submit_and_wait(std::uint32_t, engine::Instant) override { return {}; }
    std::uint32_t reap(engine::CompletionBatch& batch) override;
    [[nodiscard]] engine::Instant now() const override { return {}; }
    void wake() override {}
    engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec&) override;
    engine::Expected<void> use_memory(const engine::PacketMemory&) override;
    engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec&) override;
    engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec&) override;
    engine::Expected<engine::SocketIndex> adopt(int) override;
    void close(engine::SocketIndex) override {}
    [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex) override { return {}; }
    [[nodiscard]] engine::Limits limits() const override { return {}; }

   private:
    PlayedSeams& seams_;
  };
  class PlayedHandOff final : public engine::HandOff {
   public:
    explicit PlayedHandOff(PlayedSeams& seams) : seams_(seams) {}
    void hand_over(std::span<const engine::WorkItem> items) override;
    std::uint32_t take_back(std::span<engine::ReturnItem> returns) override;
    std::uint32_t drain(std::span<engine::WorkItem> items) override;
    void give_back(std::span<const engine::ReturnItem> returns) override;
    void announce(engine::Role) override {}
    [[nodiscard]] bool has_items_for(engine::Role) const override;
    void wake(engine::Role) override {}

   private:
    PlayedSeams& seams_;
  };
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Bytes = std::unique_ptr<std::byte, Free>;

  /// The next record, where it is of this kind and of the step at hand.
  [[nodiscard]] const Record* expect(RecordKind kind) const;
  bool take_completion(WordReader& in, engine::CompletionBatch& batch);
  bool take_frame(WordReader& in, engine::RegionIndex region, engine::CompletionBatch& batch);
  template <class Item>
  std::uint32_t take_items(RecordKind kind, std::span<Item> room);
  void compare_items(RecordKind kind, std::span<const std::byte> items, std::size_t count);

  Bytes buffers_;
  Bytes blocks_;
  engine::PacketMemory memory_;
  engine::CompletionBatch batch_;
  PlayedBackend backend_{*this};
  PlayedHandOff hand_off_{*this};
  std::optional<Records> records_;
  FrameDecoder decoder_;
  PlayedStep step_;
  std::string difference_;
};

}  // namespace reprise::flight
