#include "reprise/trial/differential/recorder.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <utility>

#include "reprise/posix/monotonic_clock.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::trial {

using engine::Expected;

namespace {

constexpr std::int64_t kWaitNs = 1'000'000;
constexpr engine::Duration kDrainPatience = engine::seconds(5);
/// So often in a row nothing must come: on a deferred ring each call goes one step.
constexpr int kQuietCalls = 4;

Expected<void> stay_on_this_core() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &cores);
  if (::sched_setaffinity(0, sizeof cores, &cores) == 0) return {};
  return traffic::system_failure("differential test: sched_setaffinity");
}

}  // namespace

Expected<std::unique_ptr<Recorder>> Recorder::create() {
  auto network = RealNetwork::create();
  if (!network) return std::unexpected(network.error());
  if (auto stays = stay_on_this_core(); !stays) return std::unexpected(stays.error());
  return std::unique_ptr<Recorder>(new Recorder(*std::move(network)));
}

Expected<RealRing*> Recorder::ring_for(const TraceSetup& setup) {
  for (const auto& ring : rings_) {
    if (ring->fits(setup)) return ring.get();
  }
  auto made = RealRing::create(setup);
  if (!made) return std::unexpected(made.error());
  rings_.push_back(*std::move(made));
  return rings_.back().get();
}

Expected<Trace> Recorder::record(const Trace& plan) {
  Trace trace = plan;
  auto ring = ring_for(trace.setup);
  if (!ring) return std::unexpected(ring.error());
  ring_ = *ring;
  if (auto begun = ring_->begin(trace.setup); !begun) return std::unexpected(begun.error());
  if (auto adjusted = network_.adjust(trace.setup); !adjusted) {
    return std::unexpected(adjusted.error());
  }
  Expected<void> done;
  for (Act& act : trace.acts) {
    act.completions.clear();
    done = carry_out(trace, act);
    if (!done) break;
  }
  if (auto rested = rest(); !rested) return std::unexpected(rested.error());
  if (!done) return std::unexpected(done.error());
  return trace;
}

Expected<void> Recorder::carry_out(const Trace& trace, Act& act) {
  switch (act.kind) {
    case ActKind::provide:
      for (const std::uint32_t region : act.regions) ring_->provide(region);
      return {};
    case ActKind::submit: return submit(trace, act);
    case ActKind::wait: {
      const int result = ring_->wait(act.count, kWaitNs);
      act.errno_value = result < 0 ? -result : 0;
      return {};
    }
    case ActKind::reap: ring_->reap(trace.setup, act.completions); return {};
    case ActKind::quiesce: return quiesce(act.completions);
    case ActKind::set_up:
    case ActKind::set_carrier:
    case ActKind::set_address:
    case ActKind::set_mtu:
    case ActKind::set_blocked: return network_.operate(act);
  }
  return {};
}

Expected<void> Recorder::submit(const Trace& trace, Act& act) {
  for (const TraceEntry& entry : act.entries) {
    const bool has_socket = entry.operation != engine::Operation::deadline &&
                            entry.operation != engine::Operation::cancel;
    const int socket = has_socket ? network_.socket(entry.socket) : -1;
    if (entry.token == 0 || entry.token >= kTokensMax) {
      return engine::failure(fmt::format("token {}: expected 1 to {}", entry.token, kTokensMax - 1),
                             EINVAL);
    }
    if (!ring_->prepare(trace.setup, entry, socket)) {
      return engine::failure("submit: more entries than the submission queue holds", EINVAL);
    }
  }
  const int result = ring_->enter(act.collects);
  act.submitted = result < 0 ? 0 : static_cast<std::uint32_t>(result);
  act.errno_value = result < 0 ? -result : 0;
  return {};
}

Expected<void> Recorder::quiesce(std::vector<TraceCompletion>& completions) {
  const engine::Instant deadline = posix::monotonic_now() + kDrainPatience;
  const TraceSetup setup = network_setup();
  for (int quiet = 0; quiet < kQuietCalls;) {
    const std::size_t before = completions.size();
    const int result = ring_->wait(0, kWaitNs);
    if (result < 0 && result != -ETIME) {
      return traffic::system_failure("quiesce: io_uring_enter", -result);
    }
    ring_->reap(setup, completions);
    const bool is_quiet =
        completions.size() == before && network_.is_empty() && !ring_->has_overflow();
    quiet = is_quiet ? quiet + 1 : 0;
    if (posix::monotonic_now() > deadline) {
      return engine::failure("quiesce: the kernel does not come to rest");
    }
  }
  return {};
}

/// Ends everything that the trace left open.
Expected<void> Recorder::rest() {
  if (auto restored = network_.restore(); !restored) return restored;
  std::vector<TraceCompletion> ignored;
  const engine::Instant deadline = posix::monotonic_now() + kDrainPatience;
  while (ring_->prepared_count() > 0 || !ring_->is_idle()) {
    ring_->cancel_all();
    ring_->reap(network_setup(), ignored);
    if (auto quiet = quiesce(ignored); !quiet) return quiet;
    if (posix::monotonic_now() > deadline) {
      return engine::failure("the kernel does not end what is open");
    }
  }
  if (auto quiet = quiesce(ignored); !quiet) return quiet;
  return network_.restore();
}

}  // namespace reprise::trial
