// The engine's seams, with a recorder beside them: what a step gets from its backend and its
// hand-off, and what it gives them, goes to the log on its way.
//
// Both own nothing; all calls are passed on.
#pragma once

#include <string>

#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/flight/recorder.hpp"

namespace reprise::flight {

class RecordingBackend final : public engine::Backend {
 public:
  RecordingBackend(engine::Backend& backend, Recorder& recorder)
      : backend_(backend), recorder_(recorder) {}

  std::uint32_t prepare(engine::SubmissionView view) override;
  engine::SubmitResult submit() override { return backend_.submit(); }
  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override {
    return backend_.submit_and_wait(count, deadline);
  }
  std::uint32_t reap(engine::CompletionBatch& batch) override;
  [[nodiscard]] engine::Instant now() const override { return backend_.now(); }
  void wake() override { backend_.wake(); }

  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override {
    return backend_.register_memory(spec);
  }
  engine::Expected<void> use_memory(const engine::PacketMemory& memory) override {
    return backend_.use_memory(memory);
  }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec& spec) override {
    return backend_.open(spec);
  }
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec& spec) override {
    return backend_.open(spec);
  }
  engine::Expected<engine::SocketIndex> adopt(int descriptor) override {
    return backend_.adopt(descriptor);
  }
  void close(engine::SocketIndex socket) override { backend_.close(socket); }
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) override {
    return backend_.statistics(socket);
  }
  [[nodiscard]] std::uint16_t fanout_group(engine::SocketIndex member) override {
    return backend_.fanout_group(member);
  }
  engine::Expected<void> steer(engine::SocketIndex member, engine::Steering steering) override {
    return backend_.steer(member, steering);
  }
  [[nodiscard]] engine::Limits limits() const override { return backend_.limits(); }
  [[nodiscard]] engine::QueueDepths depths() const override { return backend_.depths(); }

 private:
  engine::Backend& backend_;
  Recorder& recorder_;
};

class RecordingHandOff final : public engine::HandOff {
 public:
  RecordingHandOff(engine::HandOff& hand_off, Recorder& recorder)
      : hand_off_(hand_off), recorder_(recorder) {}

  void hand_over(std::span<const engine::WorkItem> items) override;
  std::uint32_t take_back(std::span<engine::ReturnItem> returns) override;
  std::uint32_t drain(std::span<engine::WorkItem> items) override;
  void give_back(std::span<const engine::ReturnItem> returns) override;
  void announce(engine::Role sleeper) override { hand_off_.announce(sleeper); }
  [[nodiscard]] bool has_items_for(engine::Role sleeper) const override;
  void wake(engine::Role peer) override { hand_off_.wake(peer); }

 private:
  engine::HandOff& hand_off_;
  Recorder& recorder_;
};

}  // namespace reprise::flight
