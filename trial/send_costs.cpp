// An egress stage on a real ring sends batches of 1, 8 and 32, linked and not, small and large;
// each part of its turn is timed. The slope over the sizes is what one more send costs in that
// part.
//
// At the far end a socket takes the datagrams, and a thread on another core empties it now and
// then: a send's cost contains the way through the cable up to that socket, as it does in a relay.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "reprise/trial/bench_ring.hpp"
#include "reprise/trial/chunks.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::Instant;
using engine::SendOrder;
using engine::Stage;

constexpr std::array<std::uint32_t, 3> kSizes{1, 8, 32};
constexpr std::array<std::uint32_t, 2> kPayloads{64, 1400};
constexpr std::uint32_t kTurns = 120;             ///< of each kind in one round
constexpr std::uint32_t kDrainBytes = 4U << 20U;  ///< some 4 ms of sends

engine::StageConfig config_of(SendOrder order) {
  engine::StageConfig config;
  config.role = engine::Role::egress;
  config.wake_up = engine::WakeUp::spin;
  config.policy = engine::Policy::deferred;
  config.pool = kSizes.back();
  config.hazards.send_order = order;
  return config;
}

struct TurnTimes {
  std::int64_t prepare_ns = 0;
  std::int64_t submit_ns = 0;
  std::int64_t reap_ns = 0;
};

/// A stage with its output, on a ring that others share in turn.
class Sender {
 public:
  Sender(SendOrder order, BenchRing& ring, engine::SocketIndex socket)
      : stage_(config_of(order)), ring_(&ring), batch_(256, 256) {
    output_ = stage_->add_outputs({&socket, 1}).value();
  }

  /// One turn; nothing where the sends had not ended when the submit returned.
  std::optional<TurnTimes> turn(std::uint32_t size, std::uint32_t payload_bytes) {
    std::array<engine::WorkItem, kSizes.back()> items;
    for (std::uint32_t index = 0; index < size; ++index) {
      items[index] = {{.region = engine::RegionIndex{index},
                       .length_bytes = static_cast<std::uint16_t>(payload_bytes)},
                      output_};
    }
    stage_->take_over(std::span(items).first(size));
    const Instant begin = traffic::monotonic_now();
    stage_->prepare(ring_->memory);
    stage_->taken(ring_->backend->prepare(stage_->outgoing()));
    const Instant prepared = traffic::monotonic_now();
    ring_->backend->submit();
    const Instant submitted = traffic::monotonic_now();
    ring_->backend->reap(batch_);
    stage_->complete(batch_, ring_->memory);
    const Instant reaped = traffic::monotonic_now();
    const bool is_whole = batch_.completions().size() == size && stage_->sends_open() == 0;
    is_stuck_ = is_stuck_ || !settle();
    if (!is_whole) return std::nullopt;
    return TurnTimes{(prepared - begin).ns, (submitted - prepared).ns, (reaped - submitted).ns};
  }

  /// Sends did not end at all: no further turn is of use.
  [[nodiscard]] bool is_stuck() const { return is_stuck_; }

 private:
  /// Until no send is open and no region held; false where that does not happen.
  bool settle() {
    const Instant end = traffic::monotonic_now() + kPatience;
    while (!stage_->egress().is_idle()) {
      if (traffic::monotonic_now() > end) return false;
      stage_->prepare(ring_->memory);
      stage_->taken(ring_->backend->prepare(stage_->outgoing()));
      ring_->backend->submit_and_wait(stage_->sends_open() > 0 ? 1 : 0, end);
      ring_->backend->reap(batch_);
      stage_->complete(batch_, ring_->memory);
    }
    while (stage_->has_returns()) stage_->give_back();
    return true;
  }

  engine::Flat<Stage> stage_;
  BenchRing* ring_;
  engine::CompletionBatch batch_;
  engine::OutputIndex output_{};
  bool is_stuck_ = false;
};

