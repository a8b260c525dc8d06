// What the flight recorder costs a datagram: whole relays with and without it in alternating
// rounds, by packet ring and frame by frame, and the recorder's own calls alone.
//
// Relays and traffic as in relay_cost.cpp; the rounds of a pair follow each other directly, and
// what is printed is the median of each and the median of the pairs' differences.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <vector>

#include "reprise/daemon/relay.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/flight/recorder.hpp"
#include "reprise/traffic/demo.hpp"

namespace reprise {
namespace {

std::atomic<bool> interrupted = false;
daemon::Relay* running = nullptr;

std::int64_t cpu_ns() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1000LL;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

int relay(const daemon::RelayOptions& options, const traffic::DemoRelayTask& task) {
  const auto relay = daemon::Relay::open({&task.rule, 1}, options);
  if (!relay) {
    fmt::print(stderr, "flight_recorder: {}\n", relay.error().message);
    return 1;
  }
  running = relay->get();
  std::signal(SIGTERM, [](int) { running->request_stop(); });
  task.ready();
  const std::int64_t before = cpu_ns();
  const daemon::RelayReport report = (*relay)->run();
  task.report(nlohmann::json{{"cpu_ns", cpu_ns() - before}, {"turns", report.turns}}.dump());
  return 0;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Pair {
  const char* name;
  daemon::IngressMode mode;
  std::uint32_t threads;
  std::vector<double> without;
  std::vector<double> with;
  std::vector<double> difference;
};

/// CPU ns for each delivered datagram; 0: it failed.
double run_round(const Pair& pair, const traffic::DemoOptions& demo, const std::string& file) {
  daemon::RelayOptions options;
  options.mode = pair.mode;
  options.threads = pair.threads;
  options.flight_log.path = file;
  const auto result = traffic::run_demo(
      demo, [&](const traffic::DemoRelayTask& task) { return relay(options, task); }, interrupted);
  if (!result || result->received == 0) {
    if (!result) fmt::print(stderr, "flight_recorder: {}\n", result.error().message);
    return 0;
  }
  return result->relay_report.value("cpu_ns", 0.0) / static_cast<double>(result->received);
}

bool run_pair(Pair& pair, const traffic::DemoOptions& demo, const std::string& file,
              bool is_with_first) {
  double with = is_with_first ? run_round(pair, demo, file) : 0;
  const double without = run_round(pair, demo, "");
  if (!is_with_first) with = run_round(pair, demo, file);
  if (with == 0 || without == 0) return false;
  pair.with.push_back(with);
  pair.without.push_back(without);
  pair.difference.push_back(with - without);
  return true;
}

/// A batch as a packet ring gives it: frames of some flows in one block.
struct RingBatch {
  static constexpr std::uint32_t kFrames = 512;
  static constexpr std::uint32_t kFrameBytes = 1500;

  RingBatch() : bytes(std::size_t{kFrames} * kFrameBytes), batch(64, 2 * kFrames) {
    memory.blocks = {bytes.data(), bytes.size(), static_cast<std::uint32_t>(bytes.size()),
                     static_cast<std::uint32_t>(bytes.size()), 1};
    batch.push().region = engine::RegionIndex{0};
    for (std::uint32_t index = 0; index < kFrames; ++index) {
      engine::FrameHeader header;
      header.source = engine::Address::ipv4(10, 0, 0, 1);
      header.destination = engine::Address::ipv4(239, 1, 1, static_cast<std::uint8_t>(index % 4));
      header.source_port = 40'000;
      header.destination_port = 5000;
      const auto place = std::span(bytes).subspan(std::size_t{index} * kFrameBytes, kFrameBytes);
      engine::Frame& frame = batch.push_frame();
      frame.offset_bytes = index * kFrameBytes;
      frame.captured_bytes = frame.original_bytes =
          1400 + static_cast<std::uint32_t>(engine::build_headers(header, 1400, place));
      frame.checksum = engine::ChecksumState::partial;
      frame.type = engine::PacketType::multicast;
      slices.push_back({engine::RegionIndex{0}, frame.offset_bytes + 42, 1400});
    }
    submissions.resize(kFrames / 32);
  }

  std::vector<std::byte> bytes;
  engine::PacketMemory memory;
  engine::CompletionBatch batch;
  std::vector<engine::Slice> slices;
  std::vector<engine::Submission> submissions;
};

/// Nanoseconds for each datagram that the recorder's calls take, snapshots included.
double time_calls(std::uint32_t batches) {
  RingBatch ring;
  engine::StageConfig config;
  config.blocks = 64;
  config.merged_max = engine::kMergedDatagramsMax;
  config.region_bytes = 65'557;
  engine::Flat<engine::Stage> stage(config);
  const engine::Runner runner(config);
  const flight::TrackPlan plan{
      .stage = config, .memory = ring.memory, .stage_bytes = stage.bytes().size()};
  std::vector<std::byte> file(
      std::max(flight::least_file_bytes({&plan, 1}), daemon::kFlightLogBytes));
  const auto segments = flight::format_file(file, {&plan, 1});
  flight::Recorder recorder(segments.front(), ring.memory);
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t number = 0; number < batches; ++number) {
    recorder.begin_step(stage.bytes(), runner);
    recorder.reaped(ring.batch);
    recorder.begin_step(stage.bytes(), runner);
    recorder.prepared({ring.submissions, ring.slices}, 16);
    recorder.begin_step(stage.bytes(), runner);
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return took.count() / batches / RingBatch::kFrames;
}

/// Milliseconds that one snapshot takes, which a relay pays when a segment is full.
double time_snapshot() {
  engine::StageConfig config;
  config.blocks = 64;
  config.merged_max = engine::kMergedDatagramsMax;
  config.region_bytes = 65'557;
  engine::Flat<engine::Stage> stage(config);
  const engine::Runner runner(config);
  std::vector<std::uint64_t> words(stage.bytes().size());
  std::vector<double> times;
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    flight::WordWriter out(words);
    flight::put_snapshot(out, stage.bytes(), runner);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    times.push_back(took.count());
  }
  fmt::print("a stage of {} bytes\n", stage.bytes().size());
  return median(times);
}

}  // namespace
}  // namespace reprise

