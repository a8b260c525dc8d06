// What it costs that the I/O interface is made of virtual functions: the same trivial backend,
// called through the interface and called directly (inlined), for one batch of sends: prepare,
// submit, reap.
//
// Read the difference per submission, against the cost of relaying one datagram (bench_relay_cost).
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "reprise/engine/io.hpp"

namespace reprise {
namespace {

constexpr std::uint32_t kBatch = 32;

/// Takes submissions and gives them back as completions: the cheapest backend there can be.
class EchoBackend final : public engine::Backend {
 public:
  std::uint32_t prepare(engine::SubmissionView view) override {
    for (const engine::Submission& submission : view.submissions)
      tokens_[prepared_++] = submission.token;
    return static_cast<std::uint32_t>(view.submissions.size());
  }
  engine::SubmitResult submit() override { return {prepared_, 0, false}; }
  engine::SubmitResult submit_and_wait(std::uint32_t, engine::Instant) override { return submit(); }
  std::uint32_t reap(engine::CompletionBatch& batch) override {
    batch.clear();
    for (std::uint32_t index = 0; index < prepared_; ++index) batch.push().token = tokens_[index];
    const std::uint32_t count = prepared_;
    prepared_ = 0;
    return count;
  }
  [[nodiscard]] engine::Instant now() const override { return {}; }
  void wake() override {}
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec&) override {
    return {};
  }
  engine::Expected<void> use_memory(const engine::PacketMemory&) override { return {}; }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec&) override {
    return {};
  }
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec&) override { return {}; }
  engine::Expected<engine::SocketIndex> adopt(int) override { return {}; }
  void close(engine::SocketIndex) override {}
  engine::SocketStatistics statistics(engine::SocketIndex) override { return {}; }
  [[nodiscard]] engine::Limits limits() const override { return {}; }

 private:
  std::array<engine::Token, kBatch> tokens_{};
  std::uint32_t prepared_ = 0;
};

template <class Called>
void relay_batches(benchmark::State& state, Called& backend) {
  std::array<engine::Submission, kBatch> submissions{};
  std::array<engine::Slice, kBatch> slices{};
  for (std::uint32_t index = 0; index < kBatch; ++index) {
    submissions[index].operation = engine::Operation::send;
    submissions[index].token = {index, 1};
    submissions[index].slice_first = index;
    submissions[index].slice_count = 1;
  }
  engine::CompletionBatch batch(kBatch, 1);
  std::uint64_t ended = 0;
  for (auto _ : state) {
    backend.prepare({submissions, slices});
    backend.submit();
    backend.reap(batch);
    for (const engine::Completion& completion : batch.completions())
      ended += completion.token.generation;
    benchmark::DoNotOptimize(ended);
  }
  // Time per submission, in seconds; the console shows it with its unit prefix.
  state.counters["per_submission"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBatch,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void ThroughTheInterface(benchmark::State& state) {
  EchoBackend echo;
  engine::Backend* backend = &echo;
  benchmark::DoNotOptimize(backend);  // the compiler must not know which backend it is
  relay_batches(state, *backend);
}
BENCHMARK(ThroughTheInterface);

void Inlined(benchmark::State& state) {
  EchoBackend backend;
  relay_batches(state, backend);
}
BENCHMARK(Inlined);

}  // namespace
}  // namespace reprise

BENCHMARK_MAIN();