/// Empties the far socket every half a millisecond; it never sleeps in a receive, so that no send
/// has to wake it.
void drain_socket(int socket, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    while (::recv(socket, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
    }
    traffic::sleep_until(traffic::monotonic_now() + engine::Duration{500'000});
  }
}

class SendCosts final : public Instrument {
 public:
  static MadeInstrument make(const Cable& cable, unsigned other_core);

  Expected<void> read(Readings& readings) override;

 private:
  struct Part {
    Sizes prepare;
    Sizes submit;
    Sizes reap;
  };
  SendCosts(BenchRing ring, posix::Descriptor sink, engine::SocketIndex socket, unsigned other_core)
      : ring_(std::move(ring)),
        sink_(std::move(sink)),
        linked_(SendOrder::linked, ring_, socket),
        unlinked_(SendOrder::unlinked, ring_, socket),
        drainer_(start_on(other_core, [descriptor = sink_.get()](const std::stop_token& stop) {
          drain_socket(descriptor, stop);
        })) {}
  static void take(Part& part, Sender& sender, std::uint32_t size, std::uint32_t payload_bytes);

  BenchRing ring_;
  posix::Descriptor sink_;
  Sender linked_;
  Sender unlinked_;
  std::jthread drainer_;  ///< last: ends first
};

MadeInstrument SendCosts::make(const Cable& cable, unsigned other_core) {
  auto ring = BenchRing::create(config_of(SendOrder::linked));
  if (!ring) return std::unexpected(ring.error());
  Expected<posix::Descriptor> sink = engine::failure("");
  const auto opened_far = cable.far.visit([&]() -> Expected<void> {
    sink = traffic::open_udp_sink({.input = cable.at_far, .receive_buffer_bytes = kDrainBytes});
    if (!sink) return std::unexpected(sink.error());
    return {};
  });
  if (!opened_far) return std::unexpected(opened_far.error());
  Expected<engine::SocketIndex> socket = engine::failure("");
  const auto opened_near = cable.near.visit([&]() -> Expected<void> {
    engine::SendSocketSpec spec;
    spec.destination = cable.to_far.group;
    spec.port = cable.to_far.port;
    spec.interface = cable.to_far.interface;
    socket = ring->backend->open(spec);
    if (!socket) return std::unexpected(socket.error());
    return {};
  });
  if (!opened_near) return std::unexpected(opened_near.error());
  return std::unique_ptr<Instrument>(
      new SendCosts(std::move(*ring), std::move(*sink), *socket, other_core));
}

void SendCosts::take(Part& part, Sender& sender, std::uint32_t size, std::uint32_t payload_bytes) {
  const auto times = sender.turn(size, payload_bytes);
  if (!times) return;
  part.prepare.add(size, times->prepare_ns);
  part.submit.add(size, times->submit_ns);
  part.reap.add(size, times->reap_ns);
}

double empty_call_ns(engine::Backend& backend) {
  return chunked_ns(100, 20, [&] { backend.submit_and_wait(0, engine::kNever); });
}

Expected<void> SendCosts::read(Readings& readings) {
  std::array<Part, kPayloads.size()> linked;
  std::array<Part, kPayloads.size()> unlinked;
  for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
    for (const std::uint32_t size : kSizes) {
      for (std::size_t index = 0; index < kPayloads.size(); ++index) {
        take(linked[index], linked_, size, kPayloads[index]);
        take(unlinked[index], unlinked_, size, kPayloads[index]);
      }
      if (linked_.is_stuck() || unlinked_.is_stuck()) {
        return engine::failure("sends: some did not end within two seconds; try again");
      }
    }
  }
  for (const Part* part : {&linked[0], &linked[1], &unlinked[0], &unlinked[1]}) {
    if (part->submit.least_samples(kSizes.size()) == 0) {
      return engine::failure("sends: no batch had ended when its submit returned; try again");
    }
  }
  const double small_ns = unlinked[0].submit.line().slope;
  const Line large = unlinked[1].submit.line();
  const double byte_ns = std::max(0.0, (large.slope - small_ns) / (kPayloads[1] - kPayloads[0]));
  readings["call_ns"] = empty_call_ns(*ring_.backend);
  readings["send_byte_ps"] = byte_ns * 1000;
  readings["send_ns"] = large.slope - byte_ns * kPayloads[1];
  readings["linked_ns"] = linked[1].submit.line().slope - large.slope;
  readings["prepare_ns"] = linked[1].prepare.line().slope;
  readings["completion_ns"] = linked[1].reap.line().slope;
  readings["send_of_64_bytes_ns"] = small_ns;
  readings["send_of_1400_bytes_ns"] = large.slope;
  readings["submit_ns"] = std::max(0.0, large.intercept - readings["call_ns"]);
  return {};
}

}  // namespace

MadeInstrument make_send_costs(const Cable& cable, unsigned other_core) {
  return SendCosts::make(cable, other_core);
}

}  // namespace reprise::trial
