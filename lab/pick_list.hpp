// A run's picks as a person can read and search them: the order in which sites were asked, with how
// many alternatives, and what each site picked. Repeats are written once with their number, so that
// a long run stays a small file.
//
//   order    a b120 a2     a and b are kinds of questions ("tie 2", "interarrival 4294967295")
//   values   0*17 1 0*3    of one site, in the order in which it was asked
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::lab {

/// More picks than this are no run file's.
inline constexpr std::uint64_t kPicksMax = 1'000'000'000;

/// A question that a site asks. Its name may be one that this program does not know.
struct Ask {
  std::string site;
  std::uint32_t count = 2;  ///< of alternatives, 2 or more
  friend bool operator==(const Ask&, const Ask&) = default;
};

/// Every question of a run, in order.
class AskOrder {
 public:
  using Kind = std::uint32_t;
  struct Repeat {
    Kind kind = 0;
    std::uint64_t times = 0;
    friend bool operator==(const Repeat&, const Repeat&) = default;
  };

  void add(sim::Site site, std::uint32_t count);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const Ask& ask(Kind kind) const { return kinds_[kind]; }
  /// None where the run never asked so.
  [[nodiscard]] std::optional<Kind> kind_of(sim::Site site, std::uint32_t count) const;
  [[nodiscard]] const std::vector<Ask>& kinds() const { return kinds_; }
  [[nodiscard]] const std::vector<Repeat>& repeats() const { return repeats_; }

  /// "a b120 a2", in lines.
  [[nodiscard]] std::string text() const;
  /// From kinds in the order of their letters and the text. The error has no place.
  static engine::Expected<AskOrder> parse(std::vector<Ask> kinds, std::string_view text);

 private:
  void add_kind(Ask ask);
  std::vector<Ask> kinds_;
  std::map<std::pair<sim::Site, std::uint32_t>, Kind> known_;
  std::vector<Repeat> repeats_;
  std::uint64_t size_ = 0;
};

/// What a kind is called in the text: a…z, aa, ab, …
std::string letters_of(AskOrder::Kind kind);

/// "0*17 1 0*3", in lines, and back. The error has no place.
std::string values_text(const std::vector<std::uint32_t>& values);
engine::Expected<std::vector<std::uint32_t>> parse_values(std::string_view text);

/// Passes on what another source picks, and keeps both questions and answers.
class PickRecorder final : public sim::Choices {
 public:
  explicit PickRecorder(sim::Choices& source) : source_(&source) {}
  [[nodiscard]] const AskOrder& order() const { return order_; }
  [[nodiscard]] const sim::PicksBySite& picks() const { return picks_; }

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override;
  sim::Choices* source_;
  AskOrder order_;
  sim::PicksBySite picks_;
};

/// Where a run asked something else than a record of it.
struct Divergence {
  std::uint64_t pick = 0;       ///< the how manieth, from 0
  std::optional<Ask> expected;  ///< none: the record ends here
  std::optional<Ask> found;     ///< none: the run ended here
  std::int64_t time_ns = 0;     ///< virtual
};

/// Passes on what another source picks, and compares the questions with a record.
class PickComparer final : public sim::Choices {
 public:
  /// Both outlive it.
  PickComparer(sim::Choices& source, const AskOrder& expected)
      : source_(&source), expected_(&expected) {}
  /// The first one, its time not set.
  [[nodiscard]] const std::optional<Divergence>& divergence() const { return divergence_; }
  /// The run ended here: whether it should have asked more.
  void end();

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override;
  void compare(sim::Site site, std::uint32_t count);
  [[nodiscard]] std::optional<Ask> expected_ask() const;
  sim::Choices* source_;
  const AskOrder* expected_;
  std::size_t repeat_ = 0;   ///< of the record, at which it is
  std::uint64_t times_ = 0;  ///< of that, so many are past
  std::uint64_t asked_ = 0;
  std::optional<Divergence> divergence_;
};

}  // namespace reprise::lab
