// What was recorded of a simulated relay is replayed bit for bit; what was changed is told.
#include "recorded_relay.hpp"

namespace reprise::flight {
namespace {

using engine::Policy;

void expect_equal_replay(RecordedRelay& relay, std::uint32_t states_least = 1) {
  const Replayed replayed = replay(relay.bytes());
  EXPECT_EQ(text_of(replayed), "");
  EXPECT_EQ(replayed.playback.end, RecordingEnd::stopped);
  EXPECT_GE(replayed.playback.totals.snapshots_equal, states_least);
  EXPECT_TRUE(replayed.playback.gaps.empty());
}

TEST(FlightRecorder, ReplaysEveryPolicyBitForBit) {
  for (const Policy policy :
       {Policy::synchronous, Policy::deferred, Policy::eager, Policy::adaptive}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(std::string(engine::name(policy)) + " " + std::to_string(seed));
      RelaySetup setup{.stage = small_stage(), .kernel = {}, .seed = seed};
      setup.stage.policy = policy;
      setup.kernel.chain_pauses_per_million = 300'000;
      RecordedRelay relay(setup);
      relay.relay(500);
      relay.stop();
      EXPECT_GT(relay.stage().ingress_counters().accepted, 0U);
      expect_equal_replay(relay);
    }
  }
}

TEST(FlightRecorder, ReplaysAPacketRingAndSegmentedSends) {
  RelaySetup setup{.stage = small_stage(), .kernel = {}, .has_ring = true};
  setup.stage.blocks = 4;
  setup.stage.block_bytes = 1U << 16U;
  setup.stage.segments_max = 8;
  RecordedRelay relay(setup);
  relay.relay(2000);
  relay.stop();
  EXPECT_GT(relay.stage().ingress_counters().accepted, 1000U);
  expect_equal_replay(relay);
}

TEST(FlightRecorder, ReplaysAPoolThatIsExhausted) {
  RelaySetup setup{.stage = small_stage(), .kernel = {}};
  setup.stage.exhaustion = engine::Exhaustion::drop;
  setup.stage.pool = 3;
  RecordedRelay relay(setup);
  relay.relay(1000);
  relay.stop();
  EXPECT_GT(relay.stage().ingress_counters().dropped_total(), 0U);
  expect_equal_replay(relay);
}

TEST(FlightRecorder, ComparesTheStateWithEverySnapshot) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}, .record_bytes = 0});
  relay.relay(12'000);
  relay.stop();
  expect_equal_replay(relay, 3);
}

TEST(FlightRecorder, KeepsWhatCameLastWhenItGoesRound) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}, .record_bytes = 0});
  relay.relay(30'000);
  relay.stop();
  const Replayed replayed = replay(relay.bytes());
  EXPECT_EQ(text_of(replayed), "");
  EXPECT_GT(replayed.playback.first_step, 0U);
  EXPECT_EQ(replayed.playback.end, RecordingEnd::stopped);
}

TEST(FlightRecorder, ReplaysCommandsInTheirPlaces) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(200);
  relay.command({.kind = StageCommand::Kind::remove_route,
                 .index = static_cast<std::uint32_t>(relay.route())});
  relay.relay(100);
  const engine::RouteKey key{{}, engine::Address::ipv4(239, 1, 1, 1), relay.input(), kPort};
  relay.command({.kind = StageCommand::Kind::add_route,
                 .key = key,
                 .sockets = {relay.open_output(), relay.open_output()}});
  relay.relay(200);
  const auto input = static_cast<std::uint32_t>(relay.input());
  relay.command({.kind = StageCommand::Kind::pause_input, .index = input});
  relay.relay(50);
  relay.command({.kind = StageCommand::Kind::resume_input, .index = input});
  relay.relay(50);
  relay.stop();
  expect_equal_replay(relay);
  EXPECT_EQ(replay(relay.bytes()).playback.totals.commands, 5U);
}

