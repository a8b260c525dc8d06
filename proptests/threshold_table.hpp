// The threshold table: the smallest pool with which a stage refuses nothing, by arithmetic on turns
// (docs/THRESHOLDS.md). And what it is about: a case of a turn world (sim/turn_world.hpp).
//
// A window is from the beginning of one turn to that of the next; at most burst + (n - 1) · rate
// datagrams arrive in n windows in a row. A row of the table says over how many windows in a row a
// buffer may be away.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/sim/turn_world.hpp"

namespace reprise::proptests {

struct TurnCase {
  engine::Role role = engine::Role::egress;
  engine::Policy policy = engine::Policy::deferred;
  engine::Exhaustion exhaustion = engine::Exhaustion::wait;  ///< unified
  engine::SendOrder send_order = engine::SendOrder::linked;
  sim::ArrivalTimes arrival_times = sim::ArrivalTimes::between_turns;
  std::uint32_t burst = 1;
  std::uint32_t rate = 1;
  std::uint32_t delay_turns = 0;
  std::uint32_t fan_out = 1;
  std::uint32_t more_batch = 0;  ///< beyond batch_least()
};

/// Over how many windows in a row a buffer may be away: a row of the table.
std::uint32_t windows_of(const TurnCase& tried);
/// The smallest pool that refuses nothing.
std::uint32_t table_pool(const TurnCase& tried);
/// The smallest batch for which the table holds.
std::uint32_t batch_least(const TurnCase& tried);

/// A configuration that check() accepts.
std::shared_ptr<const sim::TurnWorldConfig> config_of(const TurnCase& tried, std::uint32_t pool);

/// One line that names every field.
std::string to_text(const TurnCase& tried);
void showValue(const TurnCase& tried, std::ostream& stream);

/// Picks from a list, none above what may be picked; 0 after its end. So an entry is a number of
/// arrivals.
class AtMost final : public sim::Choices {
 public:
  explicit AtMost(std::span<const std::uint32_t> picks) : picks_(picks.begin(), picks.end()) {}

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override;
  std::vector<std::uint32_t> picks_;
  std::size_t position_ = 0;
};

/// Picks the most in so many of 100 times, else any.
class Pressing final : public sim::Choices {
 public:
  Pressing(std::uint64_t seed, std::uint32_t percent) : any_(seed), percent_(percent) {}

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override;
  sim::Hashed any_;
  std::uint32_t percent_;
};

}  // namespace reprise::proptests
