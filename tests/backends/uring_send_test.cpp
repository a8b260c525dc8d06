#include <netinet/in.h>

#include "reprise/posix/socket_address.hpp"
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using engine::SubmissionFlags;

class UringSend : public UringHarness {
 protected:
  /// A UDP socket on the loopback interface, and a socket that sends to it.
  struct Loopback {
    SocketIndex receiver = engine::kNoSocket;
    SocketIndex sender = engine::kNoSocket;
    std::uint16_t sender_port = 0;
    int receiver_descriptor = -1;
  };
  Loopback open_loopback() {
    const auto here = posix::socket_address(engine::Address::ipv4(127, 0, 0, 1), 0);
    Loopback loopback;
    loopback.receiver_descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(loopback.receiver_descriptor, here.get(), here.length_bytes), 0);
    engine::SendSocketSpec spec;
    spec.destination = engine::Address::ipv4(127, 0, 0, 1);
    spec.port = local_port(loopback.receiver_descriptor);
    loopback.sender = index_of(backend_->open(spec));
    loopback.receiver = index_of(backend_->adopt(loopback.receiver_descriptor));
    return loopback;
  }
  static std::uint16_t local_port(int descriptor) {
    sockaddr_in address{};
    socklen_t length_bytes = sizeof(address);
    EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length_bytes), 0);
    return ntohs(address.sin_port);
  }
};

void expect_all_in_order(const std::vector<Seen>& seen, std::uint32_t count) {
  ASSERT_EQ(seen.size(), count);
  for (std::uint32_t index = 0; index < count; ++index) {
    EXPECT_EQ(seen[index].completion.outcome, Outcome::ok);
    EXPECT_EQ(seen[index].completion.result_bytes, 100U);
    EXPECT_FALSE(seen[index].completion.more);
    EXPECT_EQ(seen[index].completion.token, (engine::Token{index, index + 1000}));
  }
}

TEST_F(UringSend, SendsHaveEndedInOrderWhenSubmitReturns) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 32; ++slot) add_send(slot, sender);
  prepare_and_submit();
  expect_all_in_order(reap_once(), 32);
}

TEST_F(UringSend, ALinkedChainHasEndedInOrderWhenSubmitReturns) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 32; ++slot) {
    add_send(slot, sender, 100, slot < 31 ? SubmissionFlags::kLinked : std::uint8_t{0});
  }
  prepare_and_submit();
  expect_all_in_order(reap_once(), 32);
}

TEST_F(UringSend, TheRestOfAChainIsCancelledAndDidNothing) {
  const SocketIndex sender = open_sender();
  const SocketIndex receiver = open_receiver();
  add_provide(10, 8);
  add_receive(50, receiver);
  prepare_and_submit();
  add_send(0, sender, 100, SubmissionFlags::kLinked);
  add_send(1, engine::kNoSocket, 100, SubmissionFlags::kLinked);
  add_send(2, sender, 100, SubmissionFlags::kLinked);
  add_send(3, sender, 100);
  add_send(4, sender, 200);
  prepare_and_submit();
  std::vector<Outcome> outcomes(5);
  std::vector<std::uint32_t> received_bytes;
  for (const Seen& seen : wait_for(7)) {
    if (seen.completion.token.slot < 5) {
      outcomes[seen.completion.token.slot] = seen.completion.outcome;
    } else {
      ASSERT_EQ(seen.frames.size(), 1U);
      received_bytes.push_back(seen.frames[0].original_bytes);
    }
  }
  using enum Outcome;
  EXPECT_EQ(outcomes, (std::vector{ok, invalid, cancelled, cancelled, ok}));
  EXPECT_EQ(received_bytes, (std::vector<std::uint32_t>{142, 242}));
}

