// Generator and sink against each other, and the sink against hand-made datagrams, on real sockets.

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "namespace_test.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/numbered.hpp"
#include "reprise/traffic/receiver.hpp"
#include "reprise/traffic/results_json.hpp"
#include "reprise/traffic/shared_counters.hpp"
#include "reprise/traffic/udp_socket.hpp"

namespace reprise::traffic {
namespace {

constexpr engine::Duration kPatience = engine::seconds(30);
const std::atomic<bool> kNeverStop = false;

engine::Endpoint endpoint_of(const std::string& text) {
  return value_of(engine::parse_endpoint(text));
}

class Traffic : public CableTest {
 protected:
  /// The sink as a child on the right side, ready to receive.
  Child start_sink(ReceiverOptions options) {
    Child child = value_of(
        Child::start({.name = "sink", .where = &*right_}, [&](const ChildContext& context) {
          options.ready = [&] { context.ready(); };
          const auto result = receive(options, context.stop());
          context.report(result ? to_json(*result).dump() : result.error().message);
          return result ? 0 : 2;
        }));
    const auto ready = child.wait_until_ready(kPatience);
    EXPECT_TRUE(ready) << ready.error().message;
    return child;
  }

  static nlohmann::json result_of(Child& child) {
    const ChildEnd* end = child.wait(kPatience);
    if (end == nullptr) throw std::runtime_error("the child does not end");
    if (!end->succeeded()) throw std::runtime_error(describe(*end) + ": " + end->report);
    return nlohmann::json::parse(end->report);
  }

  /// The generator, called in this process with its socket on the left side.
  GeneratorResult generate_left(const GeneratorOptions& options) {
    return value_of(try_to_generate_left(options));
  }
  engine::Expected<GeneratorResult> try_to_generate_left(const GeneratorOptions& options) {
    engine::Expected<GeneratorResult> result;
    value_of(left_->visit([&]() -> engine::Expected<void> {
      result = generate(options, kNeverStop);
      return {};
    }));
    return result;
  }

  posix::Descriptor sender_left(const engine::Endpoint& destination) {
    posix::Descriptor sender;
    value_of(left_->visit([&]() -> engine::Expected<void> {
      sender = value_of(open_udp_sender({.destination = destination}));
      return {};
    }));
    return sender;
  }

  static void send_numbered(const posix::Descriptor& sender, std::uint64_t sequence,
                            std::uint32_t stream = 1, bool corrupt = false) {
    std::vector<std::byte> payload(1400);
    build_numbered({stream, sequence, monotonic_now()}, payload);
    if (corrupt) payload[700] ^= std::byte{1};
    ASSERT_EQ(send(sender.get(), payload.data(), payload.size(), 0), 1400);
  }
};

struct Way {
  const char* sent_to;
  const char* received_from;
};

TEST_F(Traffic, ArrivesWholeOverEveryKindOfAddress) {
  for (const Way way : {Way{"239.1.1.1:5000%left0", "239.1.1.1:5000%right0"},
                        Way{"192.0.2.2:5000", "192.0.2.2:5000"},
                        Way{"[ff15::1]:5000%left0", "[ff15::1]:5000%right0"},
                        Way{"[2001:db8::2]:5000", "[2001:db8::2]:5000"}}) {
    ReceiverOptions receiver;
    receiver.input = endpoint_of(way.received_from);
    receiver.count = 500;
    Child sink = start_sink(receiver);
    GeneratorOptions generator;
    generator.destination = endpoint_of(way.sent_to);
    generator.count = 500;
    EXPECT_EQ(generate_left(generator).sent, 500U) << way.sent_to;
    const nlohmann::json result = result_of(sink);
    EXPECT_EQ(result["received"], 500) << way.sent_to << result;
    EXPECT_EQ(result["corrupted"], 0) << way.sent_to;
    EXPECT_EQ(result["end"], "count_reached") << way.sent_to;
    EXPECT_EQ(result["streams"][0]["highest"], 499) << way.sent_to;
  }
}

TEST_F(Traffic, FromAnotherSourceDoesNotReachASourceSpecificSink) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("192.0.2.1@232.1.1.1:5000%right0");
  receiver.count = 2;
  Child sink = start_sink(receiver);
  send_numbered(sender_left(endpoint_of("192.0.2.101@232.1.1.1:5000%left0")), 1, 101);
  const posix::Descriptor wanted = sender_left(endpoint_of("192.0.2.1@232.1.1.1:5000%left0"));
  send_numbered(wanted, 1);
  send_numbered(wanted, 2);
  const nlohmann::json result = result_of(sink);
  EXPECT_EQ(result["streams"].size(), 1U) << result;
  EXPECT_EQ(result["streams"][0]["stream"], 1) << result;
}

TEST_F(Traffic, ThatWasDamagedIsCountedAsSuchAndBelongsToNoStream) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("192.0.2.2:5000");
  receiver.count = 7;
  Child sink = start_sink(receiver);
  const posix::Descriptor sender = sender_left(endpoint_of("192.0.2.2:5000"));
  send_numbered(sender, 10);
  send_numbered(sender, 12);
  send_numbered(sender, 11);                        // reordered
  send_numbered(sender, 11);                        // duplicated: not one of the seven
  send_numbered(sender, 13, 1, true);               // corrupted
  send_numbered(sender, 15);                        // 13 and 14 are missing
  ASSERT_EQ(send(sender.get(), "hello", 5, 0), 5);  // foreign
  send_numbered(sender, 3, 2);                      // another stream
  const nlohmann::json result = result_of(sink);
  EXPECT_EQ(result["received"], 5) << result;
  EXPECT_EQ(result["lost"], 2) << result;
  EXPECT_EQ(result["reordered"], 1) << result;
  EXPECT_EQ(result["duplicated"], 1) << result;
  EXPECT_EQ(result["corrupted"], 2) << result;
  EXPECT_EQ(result["streams"].size(), 2U) << result;
}

