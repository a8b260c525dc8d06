// The one source of choice. Everything undetermined in a simulation is one pick(site, n).
//
// A run is its list of picks: Listed and ListedBySite replay one, Hashed makes one up from a seed,
// Recorded writes one down.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace reprise::sim {

/// Where a choice is made. A site's picks do not depend on how often other sites are asked
/// (Hashed).
enum class Site : std::uint8_t {
  tie,           ///< which of several actors that are ready at the same instant goes first
  schedule,      ///< untimed: which of the actors that can go does
  interarrival,  ///< a uniform draw that becomes the time to the next arrival
  send_error,    ///< fault: a send fails
  chain_pause,   ///< a linked chain goes on only after a later call
  arrivals,      ///< how many datagrams arrive before the next phase (TurnWorld)
  service,       ///< a uniform draw that becomes the time a frame keeps a link busy
  worker,        ///< which entry a worker thread runs (IOSQE_ASYNC)
  cancel,        ///< whether a cancel finds an entry that a worker has begun
  fault_plan,    ///< which faults a run has, and how strong
  // Faults (FaultKind), each at a site of its own.
  send_refused,
  send_no_memory,
  queue_drop,
  wire_loss,
  duplicate,
  reorder,
  receive_end,
  port_refused,
  setup_failure,
  receive_burst,
  carrier_loss,
  down,
  address_loss,
  small_mtu,
  starvation,
  departure,           ///< untimed: whether a frame departs between two fragments of one send
  woken_while_arming,  ///< untimed: whether a wait is woken while it is armed
  on_off,              ///< a uniform draw that becomes the length of a burst, or of a silence
};
inline constexpr std::size_t kSiteCount = 28;
const char* name(Site site);
/// The site of that name; none where there is no such site (any more).
std::optional<Site> site_named(std::string_view text);

class Choices {
 public:
  Choices() = default;
  virtual ~Choices() = default;

  /// A number below `count`, which is at least 1. 0 is the simplest alternative: no fault, first
  /// come first.
  std::uint32_t pick(Site site, std::uint32_t count);

 protected:
  Choices(const Choices&) = default;
  Choices& operator=(const Choices&) = default;

 private:
  /// Asked only where count is above 1.
  virtual std::uint32_t choose(Site site, std::uint32_t count) = 0;
};

/// Picks from a list, reduced into range; 0 after its end.
class Listed final : public Choices {
 public:
  explicit Listed(std::span<const std::uint32_t> picks) : picks_(picks.begin(), picks.end()) {}
  [[nodiscard]] std::size_t used() const { return position_; }

 private:
  std::uint32_t choose(Site site, std::uint32_t count) override;
  std::vector<std::uint32_t> picks_;
  std::size_t position_ = 0;
};

/// What each site picks, in the order in which it is asked.
using PicksBySite = std::array<std::vector<std::uint32_t>, kSiteCount>;

/// Picks from a list for each site, reduced into range; 0 after its end. As with Hashed, a site
/// that is asked more or less often does not shift the others.
class ListedBySite final : public Choices {
 public:
  explicit ListedBySite(PicksBySite picks) : picks_(std::move(picks)) {}

 private:
  std::uint32_t choose(Site site, std::uint32_t count) override;
  PicksBySite picks_;
  std::array<std::size_t, kSiteCount> asked_{};
};

/// Picks by hash(seed, site, how often the site was asked).
class Hashed final : public Choices {
 public:
  explicit Hashed(std::uint64_t seed);

 private:
  std::uint32_t choose(Site site, std::uint32_t count) override;
  std::array<std::uint64_t, kSiteCount> keys_{};  ///< hash(seed, site)
  std::array<std::uint64_t, kSiteCount> asked_{};
};

/// Passes on what another source picks and keeps the list.
class Recorded final : public Choices {
 public:
  explicit Recorded(Choices& source) : source_(&source) {}
  [[nodiscard]] const std::vector<std::uint32_t>& picks() const { return picks_; }

 private:
  std::uint32_t choose(Site site, std::uint32_t count) override;
  Choices* source_;
  std::vector<std::uint32_t> picks_;
};

/// A 64-bit mix in which every input bit reaches every output bit (the finaliser of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e37'79b9'7f4a'7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11ebULL;
  return value ^ (value >> 31);
}

}  // namespace reprise::sim
