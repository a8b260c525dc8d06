// A sender whose socket is full after a few datagrams, and a receiver that tells in which order
// datagrams left.
#pragma once

#include <map>

#include "asio_harness.hpp"

namespace reprise::tests {

class AsioFullSocket : public AsioHarness {
 protected:
  static constexpr std::uint32_t kReceiveSlot = 500;
  static constexpr std::uint32_t kSendBytes = 1400;
  /// Regions below hold what is sent, of one number each; those from here on receive.
  static constexpr std::uint32_t kFirstReceiveRegion = 48;

  void SetUp() override {
    AsioHarness::SetUp();
    if (IsSkipped()) return;
    if (!slow_down("20mbit")) GTEST_SKIP() << "no tc qdisc tbf";
    sender_ = open_sender("left", 8192);
    for (std::uint32_t number = 0; number < kFirstReceiveRegion; ++number) {
      std::memset(region(number), static_cast<int>(number), kSendBytes);
    }
  }

  static bool slow_down(const std::string& rate) {
    return NetworkNamespace::run("tc qdisc replace dev left root tbf rate " + rate +
                                 " burst 2000 limit 9000000");
  }

  /// A send whose number is its slot and its payload.
  void add_numbered(std::uint32_t number, std::uint8_t flags = 0) {
    add(engine::Operation::send, number, sender_).flags = flags;
    add_slice(number, kSendBytes);
  }

  void start_receiving() {
    add_provide(kFirstReceiveRegion, kRegions - kFirstReceiveRegion);
    add_receive(kReceiveSlot, open_receiver());
    prepare_and_submit();
  }

  /// Waits until `sends` other operations have ended and `arrivals` datagrams are there; gives
  /// regions back meanwhile.
  void run_until(std::size_t sends, std::size_t arrivals) {
    const engine::Instant end = backend_->now() + kPatience;
    while ((outcomes_.size() < sends || arrived_.size() < arrivals) && backend_->now() < end) {
      backend_->submit_and_wait(1, end);
      for (const Seen& seen : reap_once()) keep(seen);
      if (!submissions_.empty()) prepare_and_submit();
    }
    EXPECT_EQ(outcomes_.size(), sends);
    EXPECT_EQ(arrived_.size(), arrivals);
  }

  [[nodiscard]] static std::vector<std::uint32_t> numbers_up_to(std::uint32_t count) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t number = 0; number < count; ++number) numbers.push_back(number);
    return numbers;
  }

  engine::SocketIndex sender_{};
  std::map<std::uint32_t, engine::Outcome> outcomes_;  ///< by slot
  std::vector<std::uint32_t> arrived_;                 ///< numbers, in order

 private:
  void keep(const Seen& seen) {
    const engine::Completion& completion = seen.completion;
    if (completion.token.slot != kReceiveSlot) {
      outcomes_[completion.token.slot] = completion.outcome;
      return;
    }
    if (completion.region == engine::kNoRegion) {  // all were in use: armed again
      add(engine::Operation::receive, kReceiveSlot, engine::SocketIndex{1}).flags =
          engine::SubmissionFlags::kMultishot;
      return;
    }
    const engine::Frame& frame = seen.frames.at(0);
    const auto place = static_cast<std::uint32_t>(completion.region);
    arrived_.push_back(region(place)[frame.offset_bytes + frame.captured_bytes - 1]);
    add_provide(place, 1);
  }
};

}  // namespace reprise::tests
