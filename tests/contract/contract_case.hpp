// What every case of the contract begins with: a stand with packet memory, and short words for what
// a case does with it.
//
// Regions below kSendRegions are for receiving; a payload that is sent lies in one above, at
// kPayloadOffset, where it would lie after a receive. Tokens: slot s has generation s + 1000.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "stand.hpp"

namespace reprise::engine {
inline void PrintTo(Outcome outcome, std::ostream* out) { *out << name(outcome); }
}  // namespace reprise::engine

namespace reprise::tests {

/// A completion with its frames, and what they hold.
struct Seen {
  engine::Completion completion;
  std::vector<engine::Frame> frames;
  Payload payload;                ///< of the first frame
  std::vector<Payload> payloads;  ///< the first of each frame
  [[nodiscard]] std::uint32_t slot() const { return completion.token.slot; }
};

/// What a stand may lack. Cases are left out for these reasons only; skips_test.cpp lists them.
enum class Need : std::uint8_t {
  segmented_send,
  zero_copy_send,
  packet_rings,
  descriptors,
  second_backend,
};
/// Why the stand cannot have such cases; empty where it can.
std::string why_without(Need need, Stand& stand);

class ContractCase : public ::testing::TestWithParam<StandKind> {
 protected:
  static constexpr std::uint32_t kSendRegions = 64;
  static constexpr std::uint32_t kPayloadOffset = 42;
  static constexpr engine::Duration kPatience = engine::seconds(10);
  static constexpr std::uint8_t kDoNotWait = engine::SubmissionFlags::kDoNotWait;
  static constexpr std::uint8_t kLinked = engine::SubmissionFlags::kLinked;

  void SetUp() override { start({}); }
  void TearDown() override;

  /// Makes the stand anew.
  void start(const StandOptions& options);

  engine::SocketIndex open_sender();
  engine::SocketIndex open_receiver(std::uint16_t port = kPort);
  /// A receiver with all regions for receiving, and an armed multishot receive in `slot`.
  engine::SocketIndex start_receiving(std::uint32_t slot, std::uint32_t regions = 8);

  void offer(std::uint64_t number, std::uint32_t length_bytes = 100, std::uint16_t port = kPort) {
    stand_->offer({number, length_bytes}, port);
  }

  // What goes into the next prepare().

  engine::Submission& add(engine::Operation operation, std::uint32_t slot,
                          engine::SocketIndex socket = engine::kNoSocket, std::uint8_t flags = 0);
  /// The payload's number is the slot, unless it is told.
  engine::Submission& add_send(std::uint32_t slot, engine::SocketIndex socket,
                               std::uint32_t length_bytes = 100, std::uint8_t flags = 0);
  void add_payload(std::uint64_t number, std::uint32_t length_bytes);
  /// `count` sends from `first_slot` on, linked with each other.
  void add_chain(std::uint32_t first_slot, std::uint32_t count, engine::SocketIndex socket,
                 std::uint32_t length_bytes = 100, std::uint8_t flags = 0);
  void add_receive(std::uint32_t slot, engine::SocketIndex socket, bool is_multishot = true);
  void add_provide(std::uint32_t first_region, std::uint32_t count);
  void add_cancel(std::uint32_t slot, std::uint32_t target_slot, std::uint8_t flags = 0);
  void add_deadline(std::uint32_t slot, engine::Instant deadline, std::int64_t value = 0);

  /// Prepares what was added; returns how many were taken. The rest is forgotten.
  std::uint32_t prepare();
  /// Prepares and submits what was added: all of it is taken.
  void hand_over();

  std::vector<Seen> reap_once(std::uint32_t completions_max = 256);
  /// Waits for so many completions and returns them; default ones in place of those that did not
  /// come.
  std::vector<Seen> wait_for(std::size_t count);
  /// Lets a little time pass: nothing may complete.
  void expect_quiet();
  /// What ended how, by slot from `first_slot` on; each must have had one completion, a final one.
  std::vector<engine::Outcome> outcomes_of(const std::vector<Seen>& seen, std::uint32_t first_slot,
                                           std::uint32_t count);

  /// What left until now: sends a last datagram behind it and collects up to that.
  std::vector<Payload> all_that_left(engine::SocketIndex sender);
  /// Prepares and submits one operation and waits until it has ended.
  engine::Outcome do_now(engine::Operation operation, engine::SocketIndex socket);

  /// The visible bytes of a completion's region.
  [[nodiscard]] std::vector<std::byte> region_of(const Seen& seen) const;

  engine::Backend& backend() { return stand_->backend(); }

  std::unique_ptr<Stand> stand_;
  engine::PacketMemory memory_;
  std::uint32_t ring_datagrams_max_ = 1000;  ///< what reap_once() accepts from packet rings
  std::vector<engine::Submission> submissions_;
  std::vector<engine::Slice> slices_;

 private:
  [[nodiscard]] Payload payload_of(const engine::Completion& completion,
                                   const engine::Frame& frame) const;

  std::uint32_t next_send_region_ = 0;
  std::vector<Seen> unclaimed_;  ///< reaped, and not asked for by wait_for() yet
};

/// The payloads from `first` on, all of one length.
std::vector<Payload> payloads(std::uint64_t first, std::size_t count,
                              std::uint32_t length_bytes = 100);

void PrintTo(const Payload& payload, std::ostream* out);
void PrintTo(const StandKind& kind, std::ostream* out);
void PrintTo(const Seen& seen, std::ostream* out);

std::string stand_name(const ::testing::TestParamInfo<StandKind>& info);

}  // namespace reprise::tests

/// Leaves a case out, visibly, where the stand lacks something.
#define REPRISE_NEEDS(need)                                                     \
  if (const std::string why = why_without(Need::need, *stand_); !why.empty()) { \
    GTEST_SKIP() << why;                                                        \
  }                                                                             \
  static_assert(true)

/// Runs the suite's cases on every stand.
#define REPRISE_ON_EVERY_STAND(Suite) \
  INSTANTIATE_TEST_SUITE_P(, Suite, ::testing::ValuesIn(stand_kinds()), stand_name)
