// The demo: generator → relay → checking sink on real kernel sockets, in three namespaces of its
// own.
//
// The generator is held to a window of unreceived datagrams, so what shows is the relay and not an
// overrun. The relay is a function handed in: this library knows no backend.
//
// Three child processes do the work. They end with the demo however it ends, and the namespaces
// with them (child.hpp, namespaces.hpp); the caller turns SIGINT and SIGTERM into the stop flag.
// Call from a process with one thread. Without CAP_SYS_ADMIN the process is in a user namespace
// afterwards (allow_namespaces()).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/traffic/latency.hpp"

namespace reprise::traffic {

/// What the relay's function gets. It runs in its own process, inside the relay's namespace.
struct DemoRelayTask {
  const engine::Rule& rule;       ///< one input, one output, with their interfaces
  const std::atomic<bool>& stop;  ///< raised by SIGTERM, which also interrupts blocking calls
  std::function<void()> ready;    ///< to be called once, when the input is joined
  std::function<void(std::string_view)> report;  ///< takes one JSON object, before returning
};

/// Relays until the task's stop flag is up; returns an exit status, 0 when all went well. Says on
/// standard error what did not.
using DemoRelay = std::function<int(const DemoRelayTask&)>;

/// On which CPU each process is pinned; unset: wherever the kernel puts it.
struct DemoPlacement {
  std::optional<unsigned> generator;
  std::optional<unsigned> relay;
  std::optional<unsigned> receiver;
};

/// Generator and relay on two CPUs of those this process may use, the sink anywhere; with one CPU
/// nothing is pinned.
DemoPlacement default_demo_placement();

struct DemoOptions {
  std::uint64_t count = 1'000'000;
  std::uint32_t payload_bytes = 1400;
  std::uint32_t window_datagrams = 256;
  std::uint64_t rate_per_second = 0;  ///< 0: as fast as the window opens
  engine::Family family = engine::Family::ipv4;
  bool offloads = true;  ///< of the cables, see switch_off_offloads()
  bool progress = true;  ///< a line on standard error
  DemoPlacement placement = default_demo_placement();
};

struct DemoResult {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;  ///< sent − received
  std::uint64_t reordered = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t corrupted = 0;
  engine::Duration duration;  ///< from the first arrival at the sink to the last
  double datagrams_per_second = 0;
  LatencyPercentiles latency;    ///< end to end, with the window's queueing in it
  std::uint64_t stalls = 0;      ///< times that the window ran into its time-out
  std::uint64_t sink_drops = 0;  ///< of those lost, dropped at the sink's own socket
  bool interrupted = false;      ///< by the stop flag
  bool complete = false;         ///< `count` datagrams were sent
  nlohmann::ordered_json relay_report = nlohmann::ordered_json::object();

  /// All were sent and all arrived once, intact and in order.
  [[nodiscard]] bool held() const {
    return complete && lost == 0 && reordered == 0 && duplicated == 0 && corrupted == 0;
  }
};

/// One object; latencies and durations as in the structure, `seconds` for people.
nlohmann::ordered_json to_json(const DemoResult& result);

/// An error means that the demo could not be set up, or that one of its processes failed.
engine::Expected<DemoResult> run_demo(const DemoOptions& options, const DemoRelay& relay,
                                      const std::atomic<bool>& stop);

}  // namespace reprise::traffic