int main(int argument_count, char** arguments) {
  using namespace reprise;
  CLI::App program("What the flight recorder costs a datagram", "bench_flight_recorder");
  traffic::DemoOptions demo;
  demo.progress = false;
  demo.count = 300'000;
  demo.rate_per_second = 0;
  unsigned rounds = 5;
  std::string file = "/dev/shm/reprise_bench.flight";
  bool calls_only = false;
  program.add_option("--count", demo.count, "datagrams in a round (default 300000)");
  program.add_option("--rate", demo.rate_per_second, "per second (default 0: as a window opens)");
  program.add_option("--rounds", rounds, "pairs of rounds (default 5)")->check(CLI::Range(0, 1000));
  program.add_option("--file", file, "the recording (default in /dev/shm)");
  program.add_flag("--calls-only", calls_only, "the recorder's own calls, without relays");
  CLI11_PARSE(program, argument_count, arguments);
  std::signal(SIGINT, [](int) { interrupted = true; });
  fmt::print("the recorder's calls, packet ring: {:.1f} ns a datagram\n", time_calls(20'000));
  fmt::print("a snapshot: {:.2f} ms\n", time_snapshot());
  if (calls_only) return 0;
  std::vector<Pair> pairs{
      {"packet ring", daemon::IngressMode::throughput, 1, {}, {}, {}},
      {"frame by frame", daemon::IngressMode::latency, 1, {}, {}, {}},
      {"frame by frame, 2 threads", daemon::IngressMode::latency, 2, {}, {}, {}}};
  for (unsigned round = 0; round < rounds && !interrupted; ++round) {
    for (Pair& pair : pairs) {
      fmt::print(stderr, "round {} of {}: {}\n", round + 1, rounds, pair.name);
      if (!run_pair(pair, demo, file, round % 2 == 0) && !interrupted) return 1;
    }
  }
  std::filesystem::remove(file);
  std::filesystem::remove(file + ".previous");
  fmt::print("{:<28}{:>14}{:>14}{:>14}{:>8}\n", "CPU ns a datagram", "without", "with",
             "difference", "share");
  for (const Pair& pair : pairs) {
    const double without = median(pair.without);
    const double difference = median(pair.difference);
    fmt::print("{:<28}{:>14.0f}{:>14.0f}{:>14.1f}{:>7.1f}%\n", pair.name, without,
               median(pair.with), difference, without > 0 ? 100 * difference / without : 0);
  }
  return 0;
}
