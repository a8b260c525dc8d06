#include "reprise/flight/recording.hpp"

namespace reprise::flight {

std::uint32_t RecordingBackend::prepare(engine::SubmissionView view) {
  const std::uint32_t taken = backend_.prepare(view);
  recorder_.prepared(view, taken);
  return taken;
}

std::uint32_t RecordingBackend::reap(engine::CompletionBatch& batch) {
  const std::uint32_t count = backend_.reap(batch);
  recorder_.reaped(batch);
  return count;
}

void RecordingHandOff::hand_over(std::span<const engine::WorkItem> items) {
  recorder_.handed_over(items);  // first: then the peer has them
  hand_off_.hand_over(items);
}

std::uint32_t RecordingHandOff::take_back(std::span<engine::ReturnItem> returns) {
  const std::uint32_t count = hand_off_.take_back(returns);
  recorder_.taken_back(returns.first(count));
  return count;
}

std::uint32_t RecordingHandOff::drain(std::span<engine::WorkItem> items) {
  const std::uint32_t count = hand_off_.drain(items);
  recorder_.drained(items.first(count));
  return count;
}

void RecordingHandOff::give_back(std::span<const engine::ReturnItem> returns) {
  recorder_.given_back(returns);
  hand_off_.give_back(returns);
}

bool RecordingHandOff::has_items_for(engine::Role sleeper) const {
  const bool found = hand_off_.has_items_for(sleeper);
  if (found) recorder_.found_items();
  return found;
}

}  // namespace reprise::flight
