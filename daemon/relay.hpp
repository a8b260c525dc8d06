// A relay in this process: one unified stage on one io_uring backend, with the sockets that its
// rules need.
//
// open() does everything that can fail for an operator's reasons, or nothing: no socket, no
// membership and no region outlives a failed call. run() relays on the calling thread until
// request_stop().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/daemon/relay_report.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/memberships.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::daemon {

struct RelayOptions {
  engine::StageConfig stage;  ///< capacities grow with the rules; region_bytes with the inputs' MTU
  std::uint8_t hops = 16;     ///< TTL or hop limit of what is sent, 1…255
  std::uint32_t receive_buffer_bytes = 4U
                                       << 20U;  ///< of each packet socket; the host may grant less
  std::uint32_t send_buffer_bytes = 0;          ///< of each output's socket; 0: the host's default
  engine::Duration drain = engine::seconds(1);  ///< how long a stop waits for blocked outputs
};

class Relay {
 public:
  static engine::Expected<std::unique_ptr<Relay>> open(std::span<const engine::Rule> rules,
                                                       const RelayOptions& options);

  /// Relays until request_stop(), then sends what was accepted, for at most the drain time; what is
  /// left then is dropped and counted. With an interval, `on_interval` is called about that often
  /// on this thread.
  RelayReport run(engine::Duration interval = {},
                  const std::function<void(const RelayReport&)>& on_interval = {});

  /// Any thread, async-signal-safe.
  void request_stop();

  [[nodiscard]] RelayReport report();

 private:
  struct Input {
    std::string interface;
    engine::SocketIndex socket{};
    engine::InputIndex index{};
    std::vector<engine::WantedTraffic> wanted;
  };
  struct Routed {
    engine::Rule rule;
    engine::RouteIndex route{};
  };

  Relay(engine::Flat<engine::Stage> stage, std::unique_ptr<uring::UringBackend> backend,
        const RelayOptions& options);

  engine::Expected<void> open_inputs(std::span<const engine::Rule> rules);
  engine::Expected<void> open_outputs(std::span<const engine::Rule> rules);
  void begin_stop();

  engine::Flat<engine::Stage> stage_;
  std::unique_ptr<uring::UringBackend> backend_;
  RelayOptions options_;
  engine::Runner runner_;
  engine::CompletionBatch batch_;
  engine::PacketMemory memory_{};
  posix::Memberships memberships_;
  std::vector<posix::Descriptor> held_ports_;
  std::vector<Input> inputs_;
  std::vector<Routed> routed_;
  std::atomic<bool> stop_requested_ = false;
  bool stopping_ = false;
  bool abandoned_ = false;
  engine::Instant stop_deadline_ = engine::kNever;
  engine::Instant started_at_{};
};

}  // namespace reprise::daemon
