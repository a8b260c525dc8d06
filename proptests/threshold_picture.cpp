#include "threshold_picture.hpp"

#include <fmt/format.h>

#include <span>
#include <string_view>
#include <utility>

#include "threshold_table.hpp"

namespace reprise::proptests {
namespace {

using sim::Place;

constexpr std::array kEgressPlaces{Place::free,     Place::hand_off,    Place::egress_queue,
                                   Place::prepared, Place::in_flight,   Place::completed,
                                   Place::released, Place::return_queue};
constexpr std::array kUnifiedPlaces{Place::free,         Place::provided, Place::received,
                                    Place::egress_queue, Place::prepared, Place::in_flight,
                                    Place::completed};

std::string_view name_of(Place place) { return sim::kPlaceNames[static_cast<std::size_t>(place)]; }

class Writer {
 public:
  explicit Writer(engine::Role role)
      : places_(role == engine::Role::egress ? std::span<const Place>(kEgressPlaces)
                                             : std::span<const Place>(kUnifiedPlaces)) {
    std::string heading = fmt::format("{:>4} {:<22}", "turn", "what");
    for (const Place place : places_) {
      heading += fmt::format("  {}", name_of(place));
    }
    picture.lines.push_back(std::move(heading));
  }
  void add(std::uint64_t turn, std::string_view what, const sim::PlaceCounts& counts) {
    std::string line = fmt::format("{:>4} {:<22}", turn, what);
    for (const Place place : places_) {
      const std::uint32_t count = counts[static_cast<std::size_t>(place)];
      const std::string text = count == 0 ? "." : fmt::format("{}", count);
      line += fmt::format("  {:>{}}", text, name_of(place).size());
    }
    picture.lines.push_back(std::move(line));
    picture.last = counts;
  }
  Picture picture;

 private:
  std::span<const Place> places_;
};

}  // namespace

Picture picture_of(std::shared_ptr<const sim::TurnWorldConfig> config,
                   const std::vector<std::uint32_t>& picks, std::uint64_t turns) {
  sim::TurnWorld world(std::move(config));
  AtMost choices(picks);
  const bool refuses_arrivals = world.config().stage.exhaustion == engine::Exhaustion::wait;
  Writer writer(world.config().stage.role);
  writer.add(0, "start", world.census());
  for (;;) {
    const sim::TurnStep step = world.step(choices);
    if (step.turn > turns) break;
    const std::string refused = step.refused == 0 ? "" : fmt::format(", {} refused", step.refused);
    if (step.arrived > 0) {
      const std::string what =
          fmt::format("{} arrive{}", step.arrived, refuses_arrivals ? refused : "");
      writer.add(step.turn, what, step.after_arrivals);
    }
    writer.picture.refused += step.refused;
    if (step.refused > 0 && refuses_arrivals) break;
    if (const sim::PlaceCounts counts = world.census();
        counts != writer.picture.last || step.refused > 0) {
      writer.add(step.turn, fmt::format("{}{}", name(step.phase), refused), counts);
    }
    if (step.refused > 0) break;
  }
  return std::move(writer.picture);
}

}  // namespace reprise::proptests
