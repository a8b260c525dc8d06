// `reprise run --flight-recorder` in a host of its own: what it recorded is replayed bit for bit,
// however it ended.
#include <filesystem>
#include <fstream>
#include <optional>

#include "relay_program.hpp"
#include "reprise/lab/flight_replay.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

namespace fs = std::filesystem;

struct Way {
  std::string name;
  std::vector<std::string> flags;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "reprise_flight_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

class FlightRecording : public SystemTest, public testing::WithParamInterface<Way> {
 protected:
  std::vector<std::string> arguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{HostRow::received_on(0), HostRow::sent_on(1), "--flight-recorder",
                                 recording()};
    all.insert(all.end(), GetParam().flags.begin(), GetParam().flags.end());
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string recording() const { return folder_.file("relay.flight"); }

 private:
  Folder folder_;
};

INSTANTIATE_TEST_SUITE_P(
    Ways, FlightRecording,
    testing::Values(Way{"latency", {"--mode", "latency"}},
                    Way{"throughput", {"--mode", "throughput"}}, Way{"automatic", {}},
                    Way{"asio", {"--backend", "asio"}}, Way{"two_threads", {"--threads", "2"}},
                    Way{"two_threads_hybrid", {"--threads", "2", "--wake-up", "hybrid"}},
                    Way{"two_workers", {"--workers", "2"}},
                    Way{"deferred_drop",
                        {"--policy", "deferred", "--exhaustion", "drop", "--pool", "64"}}),
    [](const auto& way) { return way.param.name; });

lab::FlightReplay replay(const std::string& path) {
  EXPECT_TRUE(lab::is_flight_recording(path)) << path;
  auto replayed = lab::replay_flight(path);
  if (!replayed) throw std::runtime_error(replayed.error().message);
  return *std::move(replayed);
}

std::uint64_t sum_of(const lab::FlightReplay& replay, auto&& of) {
  std::uint64_t total = 0;
  for (const lab::FlightStageReplay& stage : replay.stages) total += of(stage);
  return total;
}

TEST_P(FlightRecording, OfAWholeRunEndsWithTheCountsOfItsReport) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments());
  expect_intact(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 20'000}).sink);
  const nlohmann::json report = relay.stop();
  EXPECT_GT(report["sent"], 10'000);
  const lab::FlightReplay replayed = replay(recording());
  EXPECT_TRUE(replayed.is_equal()) << lab::to_text(replayed);
  for (const lab::FlightStageReplay& stage : replayed.stages) {
    EXPECT_EQ(stage.playback.end, flight::RecordingEnd::stopped);
    EXPECT_GE(stage.playback.totals.snapshots_equal, 1U);
    EXPECT_TRUE(stage.laws_hold);
  }
  EXPECT_EQ(sum_of(replayed, [](const auto& stage) { return stage.ingress.received; }),
            report["received"].get<std::uint64_t>());
  EXPECT_EQ(sum_of(replayed, [](const auto& stage) { return stage.output.sent; }),
            report["sent"].get<std::uint64_t>());
}

/// Traffic that does not end by itself, while the test does something to the relay.
class Load {
 public:
  explicit Load(const HostRow& row) {
    traffic::ReceiverOptions receiver;
    receiver.input = endpoint_of(HostRow::received_on(1));
    receiver.published = &counters_->received;
    receiver.idle_before_first = engine::seconds(5);
    receiver.idle_after_first = engine::milliseconds(500);
    sink_.emplace(start_sink(row.sink(), receiver));
    traffic::GeneratorOptions generator;
    generator.destination = endpoint_of(HostRow::sent_on(0));
    generator.rate_per_second = 60'000;
    source_.emplace(start_source(row.source(), generator));
  }
  bool wait_for(std::uint64_t received) {
    return eventually([&] { return counters_->received >= received; });
  }
  [[nodiscard]] std::uint64_t received() const { return counters_->received; }

 private:
  traffic::SharedCounters counters_;
  std::optional<traffic::Child> sink_;
  std::optional<traffic::Child> source_;
};

TEST_P(FlightRecording, SurvivesAKilledRelay) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments());
  Load load(row);
  ASSERT_TRUE(load.wait_for(20'000));
  relay.end_by(SIGKILL);
  const lab::FlightReplay replayed = replay(recording());
  EXPECT_TRUE(replayed.is_equal()) << lab::to_text(replayed);
  EXPECT_EQ(replayed.fatal_signal, 0U);
  // The step it was killed in had sent what no later step learned of: up to a block of the ring.
  EXPECT_GE(sum_of(replayed, [](const auto& stage) { return stage.output.sent; }), 10'000U);
  for (const lab::FlightStageReplay& stage : replayed.stages) EXPECT_EQ(stage.unfinished_step, "");
}

TEST_P(FlightRecording, IsCopiedOnASignalWhileTheRelayGoesOn) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments());
  Load load(row);
  ASSERT_TRUE(load.wait_for(3'000));
  ::kill(relay.pid(), SIGUSR2);
  ASSERT_TRUE(eventually([&] {
    std::error_code none;
    return fs::file_size(recording() + ".1", none) == fs::file_size(recording());
  }));
  ASSERT_TRUE(load.wait_for(load.received() + 3'000));
  const nlohmann::json report = relay.stop();
  const lab::FlightReplay copy = replay(recording() + ".1");
  EXPECT_TRUE(copy.is_equal()) << lab::to_text(copy);
  const lab::FlightReplay whole = replay(recording());
  EXPECT_TRUE(whole.is_equal()) << lab::to_text(whole);
  const auto sent = [](const auto& stage) { return stage.output.sent; };
  EXPECT_GT(sum_of(copy, sent), 1'000U);
  EXPECT_GT(sum_of(whole, sent), sum_of(copy, sent));
  EXPECT_EQ(sum_of(whole, sent), report["sent"].get<std::uint64_t>());
  EXPECT_NE(relay.notes().find("flight recording copied to"), std::string::npos) << relay.notes();
}

using FlightRecordingFile = SystemTest;

TEST_F(FlightRecordingFile, SaysWhichFatalSignalEndedTheRelay) {
  const Folder folder;
  const std::string file = folder.file("relay.flight");
  const HostRow row(1);
  RelayProgram relay(row.relay(0),
                     {HostRow::received_on(0), HostRow::sent_on(1), "--flight-recorder", file});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  EXPECT_EQ(relay.end_by(SIGABRT).signal, SIGABRT);
  const lab::FlightReplay replayed = replay(file);
  EXPECT_TRUE(replayed.is_equal()) << lab::to_text(replayed);
  EXPECT_EQ(replayed.fatal_signal, static_cast<std::uint32_t>(SIGABRT));
}

TEST_F(FlightRecordingFile, KeepsTheOneBeforeIt) {
  const Folder folder;
  const std::string file = folder.file("relay.flight");
  const HostRow row(1);
  for (int run = 0; run < 2; ++run) {
    RelayProgram relay(row.relay(0),
                       {HostRow::received_on(0), HostRow::sent_on(1), "--flight-recorder", file});
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                           {.count = 100U * (1U + static_cast<unsigned>(run))}),
                   100U * (1U + static_cast<unsigned>(run)));
    relay.stop();
  }
  EXPECT_EQ(replay(file + ".previous").stages.front().output.sent, 100U);
  EXPECT_EQ(replay(file).stages.front().output.sent, 200U);
}

TEST_F(FlightRecordingFile, GoesRoundAndIsReplayedFromTheOldestSnapshot) {
  for (const char* mode : {"latency", "throughput"}) {
    SCOPED_TRACE(mode);
    const Folder folder;
    const std::string file = folder.file("relay.flight");
    const HostRow row(1);
    RelayProgram relay(
        row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--mode", mode, "--pool", "64",
                       "--packet-ring", "1048576", "--flight-recorder", file,
                       "--flight-recorder-bytes", "8388608"});
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100'000}),
                   100'000);
    relay.stop();
    const lab::FlightReplay replayed = replay(file);
    EXPECT_TRUE(replayed.is_equal()) << lab::to_text(replayed);
    EXPECT_GE(replayed.stages.front().playback.totals.snapshots_equal, 2U)
        << lab::to_text(replayed);
    EXPECT_EQ(replayed.stages.front().output.sent, 100'000U);
  }
}

/// Where in the file a byte in the middle of the first segment's records lies.
std::streamoff middle_of_records(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  flight::SegmentHeader header;
  flight::TrackHeader track;
  file.seekg(flight::kPageBytes);
  file.read(reinterpret_cast<char*>(&track), sizeof track);
  // The first segment lies in the second place.
  const auto first = static_cast<std::streamoff>(track.first_byte + track.segment_bytes);
  file.seekg(first);
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  const std::uint64_t words = header.snapshot_words + header.committed / 2;
  return first + static_cast<std::streamoff>(sizeof header + words * sizeof(std::uint64_t));
}

TEST_F(FlightRecordingFile, TellsAByteThatWasChanged) {
  const Folder folder;
  const std::string file = folder.file("relay.flight");
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--mode",
                                    "latency", "--flight-recorder", file});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 2'000}),
                 2'000);
  relay.stop();
  ASSERT_TRUE(replay(file).is_equal());
  const std::streamoff place = middle_of_records(file);
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(place);
  const int before = bytes.get();
  bytes.seekp(place);
  bytes.put(static_cast<char>(before ^ 4));
  bytes.close();
  const lab::FlightReplay changed = replay(file);
  EXPECT_FALSE(changed.is_equal());
  EXPECT_NE(lab::to_text(changed).find("damaged"), std::string::npos) << lab::to_text(changed);
}

}  // namespace
}  // namespace reprise::tests
