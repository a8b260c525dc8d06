// Calibration: the simulator's cost profile, measured on this machine's kernel.
//
// Everything runs in two network namespaces that are made for it and vanish with it; nothing is
// sent outside. The calling thread, pinned meanwhile, does what is measured; a second thread on
// another core sends, drains, wakes or shares with it. Every value is the median of several rounds,
// in which all measurements take turns.
//
// calibrate() needs CAP_SYS_ADMIN and CAP_NET_RAW, or unprivileged user namespaces and a process
// with one thread (see traffic/namespaces.hpp). It takes about half a second per round.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/sim/world_config.hpp"
#include "reprise/trial/cost_list.hpp"

namespace reprise::trial {

struct CalibrateRequest {
  std::uint32_t rounds = 9;                 ///< 1…40
  std::optional<unsigned> core = {};        ///< that is measured; unset: the last one allowed
  std::optional<unsigned> other_core = {};  ///< of the second thread; unset: the first one allowed
  std::string date = {};                    ///< of the result; empty: the system clock's
  const std::atomic<bool>* stop = nullptr;  ///< set: end soon, with an error (EINTR)
  std::function<void(std::uint64_t done, std::uint64_t of)> progress = {};  ///< may be empty
};

/// Median, least and most of the rounds.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

/// What was measured on the way and is no cost of the profile.
struct Figure {
  std::string name;
  Spread spread;
};

struct Host {
  std::string kernel_release;
  std::string cpu_model;
  std::string date;  ///< YYYY-MM-DD, UTC
};

struct Calibration {
  sim::CostProfile costs;                       ///< the medians, none below 0
  std::array<Spread, kCosts.size()> spreads{};  ///< in the order of kCosts
  std::vector<Figure> figures;                  ///< by name
  Host host;
  std::uint32_t rounds = 0;
  unsigned core = 0;
  unsigned other_core = 0;
};

/// Errors: the host allows no namespaces, packet sockets or io_uring; fewer than two cores; a
/// measurement found nothing to measure; interrupted.
engine::Expected<Calibration> calibrate(const CalibrateRequest& request);

}  // namespace reprise::trial