TEST_F(Traffic, OfTooManyStreamsIsCountedWithoutTakingMemory) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("192.0.2.2:5000");
  receiver.count = kStreamsMax + 1;
  Child sink = start_sink(receiver);
  const posix::Descriptor sender = sender_left(endpoint_of("192.0.2.2:5000"));
  for (std::uint32_t stream = 0; stream < kStreamsMax + 3; ++stream) {
    send_numbered(sender, 0, stream);
  }
  send_numbered(sender, 1, 0);
  const nlohmann::json result = result_of(sink);
  EXPECT_EQ(result["streams"].size(), kStreamsMax);
  EXPECT_EQ(result["unexpected_streams"], 3);
}

TEST_F(Traffic, ThatNeverComesEndsASinkWithPatience) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("239.1.1.1:5000%right0");
  receiver.idle_before_first = engine::milliseconds(30);
  Child sink = start_sink(receiver);
  EXPECT_EQ(result_of(sink)["end"], "idle");
}

TEST_F(Traffic, ThatCeasesEndsASinkWithPatience) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("192.0.2.2:5000");
  receiver.idle_after_first = engine::milliseconds(30);
  Child sink = start_sink(receiver);
  send_numbered(sender_left(endpoint_of("192.0.2.2:5000")), 0);
  const nlohmann::json result = result_of(sink);
  EXPECT_EQ(result["end"], "idle");
  EXPECT_EQ(result["received"], 1);
}

TEST_F(Traffic, SinkReportsWhenItIsStopped) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("239.1.1.1:5000%right0");
  Child sink = start_sink(receiver);
  sink.stop(kPatience);
  EXPECT_EQ(result_of(sink)["end"], "stopped");
}

TEST_F(Traffic, KeepsWithinItsWindow) {
  std::atomic<std::uint64_t> received = 5;
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.count = 1'000;
  generator.window = {
      .received = &received, .datagrams = 8, .stall_timeout = engine::milliseconds(1)};
  generator.patience = engine::milliseconds(1);
  const GeneratorResult result = generate_left(generator);
  EXPECT_EQ(result.sent, 13U);
  EXPECT_EQ(result.stalls, 1U);
  EXPECT_TRUE(result.gave_up);
}

TEST_F(Traffic, GoesOnAfterAStall) {
  std::atomic<std::uint64_t> received = 0;
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.count = 40;
  generator.window = {
      .received = &received, .datagrams = 8, .stall_timeout = engine::milliseconds(1)};
  const GeneratorResult result = generate_left(generator);
  EXPECT_EQ(result.sent, 40U);
  EXPECT_EQ(result.stalls, 4U);
  EXPECT_FALSE(result.gave_up);
}

