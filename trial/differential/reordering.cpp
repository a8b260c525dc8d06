#include "reprise/trial/differential/reordering.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "reprise/engine/assert.hpp"
#include "reprise/sim/packet.hpp"
#include "reprise/sim/simulated_host.hpp"
#include "reprise/trial/differential/beliefs.hpp"
#include "reprise/trial/differential/recorder.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::SubmissionFlags;

constexpr std::uint64_t kGigabitBytesPerSecond = 125'000'000;
constexpr std::uint32_t kSender = 3;    ///< over the queued link, to a UDP socket
constexpr std::uint32_t kReceiver = 2;  ///< that socket
constexpr std::uint32_t kPayloadBytes = 1400;
constexpr std::uint32_t kSendBufferBytes = 4608;
constexpr std::uint32_t kPatienceFactor = 20;

/// A multishot receive, then the batch in one call, until everything has come to rest.
Trace plan_of_batch(std::uint8_t flags, bool is_linked) {
  Trace plan;
  TraceSetup& setup = plan.setup;
  setup = network_setup();
  setup.submissions_max = kReorderedBatch;
  setup.completions_max = 4 * kReorderedBatch;
  setup.regions = kReorderedBatch;
  setup.senders[kSender].buffer_bytes = kSendBufferBytes;
  Act provide{.kind = ActKind::provide};
  for (std::uint32_t region = 0; region < setup.regions; ++region)
    provide.regions.push_back(region);
  plan.acts.push_back(std::move(provide));
  Act receive{.kind = ActKind::submit, .collects = true};
  receive.entries.push_back({.operation = engine::Operation::receive,
                             .token = 1,
                             .socket = kReceiver,
                             .flags = SubmissionFlags::kMultishot});
  plan.acts.push_back(std::move(receive));
  Act batch{.kind = ActKind::submit, .collects = true};
  for (std::uint32_t number = 0; number < kReorderedBatch; ++number) {
    TraceEntry entry;
    entry.token = 2 + number;
    entry.socket = setup.sender_socket(kSender);
    entry.payload_bytes = kPayloadBytes;
    entry.sequence = number;
    entry.flags = flags;
    if (is_linked && number + 1 < kReorderedBatch) entry.flags |= SubmissionFlags::kLinked;
    batch.entries.push_back(entry);
  }
  plan.acts.push_back(std::move(batch));
  plan.acts.push_back({.kind = ActKind::quiesce});
  return plan;
}

std::vector<std::uint32_t> order_of(const Trace& trace) {
  std::vector<std::uint32_t> order;
  for (const Act& act : trace.acts) {
    for (const TraceCompletion& completion : act.completions) {
      if (completion.has_datagram) order.push_back(static_cast<std::uint32_t>(completion.sequence));
    }
  }
  return order;
}

/// What the simulated kernel does with the batch, on a link and with a buffer of the same size.
std::vector<std::uint32_t> order_in_model(std::uint8_t flags, bool is_linked) {
  sim::SimulatedHost::Options options;
  options.ring.submissions_max = kReorderedBatch;
  options.ring.operations_max = 4 * kReorderedBatch;
  options.link.bits_per_second = 8 * kGigabitBytesPerSecond;
  options.regions = kReorderedBatch;
  sim::SimulatedHost host(options);
  engine::SendSocketSpec spec;
  spec.destination = sim::group_of(0, 0);
  spec.port = sim::kPort;
  spec.interface = "sim0";
  spec.send_buffer_bytes = kSendBufferBytes / 2;  // the kernel doubles it
  const auto socket = host.open(spec);
  REPRISE_ASSERT(socket.has_value());
  std::vector<engine::Submission> submissions;
  std::vector<engine::Slice> slices;
  for (std::uint32_t number = 0; number < kReorderedBatch; ++number) {
    const sim::Tag tag = sim::make_tag(number, 0, kPayloadBytes);
    std::memcpy(host.region(engine::RegionIndex{number}).data(), &tag, sizeof tag);
    engine::Submission submission;
    submission.operation = engine::Operation::send;
    submission.token = {number, 1};
    submission.socket = *socket;
    submission.slice_first = number;
    submission.slice_count = 1;
    submission.flags = flags;
    if (is_linked && number + 1 < kReorderedBatch) submission.flags |= SubmissionFlags::kLinked;
    submissions.push_back(submission);
    slices.push_back({engine::RegionIndex{number}, 0, kPayloadBytes});
  }
  REPRISE_ASSERT(host.prepare({submissions, slices}) == kReorderedBatch);
  host.submit_and_wait(kReorderedBatch, host.now() + engine::seconds(1));
  host.pass(engine::seconds(1));
  std::vector<std::uint32_t> order;
  for (const sim::Packet& packet : host.sent_to(0))
    order.push_back(static_cast<std::uint32_t>(packet.sequence));
  return order;
}

/// Nothing left before something earlier: what left is the first so many, in order.
bool is_in_order(const std::vector<std::uint32_t>& order) {
  for (std::uint32_t place = 0; place < order.size(); ++place) {
    if (order[place] != place) return false;
  }
  return true;
}

Expected<ReorderedWay> try_way(Recorder& recorder, std::string name, std::uint8_t flags,
                               bool is_linked, std::uint32_t batches) {
  ReorderedWay way;
  way.model_order = order_in_model(flags, is_linked);
  way.model_is_in_order = is_in_order(way.model_order);
  way.name = std::move(name);
  way.is_linked = is_linked;
  // Reordering needs room that returns within the call: on a busy host not every batch meets it.
  const auto goes_on = [&] {
    return way.batches < batches ||
           (!is_linked && way.out_of_order == 0 && way.batches < kPatienceFactor * batches);
  };
  for (; goes_on(); ++way.batches) {
    const auto trace = recorder.record(plan_of_batch(flags, is_linked));
    if (!trace) return std::unexpected(trace.error());
    std::vector<std::uint32_t> order = order_of(*trace);
    const bool is_first_out_of_order = !is_in_order(order) && way.out_of_order++ == 0;
    if (is_first_out_of_order || way.out_of_order == 0) way.order = std::move(order);
    const Verdict verdict = judge(*trace, profile_of(trace->setup));
    if (verdict.exceeded) {
      ++way.without_verdict;
    } else if (verdict.admitted) {
      ++way.admitted;
    } else {
      ++way.rejected;
    }
  }
  return way;
}

}  // namespace

bool Reordering::holds() const {
  return std::ranges::all_of(ways, [](const ReorderedWay& way) {
    return (way.out_of_order == 0) == way.is_linked && way.model_is_in_order == way.is_linked;
  });
}

Expected<Reordering> run_reordering(std::uint32_t batches) {
  auto recorder = Recorder::create();
  if (!recorder) return std::unexpected(recorder.error());
  if (auto set = (*recorder)->set_rate(kGigabitBytesPerSecond); !set)
    return std::unexpected(set.error());
  struct Way {
    const char* name;
    std::uint8_t flags;
    bool is_linked;
  };
  Reordering result;
  for (const Way& way : {Way{"unlinked", 0, false},
                         Way{"unlinked, MSG_DONTWAIT", SubmissionFlags::kDoNotWait, false},
                         Way{"linked, MSG_DONTWAIT", SubmissionFlags::kDoNotWait, true}}) {
    auto tried = try_way(**recorder, way.name, way.flags, way.is_linked, batches);
    if (!tried) return std::unexpected(tried.error());
    result.ways.push_back(*std::move(tried));
  }
  return result;
}

}  // namespace reprise::trial