TEST_F(UringSend, PrepareTakesAChainWholeOrNotAtAll) {
  start({.submission_entries = 8, .completion_entries = 64});
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 5; ++slot) add_send(slot, sender);
  for (std::uint32_t slot = 5; slot < 9; ++slot) {
    add_send(slot, sender, 100, slot < 8 ? SubmissionFlags::kLinked : std::uint8_t{0});
  }
  EXPECT_EQ(prepare(), 5U);
  EXPECT_EQ(backend_->submit().submitted, 5U);
  EXPECT_EQ(reap_once().size(), 5U);
}

TEST_F(UringSend, AProvideInsideAChainDoesNotBreakIt) {
  const SocketIndex sender = open_sender();
  add_send(0, engine::kNoSocket, 100, SubmissionFlags::kLinked);
  add_provide(10, 1);
  submissions_.back().flags = SubmissionFlags::kLinked;
  add_send(1, sender);
  prepare_and_submit();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::invalid);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::cancelled);
}

TEST_F(UringSend, IsRefusedWithoutRoomAndToldWhenThereIsSome) {
  if (!NetworkNamespace::run(
          "tc qdisc add dev left root tbf rate 8kbit burst 2000 limit 9000000")) {
    GTEST_SKIP() << "no tc qdisc tbf";
  }
  const SocketIndex sender = open_sender("left", 8192);
  for (std::uint32_t slot = 0; slot < 64; ++slot) {
    add_send(slot, sender, 1400, SubmissionFlags::kDoNotWait);
  }
  prepare_and_submit();
  const auto seen = wait_for(64);
  EXPECT_EQ(seen.front().completion.outcome, Outcome::ok);
  EXPECT_EQ(seen.back().completion.outcome, Outcome::refused);
  EXPECT_EQ(seen.back().completion.errno_value, EAGAIN);
  EXPECT_EQ(seen.back().completion.result_bytes, 0U);

  add(Operation::wait_writable, 100, sender);
  prepare_and_submit();
  backend_->submit_and_wait(0, engine::kNever);
  EXPECT_TRUE(reap_once().empty());
  ASSERT_TRUE(NetworkNamespace::run("tc qdisc del dev left root"));
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
}

TEST_F(UringSend, WaitsForRoomWithoutDoNotWait) {
  if (!NetworkNamespace::run(
          "tc qdisc add dev left root tbf rate 8kbit burst 2000 limit 9000000")) {
    GTEST_SKIP() << "no tc qdisc tbf";
  }
  const SocketIndex sender = open_sender("left", 8192);
  for (std::uint32_t slot = 0; slot < 64; ++slot) add_send(slot, sender, 1400);
  prepare_and_submit();
  const std::size_t before = reap_once().size();
  EXPECT_GT(before, 0U);
  EXPECT_LT(before, 64U);
  ASSERT_TRUE(NetworkNamespace::run("tc qdisc del dev left root"));
  for (const Seen& seen : wait_for(64 - before)) {
    EXPECT_EQ(seen.completion.outcome, Outcome::ok);
  }
}

TEST_F(UringSend, ADatagramOverTheMtuIsTooLarge) {
  const SocketIndex sender = open_sender();
  add_send(0, sender, 1600);
  add_send(1, sender, 100);
  prepare_and_submit();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::too_large);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::ok);
}

TEST_F(UringSend, ASegmentedSendGathersItsSlicesAndLeavesAsDatagrams) {
  if (!backend_->limits().supports(Operation::segmented_send)) GTEST_SKIP() << "no UDP_SEGMENT";
  const Loopback loopback = open_loopback();
  for (std::uint32_t index = 0; index < 3; ++index)
    std::memset(region(index), 'a' + static_cast<int>(index), 700);
  add(Operation::segmented_send, 0, loopback.sender).segment_bytes = 700;
  for (std::uint32_t index = 0; index < 3; ++index) add_slice(index, index < 2 ? 700 : 300);
  add(Operation::wait_readable, 1, loopback.receiver);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    EXPECT_EQ(seen.completion.outcome, Outcome::ok);
    EXPECT_EQ(seen.completion.result_bytes, seen.completion.token.slot == 0 ? 1700U : 0U);
  }
  for (const auto& [text, length_bytes] : {std::pair{'a', 700}, {'b', 700}, {'c', 300}}) {
    std::array<char, 4096> bytes{};
    ASSERT_EQ(::recv(loopback.receiver_descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT),
              length_bytes);
    EXPECT_EQ(bytes[0], text);
    EXPECT_EQ(bytes[static_cast<std::size_t>(length_bytes) - 1], text);
  }
}