TEST_F(Traffic, WithAWindowIsOpenedByTheSinksCount) {
  const SharedCounters counters;
  ReceiverOptions receiver;
  receiver.input = endpoint_of("239.1.1.1:5000%right0");
  receiver.count = 5'000;
  receiver.published = &counters->received;
  Child sink = start_sink(receiver);
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.count = 5'000;
  generator.window = {
      .received = &counters->received, .datagrams = 16, .stall_timeout = engine::seconds(30)};
  EXPECT_EQ(generate_left(generator).stalls, 0U);
  EXPECT_EQ(result_of(sink)["lost"], 0);
  EXPECT_EQ(counters->received, 5'000U);
}

TEST_F(Traffic, IsNeverAheadOfItsRate) {
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.count = 51;
  generator.rate_per_second = 1'000;
  EXPECT_GE(generate_left(generator).duration, engine::milliseconds(50));
}

TEST_F(Traffic, ToAClosedPortIsRefusedAndGoesOn) {
  GeneratorOptions generator;
  generator.destination = endpoint_of("192.0.2.2:9");
  generator.count = 200;
  generator.rate_per_second = 10'000;  // bursts of one: every error is told
  const GeneratorResult result = generate_left(generator);
  EXPECT_EQ(result.sent, 200U);
  EXPECT_GT(result.refused.at(ECONNREFUSED), 0U);
}

TEST_F(Traffic, ThatNothingCarriesAnyMoreIsGivenUp) {
  const SharedCounters counters;
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.rate_per_second = 1'000;
  generator.patience = engine::milliseconds(20);
  generator.published = &counters->sent;
  Child source =
      value_of(Child::start({.name = "source", .where = &*left_}, [&](const ChildContext& context) {
        context.report(to_json(value_of(generate(generator, context.stop()))).dump());
        return 0;
      }));
  const engine::Instant deadline = monotonic_now() + kPatience;
  while (counters->sent == 0 && monotonic_now() < deadline) ASSERT_EQ(source.wait({}), nullptr);
  value_of(left_->visit([]() -> engine::Expected<void> {
    const posix::Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
    ifreq down{};
    std::strcpy(down.ifr_name, "left0");
    EXPECT_EQ(ioctl(socket.get(), SIOCSIFFLAGS, &down), 0);
    return {};
  }));
  const nlohmann::json result = result_of(source);
  EXPECT_EQ(result["gave_up"], true) << result;
  EXPECT_FALSE(result["refused"].empty()) << result;
}

TEST_F(Traffic, ToABroadcastAddressIsAnErrorAtOnce) {
  GeneratorOptions generator;
  generator.destination = endpoint_of("192.0.2.255:5000");
  const auto result = try_to_generate_left(generator);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errno_value, EACCES) << result.error().message;
}

TEST_F(Traffic, AboveTheMtuNeedsFragments) {
  GeneratorOptions generator;
  generator.destination = endpoint_of("239.1.1.1:5000%left0");
  generator.count = 3;
  generator.payload_bytes = 2'000;
  const auto refused = try_to_generate_left(generator);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, EMSGSIZE) << refused.error().message;
  generator.fragment = true;
  EXPECT_EQ(generate_left(generator).sent, 3U);
}

TEST_F(Traffic, StopsWhenItIsTold) {
  const std::atomic<bool> stop = true;
  GeneratorOptions generator;
  generator.destination = endpoint_of("192.0.2.2:5000");
  value_of(left_->visit([&]() -> engine::Expected<void> {
    EXPECT_EQ(value_of(generate(generator, stop)).sent, 0U);
    return {};
  }));
}

TEST_F(Traffic, RefusesWhatCannotBeSent) {
  GeneratorOptions generator;
  generator.destination = endpoint_of("192.0.2.2:5000");
  generator.payload_bytes = kPayloadBytesMin - 1;
  EXPECT_EQ(try_to_generate_left(generator).error().message,
            "payload size 39: expected 40 to 65507 bytes");
  generator.payload_bytes = 1400;
  generator.destination.interface = "missing0";
  const auto result = try_to_generate_left(generator);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("no interface missing0"), std::string::npos)
      << result.error().message;
}

TEST_F(Traffic, FromAGroupNeedsAnInterface) {
  ReceiverOptions receiver;
  receiver.input = endpoint_of("239.1.1.1:5000");
  const auto result = receive(receiver, kNeverStop);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("%INTERFACE"), std::string::npos);
}

}  // namespace
}  // namespace reprise::traffic
