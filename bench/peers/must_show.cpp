#include "must_show.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace reprise::bench::peers {
namespace {

using Verdict = Promise::Verdict;

const std::string kRelay = "reprise";

/// By how often this relay's CPU per datagram goes into the reference-like loop's.
Promise against_reference(const Results& results, const char* what, const char* tried,
                          double at_least) {
  Promise promise{.text = fmt::format("CPU per datagram against the reference-like loop, {}: "
                                      "at least {}× less",
                                      what, at_least)};
  const auto own = results.median(tried, kRelay, "cpu_ns");
  const auto reference = results.median(tried, "reference", "cpu_ns");
  if (!own || !reference) return promise;
  const double ratio = *reference / *own;
  promise.measured = fmt::format("{:.2f}× ({:.0f} against {:.0f} ns)", ratio, *own, *reference);
  promise.verdict = ratio >= at_least ? Verdict::held : Verdict::missed;
  return promise;
}

Promise against_bare(const Results& results, const char* what, const char* tried) {
  Promise promise{
      .text = fmt::format("CPU per datagram against the bare prototype, {}: at most 1.10×", what)};
  const auto own = results.median(tried, kRelay, "cpu_ns");
  const auto bare = results.median(tried, "bare", "cpu_ns");
  if (!own || !bare) return promise;
  promise.measured = fmt::format("{:.2f}× ({:.0f} against {:.0f} ns)", *own / *bare, *own, *bare);
  promise.verdict = *own <= 1.1 * *bare ? Verdict::held : Verdict::missed;
  return promise;
}

Promise goodput_is_monotone(const Results& results) {
  Promise promise{.text =
                      "goodput as fast as it goes: at least 95 % of the best, or of all there was"};
  const auto full = results.median("rate_full", kRelay, "delivered_per_second");
  const auto offered = results.median("rate_full", kRelay, "offered_per_second");
  if (!full || !offered) return promise;
  double best = *full;
  for (const char* tried : {"rate_50k", "rate_100k", "rate_200k", "rate_400k"})
    best = std::max(best, results.median(tried, kRelay, "delivered_per_second").value_or(0));
  // On a shared host the generator is not as fast in every case.
  best = std::min(best, *offered);
  promise.measured =
      fmt::format("{:.0f} of {:.0f} k/s: {:.1f} %", *full / 1e3, best / 1e3, 100 * *full / best);
  promise.verdict = *full >= 0.95 * best ? Verdict::held : Verdict::missed;
  return promise;
}

/// At a rate that all of them carry, or the generator's own work would be shared among few.
Promise machine_is_lowest(const Results& results) {
  Promise promise{.text =
                      "CPU of the whole machine per datagram, 50k/s: below every peer's but "
                      "the kernel's"};
  const auto own = results.median("rate_50k", kRelay, "machine_ns");
  if (!own) return promise;
  double lowest = std::numeric_limits<double>::infinity();
  std::string which;
  for (const char* peer : {"reference", "mmsg", "socat", "mcr"}) {
    const auto theirs = results.median("rate_50k", peer, "machine_ns");
    if (!theirs || *theirs >= lowest) continue;
    lowest = *theirs;
    which = peer;
  }
  if (which.empty()) return promise;
  promise.measured = fmt::format("{:.0f} ns, the lowest peer {:.0f} ns ({})", *own, lowest, which);
  promise.verdict = *own < lowest ? Verdict::held : Verdict::missed;
  return promise;
}

Promise latency_is_no_worse(const Results& results, const char* metric, const char* what) {
  Promise promise{.text = fmt::format("latency mode at 10k/s, {}: no worse than socat", what)};
  const auto own = results.median("latency", "reprise_latency", metric);
  const auto socat = results.median("latency", "socat", metric);
  if (!own || !socat) return promise;
  promise.measured = fmt::format("{:.1f} µs against {:.1f} µs", *own, *socat);
  promise.verdict = *own <= *socat ? Verdict::held : Verdict::missed;
  return promise;
}

Promise loses_nothing(const Results& results, const char* what, const char* tried) {
  Promise promise{.text = fmt::format("{}: no loss", what)};
  const auto lost = results.spread(tried, kRelay, "lost");
  if (!lost) return promise;
  promise.measured = fmt::format("{:.0f} lost in the worst round", lost->most);
  promise.verdict = lost->most == 0 ? Verdict::held : Verdict::missed;
  return promise;
}

Promise is_intact(const Results& results, const char* what, const char* tried) {
  Promise promise = loses_nothing(results, what, tried);
  promise.text = fmt::format("{}: all intact, in order and once", what);
  for (const char* metric : {"reordered", "duplicated", "corrupted"}) {
    const auto count = results.spread(tried, kRelay, metric);
    if (!count || count->most == 0) continue;
    promise.measured += fmt::format(", {:.0f} {}", count->most, metric);
    promise.verdict = Verdict::missed;
  }
  return promise;
}

const char* name(Verdict verdict) {
  switch (verdict) {
    case Verdict::held: return "held";
    case Verdict::missed: return "missed";
    case Verdict::not_measured: return "not measured";
  }
  return "?";
}

}  // namespace

std::vector<Promise> judge(const Results& results) {
  return {
      against_reference(results, "one flow, 1400 B", "rate_full", 6),
      against_reference(results, "one flow, 1400 B, no segmentation offload", "no_offload", 2.5),
      against_reference(results, "one flow, 64 B", "small", 12),
      against_reference(results, "16 interleaved flows, 1400 B", "flows_16", 3),
      against_reference(results, "nothing can be coalesced", "varied", 1.3),
      against_bare(results, "one flow, 1400 B", "rate_full"),
      against_bare(results, "one flow, 64 B", "small"),
      against_bare(results, "16 interleaved flows, 1400 B", "flows_16"),
      against_bare(results, "nothing can be coalesced", "varied"),
      goodput_is_monotone(results),
      machine_is_lowest(results),
      latency_is_no_worse(results, "p50_us", "p50"),
      latency_is_no_worse(results, "p99_us", "p99"),
      loses_nothing(results, "1:50 at 10k/s in", "fan_out_50"),
      loses_nothing(results, "three hops at 100k/s", "hops_3"),
      is_intact(results, "one relay", "check"),
      is_intact(results, "giant frames, three relays", "check_hops"),
      is_intact(results, "MTU 9000, two relays", "check_jumbo"),
  };
}

nlohmann::ordered_json to_json(const std::vector<Promise>& promises) {
  auto rows = nlohmann::ordered_json::array();
  for (const Promise& promise : promises) {
    rows.push_back({{"promise", promise.text},
                    {"measured", promise.measured},
                    {"verdict", name(promise.verdict)}});
  }
  return rows;
}

std::string to_text(const std::vector<Promise>& promises) {
  std::string text = "\nmust show\n";
  for (const Promise& promise : promises) {
    text += fmt::format("{:<13} {}{}{}\n", name(promise.verdict), promise.text,
                        promise.measured.empty() ? "" : "; measured ", promise.measured);
  }
  return text;
}

}  // namespace reprise::bench::peers