TEST_F(UringSend, NeverRunsOutOfWhatEndedSendsGaveBack) {
  start({.submission_entries = 4,
         .completion_entries = 8,
         .operations_in_flight_max = 4,
         .messages_in_flight_max = 4});
  if (!backend_->limits().supports(Operation::segmented_send)) GTEST_SKIP() << "no UDP_SEGMENT";
  const SocketIndex sender = open_sender();
  for (int round = 0; round < 20; ++round) {
    for (std::uint32_t slot = 0; slot < 4; ++slot) {
      add(Operation::segmented_send, slot, sender).segment_bytes = 50;
      add_slice(0, 100);
    }
    prepare_and_submit();
    expect_all_in_order(reap_once(), 4);
  }
}

TEST_F(UringSend, SegmentLimitsAreThoseOfTheKernel) {
  const engine::Limits limits = backend_->limits();
  if (!limits.supports(Operation::segmented_send)) GTEST_SKIP() << "no UDP_SEGMENT";
  const Loopback loopback = open_loopback();
  add(Operation::segmented_send, 0, loopback.sender).segment_bytes = 1;
  add_slice(0, limits.segments_max);
  add(Operation::segmented_send, 1, loopback.sender).segment_bytes = 1;
  add_slice(0, limits.segments_max + 1);
  prepare_and_submit();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::invalid);
}

TEST_F(UringSend, AZeroCopySendHasTwoCompletions) {
  if (!backend_->limits().supports(Operation::zero_copy_send)) GTEST_SKIP() << "Linux before 6.0";
  add(Operation::zero_copy_send, 0, open_sender());
  add_slice(0, 1000);
  prepare_and_submit();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[0].completion.result_bytes, 1000U);
  EXPECT_TRUE(seen[0].completion.more);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[1].completion.result_bytes, 0U);
  EXPECT_FALSE(seen[1].completion.more);
}

TEST_F(UringSend, AClosedPortIsReportedByOneSend) {
  engine::SendSocketSpec spec;
  spec.destination = engine::Address::ipv4(127, 0, 0, 1);
  spec.port = 9;
  const SocketIndex sender = index_of(backend_->open(spec));
  for (std::uint32_t slot = 0; slot < 3; ++slot) {
    add_send(slot, sender);
    prepare_and_submit();
  }
  const auto seen = wait_for(3);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::connection_refused);
  EXPECT_EQ(seen[2].completion.outcome, Outcome::ok);
}

TEST_F(UringSend, AnInterfaceThatWentDownIsUnreachable) {
  const SocketIndex sender = open_sender();
  ASSERT_TRUE(NetworkNamespace::run("ip link set left down"));
  add_send(0, sender);
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::unreachable);
}

TEST_F(UringSend, ReceivesFromAUdpSocketWithTheSender) {
  const Loopback loopback = open_loopback();
  add_provide(10, 4);
  add_receive(0, loopback.receiver);
  prepare_and_submit();
  add_send(1, loopback.sender, 321);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    if (seen.completion.token.slot == 1) continue;
    ASSERT_EQ(seen.frames.size(), 1U);
    EXPECT_EQ(seen.frames[0].format, engine::FrameFormat::udp_payload);
    EXPECT_EQ(seen.frames[0].captured_bytes, 321U);
    EXPECT_EQ(seen.frames[0].source, engine::Address::ipv4(127, 0, 0, 1));
    EXPECT_NE(seen.frames[0].source_port, 0);
  }
}

}  // namespace
}  // namespace reprise::tests
