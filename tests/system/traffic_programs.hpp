// The generator and the checking sink in hosts of their own, and what they report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host_row.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/receiver.hpp"
#include "reprise/traffic/shared_counters.hpp"

namespace reprise::tests {

engine::Endpoint endpoint_of(const std::string& text);

/// Returns when the sink has joined.
traffic::Child start_sink(const traffic::Namespace& host, const traffic::ReceiverOptions& options);

traffic::Child start_source(const traffic::Namespace& host,
                            const traffic::GeneratorOptions& options);

/// Waits for the end and returns the result; a failed test where there is none.
nlohmann::json result_of(traffic::Child& child);

/// Asks it to end now and returns the result.
nlohmann::json stopped_result_of(traffic::Child& child);

/// `count` datagrams, never more than a few hundred under way: what is lost then is the relay's.
struct PacedTraffic {
  std::uint64_t count = 10'000;
  std::uint32_t payload_bytes = 1400;
  std::uint32_t window_datagrams = 128;
};

struct Delivery {
  nlohmann::json source;
  nlohmann::json sink;
};

/// Sends from the row's source to `sent_to` and checks at its sink what arrives for
/// `received_from`.
Delivery deliver(const HostRow& row, const std::string& sent_to, const std::string& received_from,
                 const PacedTraffic& paced = {});

/// All were sent, and all arrived once, intact and in order.
void expect_perfect(const Delivery& delivery, std::uint64_t count);

/// What arrived is intact, in order and there once.
void expect_intact(const nlohmann::json& sink);

/// Whether `holds` came true before a deadline; looks again and again.
bool eventually(const std::function<bool()>& holds);

}  // namespace reprise::tests
