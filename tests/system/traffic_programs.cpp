#include "traffic_programs.hpp"

#include <gtest/gtest.h>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/results_json.hpp"

namespace reprise::tests {

using engine::Duration;
using traffic::Child;
using traffic::ChildContext;
using traffic::ChildEnd;
using traffic::Namespace;

engine::Endpoint endpoint_of(const std::string& text) {
  return value_of(engine::parse_endpoint(text));
}

Child start_sink(const Namespace& host, const traffic::ReceiverOptions& options) {
  Child child = value_of(
      Child::start({.name = "sink", .where = &host}, [options](const ChildContext& context) {
        traffic::ReceiverOptions own = options;
        own.ready = [&context] { context.ready(); };
        const auto result = traffic::receive(own, context.stop());
        context.report(result ? traffic::to_json(*result).dump() : result.error().message);
        return result ? 0 : 1;
      }));
  value_of(child.wait_until_ready(engine::seconds(5)));
  return child;
}

Child start_source(const Namespace& host, const traffic::GeneratorOptions& options) {
  return value_of(
      Child::start({.name = "source", .where = &host}, [options](const ChildContext& context) {
        const auto result = traffic::generate(options, context.stop());
        context.report(result ? traffic::to_json(*result).dump() : result.error().message);
        return result ? 0 : 1;
      }));
}

nlohmann::json result_of(Child& child) {
  const ChildEnd* end = child.wait(engine::seconds(20));
  if (end == nullptr) throw std::runtime_error("a traffic program did not end");
  if (!end->succeeded()) throw std::runtime_error(end->report);
  return nlohmann::json::parse(end->report);
}

nlohmann::json stopped_result_of(Child& child) {
  const ChildEnd& end = child.stop();
  if (!end.succeeded()) throw std::runtime_error(end.report);
  return nlohmann::json::parse(end.report);
}

Delivery deliver(const HostRow& row, const std::string& sent_to, const std::string& received_from,
                 const PacedTraffic& paced) {
  const traffic::SharedCounters counters;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(received_from);
  receiver.count = paced.count;
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::seconds(2);
  receiver.published = &counters->received;
  Child sink = start_sink(row.sink(), receiver);
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(sent_to);
  generator.count = paced.count;
  generator.payload_bytes = paced.payload_bytes;
  generator.window = {.received = &counters->received, .datagrams = paced.window_datagrams};
  Child source = start_source(row.source(), generator);
  Delivery delivery;
  delivery.source = result_of(source);
  delivery.sink = result_of(sink);
  return delivery;
}

void expect_intact(const nlohmann::json& sink) {
  for (const char* fault : {"corrupted", "reordered", "duplicated", "stale"})
    EXPECT_EQ(sink[fault], 0) << fault << " in " << sink;
}

void expect_perfect(const Delivery& delivery, std::uint64_t count) {
  EXPECT_EQ(delivery.source["sent"], count) << delivery.source;
  EXPECT_EQ(delivery.sink["received"], count) << delivery.sink;
  expect_intact(delivery.sink);
}

bool eventually(const std::function<bool()>& holds) {
  const engine::Instant deadline = traffic::monotonic_now() + engine::seconds(5);
  while (!holds()) {
    const engine::Instant now = traffic::monotonic_now();
    if (now >= deadline) return false;
    traffic::sleep_until(now + engine::milliseconds(1));
  }
  return true;
}

}  // namespace reprise::tests
