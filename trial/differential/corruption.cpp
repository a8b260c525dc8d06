#include "reprise/trial/differential/corruption.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "reprise/sim/choices.hpp"

namespace reprise::trial {
namespace {

using engine::Operation;

enum class Falsification : std::uint8_t {
  swapped,
  dropped,
  duplicated,
  outcome,
  result,
  more,
  sequence,
  region,
  token,
};
constexpr std::size_t kFalsificationCount = 9;
constexpr std::array<std::string_view, kFalsificationCount> kNames{
    "two datagrams swapped", "a completion dropped", "a last completion twice",
    "another outcome",       "another result",       "another more",
    "another sequence",      "another region",       "another token"};

/// A completion by its act and its place there.
struct Place {
  std::size_t act = 0;
  std::size_t index = 0;
};

class Corruptor {
 public:
  Corruptor(const Trace& trace, std::uint64_t draw) : trace_(trace), draw_(draw) {
    for (std::size_t act = 0; act < trace.acts.size(); ++act) {
      for (const TraceEntry& entry : trace.acts[act].entries) {
        if (entries_.size() <= entry.token) entries_.resize(entry.token + 1);
        entries_[entry.token] = entry;
      }
      for (std::size_t index = 0; index < trace.acts[act].completions.size(); ++index) {
        places_.push_back({act, index});
      }
    }
  }

  std::optional<Corruption> run() {
    const std::size_t first = draw_ % kFalsificationCount;
    for (std::size_t step = 0; step < kFalsificationCount; ++step) {
      const auto kind = static_cast<Falsification>((first + step) % kFalsificationCount);
      std::vector<std::size_t> possible;
      for (std::size_t place = 0; place < places_.size(); ++place) {
        if (is_possible(kind, place)) possible.push_back(place);
      }
      if (possible.empty()) continue;
      const std::size_t place = possible[sim::mix(draw_) % possible.size()];
      const std::string what =
          fmt::format("{}: completion {} of token {}", kNames[static_cast<std::size_t>(kind)],
                      place, at(place).token);
      apply(kind, place);
      return Corruption{what, std::move(trace_)};
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] TraceCompletion& at(std::size_t place) {
    return trace_.acts[places_[place].act].completions[places_[place].index];
  }
  [[nodiscard]] const TraceEntry& entry_of(std::size_t place) { return entries_[at(place).token]; }
  /// The next completion with a datagram; 0: none.
  [[nodiscard]] std::size_t next_datagram(std::size_t place) {
    for (std::size_t next = place + 1; next < places_.size(); ++next) {
      if (at(next).has_datagram) return next;
    }
    return 0;
  }

  bool is_possible(Falsification kind, std::size_t place) {
    const TraceCompletion& completion = at(place);
    const TraceEntry& entry = entry_of(place);
    const bool is_ok = completion.errno_value == 0;
    switch (kind) {
      case Falsification::swapped:
      case Falsification::dropped:
        return completion.has_datagram ? next_datagram(place) != 0 : kind == Falsification::dropped;
      case Falsification::duplicated: return !completion.more;
      case Falsification::outcome:
        return is_ok && engine::is_send(entry.operation) && completion.result_bytes > 0 &&
               trace_.setup.sender_of(entry.socket).receiver != kNoReceiver;
      case Falsification::result: return is_ok && completion.result_bytes > 0;
      case Falsification::more:
        // A multishot receive may end where its completion overflows.
        return !completion.has_datagram || trace_.setup.completions_max > places_.size();
      case Falsification::sequence:
      case Falsification::region: return completion.has_datagram;
      case Falsification::token: return true;
    }
    return false;
  }

  void apply(Falsification kind, std::size_t place) {
    TraceCompletion& completion = at(place);
    std::vector<TraceCompletion>& siblings = trace_.acts[places_[place].act].completions;
    const auto here = siblings.begin() + static_cast<std::ptrdiff_t>(places_[place].index);
    switch (kind) {
      case Falsification::swapped: std::swap(completion, at(next_datagram(place))); return;
      case Falsification::dropped: siblings.erase(here); return;
      case Falsification::duplicated: siblings.insert(here, TraceCompletion(completion)); return;
      case Falsification::outcome:
        completion.errno_value = ECONNREFUSED;
        completion.result_bytes = 0;
        return;
      case Falsification::result: ++completion.result_bytes; return;
      case Falsification::more: completion.more = !completion.more; return;
      case Falsification::sequence: completion.sequence += 1'000'000; return;
      case Falsification::region: ++completion.region; return;
      case Falsification::token:
        completion.token = static_cast<std::uint32_t>(entries_.size());
        return;
    }
  }

  Trace trace_;
  std::uint64_t draw_;
  std::vector<TraceEntry> entries_;  ///< by token
  std::vector<Place> places_;
};

}  // namespace

std::optional<Corruption> corrupt(const Trace& trace, std::uint64_t draw) {
  return Corruptor(trace, draw).run();
}

}  // namespace reprise::trial
