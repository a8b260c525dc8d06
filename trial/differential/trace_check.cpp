// What of a trace the model knows. Everything else is refused by name: a trace with an operation
// that is judged as something else would say nothing.
#include <fmt/format.h>

#include <cerrno>
#include <vector>

#include "reprise/trial/differential/beliefs.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::Operation;

Expected<void> wrong(std::size_t act, const std::string& what) {
  return engine::failure(fmt::format("trace: act {}: {}", act + 1, what), EINVAL);
}

Expected<void> check_setup(const TraceSetup& setup) {
  const auto expect = [](bool holds, const char* text) -> Expected<void> {
    if (holds) return {};
    return engine::failure(fmt::format("trace: set-up: {}", text), EINVAL);
  };
  constexpr std::size_t kPartsMax = 64;
  bool links_are_there = true;
  for (const ReceiverSetup& receiver : setup.receivers) {
    if (receiver.link >= setup.links.size()) links_are_there = false;
  }
  for (const SenderSetup& sender : setup.senders) {
    if (sender.link >= setup.links.size()) links_are_there = false;
    if (sender.receiver != kNoReceiver && sender.receiver >= setup.receivers.size())
      links_are_there = false;
  }
  if (auto done = expect(links_are_there, "a socket names a link or a receiver that is not there");
      !done) {
    return done;
  }
  if (auto done = expect(setup.links.size() <= kPartsMax && setup.receivers.size() <= kPartsMax &&
                             setup.senders.size() <= kPartsMax,
                         "expected at most 64 links, receivers and senders");
      !done) {
    return done;
  }
  if (auto done = expect(setup.submissions_max >= 1 && setup.submissions_max <= 4096 &&
                             setup.completions_max >= 1 && setup.completions_max <= 8192,
                         "expected 1 to 4096 submissions and 1 to 8192 completions");
      !done) {
    return done;
  }
  return expect(setup.regions <= 4096 && setup.region_bytes >= 64 && setup.region_bytes <= 65'536,
                "expected at most 4096 regions of 64 to 65536 bytes");
}

/// Empty where the model knows it; else what is wrong with it.
std::string wrong_with(const TraceEntry& entry, const TraceSetup& setup, std::uint32_t tokens) {
  const bool is_sender = !setup.is_receiver(entry.socket) &&
                         entry.socket - setup.receivers.size() < setup.senders.size();
  if (entry.sequence_step != 0 &&
      (entry.operation != Operation::segmented_send || datagram_count(entry) > kGatheredMax)) {
    return fmt::format("sequence_step = {}: expected a segmented send of at most {} datagrams",
                       entry.sequence_step, kGatheredMax);
  }
  switch (entry.operation) {
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send:
    case Operation::wait_writable:
      return is_sender ? "" : fmt::format("socket {} is no sender", entry.socket);
    case Operation::receive:
    case Operation::wait_readable:
      return setup.is_receiver(entry.socket)
                 ? ""
                 : fmt::format("socket {} is no receiver", entry.socket);
    case Operation::cancel:
      return entry.target < tokens ? ""
                                   : fmt::format("target {} is no earlier token", entry.target);
    case Operation::deadline: return "";
    case Operation::packet_ring_receive:
      return "packet_ring_receive is an operation that the belief set does not know";
    case Operation::provide: return "provide is an act of its own";
  }
  return "an operation that is none";
}

}  // namespace

Expected<void> check(const Trace& trace) {
  if (auto done = check_setup(trace.setup); !done) return done;
  std::uint32_t tokens = 1;
  for (std::size_t place = 0; place < trace.acts.size(); ++place) {
    const Act& act = trace.acts[place];
    if (act.entries.size() > trace.setup.submissions_max) {
      return wrong(place, fmt::format("{} entries for a submission queue of {}", act.entries.size(),
                                      trace.setup.submissions_max));
    }
    for (const TraceEntry& entry : act.entries) {
      if (entry.token != tokens)
        return wrong(place, fmt::format("token {}; expected {}", entry.token, tokens));
      ++tokens;
      const std::string what = wrong_with(entry, trace.setup, tokens);
      if (!what.empty()) return wrong(place, what);
    }
    for (const std::uint32_t region : act.regions) {
      if (region >= trace.setup.regions)
        return wrong(place, fmt::format("region {} is not there", region));
    }
    const bool is_operator = act.kind == ActKind::set_up || act.kind == ActKind::set_carrier ||
                             act.kind == ActKind::set_address || act.kind == ActKind::set_mtu ||
                             act.kind == ActKind::set_blocked;
    if (is_operator && act.link >= trace.setup.links.size())
      return wrong(place, fmt::format("link {} is not there", act.link));
  }
  return {};
}

}  // namespace reprise::trial