/// The replay of a recording at each of many moments ends in the state of that moment.
TEST(FlightRecorder, HoldsTheStateOfTheLastWholeStepAtAnyMoment) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  for (int moment = 0; moment < 200; ++moment) {
    const std::uint64_t before = relay.digest();
    relay.step();  // begun, so that the one before is whole
    const Replayed replayed = replay(relay.bytes());
    ASSERT_EQ(text_of(replayed), "");
    ASSERT_EQ(replayed.playback.end, RecordingEnd::open);
    ASSERT_EQ(replayed.digest, before);
  }
}

TEST(FlightRecorder, RecordsNoPayload) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(500);
  relay.stop();
  const Replayed replayed = replay(relay.bytes());
  EXPECT_EQ(replayed.playback.totals.frames, 500U);
  // Two words a frame and two for its completion, and what tells of it: less than the headers.
  const auto recording = read_recording(relay.bytes(), "memory");
  std::uint64_t words = 0;
  for (const Segment& segment : recording->tracks.front().segments) words += segment.records.size();
  EXPECT_LT(words * kWordBytes, 500U * 700);
}

// What is damaged or changed.

/// The word of the newest segment's records at which the first record of this kind begins.
std::uint64_t* find_record(RecordedRelay& relay, RecordKind kind, Segment& segment) {
  const auto recording = read_recording(relay.bytes(), "memory");
  segment = recording->tracks.front().segments.front();
  auto* const words = const_cast<std::uint64_t*>(segment.records.data());
  for (Records records(segment); records.front() != nullptr; records.advance()) {
    if (records.front()->kind == kind) return words + records.place_bytes() / kWordBytes;
  }
  return nullptr;
}

TEST(FlightRecorder, TellsEveryChangedByteOfItsRecords) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  relay.stop();
  const auto recording = read_recording(relay.bytes(), "memory");
  const Segment& segment = recording->tracks.front().segments.front();
  auto* const first =
      reinterpret_cast<std::byte*>(const_cast<std::uint64_t*>(segment.records.data()));
  for (std::size_t at = 0; at < segment.records.size() * kWordBytes; at += 7) {
    first[at] ^= std::byte{0x10};
    const Replayed replayed = replay(relay.bytes());
    EXPECT_TRUE(replayed.playback.divergence || replayed.playback.end == RecordingEnd::damaged)
        << "byte " << at;
    first[at] ^= std::byte{0x10};
  }
  EXPECT_EQ(text_of(replay(relay.bytes())), "");
}

TEST(FlightRecorder, TellsADamagedSnapshot) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  relay.stop();
  const auto recording = read_recording(relay.bytes(), "memory");
  auto* const word =
      const_cast<std::uint64_t*>(recording->tracks.front().segments.front().snapshot.data());
  word[9] ^= 1;
  const auto damaged = read_recording(relay.bytes(), "memory");
  ASSERT_TRUE(damaged);
  EXPECT_TRUE(damaged->tracks.front().segments.empty());
  EXPECT_EQ(damaged->tracks.front().damage.size(), 1U);
}

TEST(FlightRecorder, TellsACountOfStepsThatNoReplayWouldReach) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  relay.stop();
  const auto recording = read_recording(relay.bytes(), "memory");
  std::byte* const segments = relay.bytes().data() + recording->tracks.front().header.first_byte;
  for (std::uint32_t place = 0; place < kSegments; ++place) {
    std::byte* const at = segments + place * recording->tracks.front().header.segment_bytes;
    SegmentHeader header;
    std::memcpy(&header, at, sizeof header);
    if (header.sequence == 0) continue;
    header.steps = ~std::uint64_t{0};
    std::memcpy(at, &header, sizeof header);
  }
  const auto damaged = read_recording(relay.bytes(), "memory");
  ASSERT_TRUE(damaged);
  EXPECT_TRUE(damaged->tracks.front().segments.empty());
  EXPECT_FALSE(damaged->tracks.front().damage.empty());
}

TEST(FlightRecorder, ReplaysACutOffFileToWhereItIsWhole) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(300);
  relay.stop();
  const auto recording = read_recording(relay.bytes(), "memory");
  const Segment& segment = recording->tracks.front().segments.front();
  const auto end = static_cast<std::size_t>(
      reinterpret_cast<const std::byte*>(segment.records.data() + segment.records.size() / 2) -
      relay.bytes().data());
  const Replayed replayed = replay(relay.bytes().first(end));
  EXPECT_EQ(text_of(replayed), "");
  EXPECT_EQ(replayed.playback.end, RecordingEnd::damaged);
  EXPECT_GT(replayed.playback.last_step, 50U);
}

