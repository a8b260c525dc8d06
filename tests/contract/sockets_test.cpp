// Set-up: opening, closing and adopting sockets, memory, limits.
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

using ContractOfSockets = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfSockets);

TEST_P(ContractOfSockets, AClosedOneIsNone) {
  const SocketIndex sender = open_sender();
  backend().close(sender);
  add_send(0, sender);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::invalid);
}

TEST_P(ContractOfSockets, AreOpenedAgainAfterClosing) {
  for (std::uint32_t round = 0; round < 3; ++round) {
    const SocketIndex sender = open_sender();
    add_send(round, sender);
    hand_over();
    EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
    EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(round, 1)));
    backend().close(sender);
  }
}

TEST_P(ContractOfSockets, AReceiverOpenedAgainStartsWithNothing) {
  const SocketIndex first = open_receiver();
  offer(10);
  stand_->settle();
  EXPECT_EQ(do_now(Operation::wait_readable, first), Outcome::ok);
  backend().close(first);
  start_receiving(1);
  offer(11);
  EXPECT_EQ(wait_for(1)[0].payload, (Payload{11, 100}));
}

TEST_P(ContractOfSockets, TwoSendersToOnePlaceAreTwo) {
  const SocketIndex one = open_sender();
  const SocketIndex two = open_sender();
  EXPECT_NE(one, two);
  add_send(0, one);
  add_send(1, two);
  add_send(2, one);
  hand_over();
  wait_for(3);
  EXPECT_THAT(all_that_left(two), ElementsAreArray(payloads(0, 3)));
}

TEST_P(ContractOfSockets, AnInterfaceThatDoesNotExistIsNamed) {
  engine::PacketSocketSpec receiver = stand_->receiver(kPort);
  receiver.interface = "eth9";
  const auto no_receiver = backend().open(receiver);
  ASSERT_FALSE(no_receiver.has_value());
  EXPECT_THAT(no_receiver.error().message, HasSubstr("eth9"));
  engine::SendSocketSpec sender = stand_->sender();
  sender.interface = "eth9";
  const auto no_sender = backend().open(sender);
  ASSERT_FALSE(no_sender.has_value());
  EXPECT_THAT(no_sender.error().message, HasSubstr("eth9"));
}

TEST_P(ContractOfSockets, ADescriptorThatIsNoneIsNotAdopted) {
  const auto adopted = backend().adopt(-1);
  ASSERT_FALSE(adopted.has_value());
  EXPECT_FALSE(adopted.error().message.empty());
}

TEST_P(ContractOfSockets, AnAdoptedOneReceivesAndTellsTheSender) {
  REPRISE_NEEDS(descriptors);
  const Stand::Adoptable adoptable = stand_->adoptable();
  const auto receiver = backend().adopt(adoptable.descriptor);
  ASSERT_TRUE(receiver.has_value()) << receiver.error().message;
  const auto sender = backend().open(adoptable.sender);
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  add_provide(0, 8);
  add_receive(1, *receiver);
  add_send(2, *sender, 321);
  add_send(3, *sender, 0);
  hand_over();
  std::vector<Seen> received;
  for (const Seen& one : wait_for(4)) {
    EXPECT_EQ(one.completion.outcome, Outcome::ok);
    if (one.slot() == 1) received.push_back(one);
  }
  ASSERT_EQ(received.size(), 2U);
  ASSERT_EQ(received[0].frames.size(), 1U);
  const engine::Frame& frame = received[0].frames[0];
  EXPECT_EQ(frame.format, engine::FrameFormat::udp_payload);
  EXPECT_EQ(frame.source, engine::Address::ipv4(127, 0, 0, 1));
  EXPECT_NE(frame.source_port, 0);
  EXPECT_EQ(received[0].payload, (Payload{2, 321}));
  EXPECT_EQ(received[1].payload, (Payload{0, 0}));
}

TEST_P(ContractOfSockets, AnotherBackendSendsFromTheRegionsOfThisOne) {
  REPRISE_NEEDS(second_backend);
  const auto another = stand_->second_backend();
  const auto used = another->use_memory(memory_);
  ASSERT_TRUE(used.has_value()) << used.error().message;
  const auto sender = another->open(stand_->sender());
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  add_send(1, *sender, 500);
  ASSERT_EQ(another->prepare({submissions_, slices_}), 1U);
  EXPECT_EQ(another->submit_and_wait(1, another->now() + kPatience).submitted, 1U);
  engine::CompletionBatch batch(4, 4);
  ASSERT_EQ(another->reap(batch), 1U);
  EXPECT_EQ(batch.completions()[0].outcome, Outcome::ok);
  EXPECT_THAT(stand_->collect(1), ElementsAreArray(payloads(1, 1, 500)));
}

TEST_P(ContractOfSockets, RegionsThatAreNotThereAreNotSentFrom) {
  REPRISE_NEEDS(second_backend);
  const auto another = stand_->second_backend();
  EXPECT_FALSE(another->use_memory({}).has_value());
  engine::PacketMemory headers_only = memory_;
  headers_only.buffers.visible_bytes = 64;
  EXPECT_FALSE(another->use_memory(headers_only).has_value());
}

TEST_P(ContractOfSockets, LimitsNameWhatEveryBackendHas) {
  const engine::Limits limits = backend().limits();
  for (const Operation operation :
       {Operation::receive, Operation::send, Operation::provide, Operation::wait_readable,
        Operation::wait_writable, Operation::deadline, Operation::cancel}) {
    EXPECT_TRUE(limits.supports(operation)) << static_cast<int>(operation);
  }
  EXPECT_GE(limits.submissions_max, 64U);
  EXPECT_GE(limits.completions_max, limits.submissions_max);
  EXPECT_EQ(limits.supports(Operation::segmented_send), limits.segments_max > 1);
}

TEST_P(ContractOfSockets, RegionsAreAsManyAndAsLargeAsAskedForAndApart) {
  EXPECT_EQ(memory_.buffers.region_count, 256U);
  EXPECT_GE(memory_.buffers.region_bytes, 2048U);
  EXPECT_GE(memory_.buffers.stride_bytes, memory_.buffers.visible_bytes);
  EXPECT_LE(memory_.buffers.visible_bytes, memory_.buffers.region_bytes);
  EXPECT_GE(memory_.buffers.visible_bytes, 64U);
}

}  // namespace
}  // namespace reprise::tests
