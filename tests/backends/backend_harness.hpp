// A backend with packet memory on a host with one cable, and short words for what tests do with it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network_namespace.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::tests {

struct Seen {
  engine::Completion completion;
  std::vector<engine::Frame> frames;
};

class BackendHarness : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kRegions = 64;
  static constexpr std::uint32_t kRegionBytes = 2048;
  static constexpr engine::Duration kPatience = engine::seconds(10);

  void SetUp() override {
    if (!network_.add_cable()) GTEST_SKIP() << network_.why_not();
    start_with_defaults();
  }

  /// With the sizes that the backend has by itself.
  virtual void start_with_defaults() = 0;

  /// Takes the backend over and gives it memory.
  void use(std::unique_ptr<engine::Backend> backend, std::uint32_t region_bytes = kRegionBytes) {
    backend_ = std::move(backend);
    const auto memory =
        backend_->register_memory({.buffers = kRegions, .buffer_bytes = region_bytes});
    ASSERT_TRUE(memory.has_value()) << memory.error().message;
    memory_ = *memory;
  }

  engine::SocketIndex open_sender(const std::string& interface = "left",
                                  std::uint32_t send_buffer_bytes = 0) {
    engine::SendSocketSpec spec;
    spec.destination = engine::Address::ipv4(239, 1, 1, 1);
    spec.port = 5000;
    spec.interface = interface;
    spec.send_buffer_bytes = send_buffer_bytes;
    return index_of(backend_->open(spec));
  }

  engine::SocketIndex open_receiver(const std::string& interface = "right") {
    engine::PacketSocketSpec spec;
    spec.interface = interface;
    spec.wanted = {
        {.source = {}, .destination = engine::Address::ipv4(239, 1, 1, 1), .port = 5000}};
    return index_of(backend_->open(spec));
  }

  static engine::SocketIndex index_of(engine::Expected<engine::SocketIndex> opened) {
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return opened.value_or(engine::kNoSocket);
  }

  // What goes into the next prepare().

  engine::Submission& add(engine::Operation operation, std::uint32_t slot,
                          engine::SocketIndex socket = engine::kNoSocket) {
    engine::Submission submission;
    submission.operation = operation;
    submission.token = {slot, slot + 1000};
    submission.socket = socket;
    submission.slice_first = static_cast<std::uint32_t>(slices_.size());
    submissions_.push_back(submission);
    return submissions_.back();
  }
  void add_slice(std::uint32_t region, std::uint32_t length_bytes) {
    slices_.push_back({engine::RegionIndex{region}, 0, length_bytes});
    ++submissions_.back().slice_count;
  }
  engine::Submission& add_send(std::uint32_t slot, engine::SocketIndex socket,
                               std::uint32_t length_bytes = 100, std::uint8_t flags = 0) {
    engine::Submission& submission = add(engine::Operation::send, slot, socket);
    submission.flags = flags;
    add_slice(0, length_bytes);
    return submission;
  }
  void add_receive(std::uint32_t slot, engine::SocketIndex socket, bool is_multishot = true) {
    add(engine::Operation::receive, slot, socket).flags =
        is_multishot ? engine::SubmissionFlags::kMultishot : std::uint8_t{0};
  }
  void add_provide(std::uint32_t first_region, std::uint32_t count) {
    add(engine::Operation::provide, 999);
    for (std::uint32_t index = 0; index < count; ++index) {
      add_slice(first_region + index, memory_.buffers.region_bytes);
    }
  }
  void add_cancel(std::uint32_t slot, std::uint32_t target_slot) {
    add(engine::Operation::cancel, slot).target = {target_slot, target_slot + 1000};
  }

  std::uint32_t prepare() {
    const std::uint32_t taken = backend_->prepare({submissions_, slices_});
    submissions_.clear();
    slices_.clear();
    return taken;
  }
  void prepare_and_submit() {
    const auto count = static_cast<std::uint32_t>(submissions_.size());
    ASSERT_EQ(prepare(), count);
    const engine::SubmitResult result = backend_->submit();
    EXPECT_EQ(result.errno_value, 0);
    EXPECT_EQ(result.submitted, count);
  }

  std::vector<Seen> reap_once(std::uint32_t completions_max = 256) {
    engine::CompletionBatch batch(completions_max, completions_max);
    backend_->reap(batch);
    std::vector<Seen> seen;
    for (const engine::Completion& completion : batch.completions()) {
      const auto frames = batch.frames(completion);
      seen.push_back({completion, {frames.begin(), frames.end()}});
    }
    return seen;
  }

  /// Waits for so many completions; fewer only when patience is at its end.
  std::vector<Seen> wait_for(std::size_t count) {
    const engine::Instant end = backend_->now() + kPatience;
    std::vector<Seen> seen = reap_once();
    while (seen.size() < count && backend_->now() < end) {
      backend_->submit_and_wait(1, end);
      const std::vector<Seen> more = reap_once();
      seen.insert(seen.end(), more.begin(), more.end());
    }
    EXPECT_EQ(seen.size(), count);
    seen.resize(count);
    return seen;
  }

  [[nodiscard]] std::uint8_t* region(std::uint32_t index) const {
    // The view is read-only for the engine; the tests fill payloads in place of a receive.
    return reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(memory_.buffers.base)) +
           index * memory_.buffers.stride_bytes;
  }

  NetworkNamespace network_;
  std::unique_ptr<engine::Backend> backend_;
  engine::PacketMemory memory_;
  std::vector<engine::Submission> submissions_;
  std::vector<engine::Slice> slices_;
};

}  // namespace reprise::tests