/// An engine that prepares something else than the recorded one did.
TEST(FlightRecorder, NamesThePrepareThatDiffers) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  relay.stop();
  Segment segment;
  std::uint64_t* const record = find_record(relay, RecordKind::prepare, segment);
  ASSERT_NE(record, nullptr);
  RecordHead head;
  ASSERT_TRUE(read_head({record, 4}, head));
  record[3] ^= 1;  // the digest
  seal(record, head, sum_of({record + kHeadWords, head.words - kHeadWords}));
  const Replayed replayed = replay(relay.bytes());
  ASSERT_TRUE(replayed.playback.divergence);
  EXPECT_EQ(replayed.playback.divergence->step, head.step);
  EXPECT_EQ(replayed.playback.divergence->phase, engine::Phase::prepare);
  EXPECT_NE(text_of(replayed).find("digest"), std::string::npos) << text_of(replayed);
}

TEST(FlightRecorder, NamesAnInputThatTheEngineDoesNotAskFor) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(100);
  relay.stop();
  Segment segment;
  std::uint64_t* const record = find_record(relay, RecordKind::reap, segment);
  ASSERT_NE(record, nullptr);
  RecordHead head;
  ASSERT_TRUE(read_head({record, segment.records.size()}, head));
  head.kind = RecordKind::drain;
  seal(record, head, sum_of({record + kHeadWords, head.words - kHeadWords}));
  const Replayed replayed = replay(relay.bytes());
  ASSERT_TRUE(replayed.playback.divergence);
  EXPECT_NE(text_of(replayed).find("does not ask for it"), std::string::npos);
}

void expect_refused(std::span<const std::byte> file, const std::string& part) {
  const auto recording = read_recording(file, "some.flight");
  ASSERT_FALSE(recording);
  EXPECT_NE(recording.error().message.find(part), std::string::npos) << recording.error().message;
  EXPECT_EQ(recording.error().message.find('\n'), std::string::npos);
  EXPECT_EQ(recording.error().message.rfind("some.flight", 0), 0U);
}

TEST(FlightRecorder, RefusesWhatItCannotReadInOneLine) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}});
  relay.relay(10);
  auto& header = *reinterpret_cast<FileHeader*>(relay.bytes().data());
  const FileHeader good = header;
  expect_refused(relay.bytes().first(4), "not a flight recording");
  expect_refused(relay.bytes().first(100), "cut off");
  expect_refused(relay.bytes().first(kPageBytes), "cut off");
  header.version = 2;
  expect_refused(relay.bytes(), "version 2; expected version 1");
  header = good;
  header.byte_order = 0x0807'0605'0403'0201U;
  expect_refused(relay.bytes(), "byte order");
  header = good;
  header.engine_hash[3] ^= 1;
  expect_refused(relay.bytes(), "header is damaged");
  header = good;
  relay.bytes()[kPageBytes + 3] ^= std::byte{1};
  expect_refused(relay.bytes(), "header of stage 1 is damaged");
}

TEST(FlightRecorder, GoesOnFromTheNextSnapshotBehindDamage) {
  RecordedRelay relay({.stage = small_stage(), .kernel = {}, .record_bytes = 0});
  relay.relay(12'000);
  relay.stop();
  const auto recording = read_recording(relay.bytes(), "memory");
  ASSERT_GE(recording->tracks.front().segments.size(), 3U);
  const Segment& segment = recording->tracks.front().segments[1];
  const_cast<std::uint64_t&>(segment.records[segment.records.size() / 2]) ^= 1;
  const Replayed replayed = replay(relay.bytes());
  EXPECT_EQ(text_of(replayed), "");
  EXPECT_EQ(replayed.playback.gaps.size(), 1U);
  EXPECT_EQ(replayed.playback.end, RecordingEnd::stopped);
}

}  // namespace
}  // namespace reprise::flight
