#include "reprise/lab/flight_replay.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "reprise/engine/source_hash.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::lab {

using engine::Expected;
using engine::failure;

namespace {

/// The bytes of a file, aligned for words.
struct FileBytes {
  std::vector<std::uint64_t> words;
  std::size_t size = 0;
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(words)).first(size);
  }
};

Expected<FileBytes> read_file(const std::string& path) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  std::ifstream file(path, std::ios::binary);
  if (problem || !file)
    return failure(fmt::format("{}: cannot read it; expected a flight recording", path));
  FileBytes result{std::vector<std::uint64_t>(flight::words_of(size)), size};
  file.read(reinterpret_cast<char*>(result.words.data()), static_cast<std::streamsize>(size));
  if (!file) return failure(fmt::format("{}: cannot read {} bytes of it", path, size));
  return result;
}

/// Runs the step in which the recording ended in a process of its own, because an engine that
/// failed in it fails again. Returns how it ended; empty: well.
std::string try_unfinished_step(flight::Player& player) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "not tried: no pipe";
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return "not tried: no process";
  }
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    static_cast<void>(std::signal(SIGABRT, SIG_DFL));
    player.play_unfinished_step();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 256> part{};
  for (ssize_t count = 1; count > 0;) {
    count = ::read(ends[0], part.data(), part.size());
    if (count > 0) said.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) return "";
  if (const auto end = said.find('\n'); end != std::string::npos) said.resize(end);
  return said.empty() ? fmt::format("ended by signal {}", WTERMSIG(status)) : said;
}

void look_at(const flight::Player& player, FlightStageReplay& stage) {
  const engine::Stage& engine = player.stage();
  stage.next_phase = player.runner().phase();
  stage.turns = player.runner().turns();
  stage.ingress = engine.ingress_counters();
  stage.output = engine.output_total();
  stage.regions_held = engine.ledger().held_count();
  stage.regions_free = engine.ledger().free_count();
  stage.sends_open = engine.sends_open();
  if (stage.role != engine::Role::ingress) {
    stage.backlog = engine.egress().backlog_size();
    stage.queued = engine.egress().queued();
  }
  stage.laws_hold = engine.laws_hold();
}

Expected<FlightStageReplay> replay_stage(const flight::Track& track, const std::string& path) {
  FlightStageReplay stage;
  stage.lane = track.header.lane;
  stage.role = track.header.stage.role;
  stage.policy = track.header.stage.policy;
  stage.damage = track.damage;
  if (track.segments.empty()) {
    stage.playback.end =
        track.damage.empty() ? flight::RecordingEnd::open : flight::RecordingEnd::damaged;
    stage.playback.end_text = "before its first whole snapshot";
    return stage;
  }
  flight::Player player(track);
  if (!player.fits()) {
    return failure(
        fmt::format("{}: a stage of {} bytes, which another engine recorded; replay it with a "
                    "build of that one",
                    path, track.header.stage_bytes));
  }
  player.play();
  stage.playback = player.playback();
  look_at(player, stage);
  if (!stage.playback.divergence && stage.playback.end == flight::RecordingEnd::open)
    stage.unfinished_step = try_unfinished_step(player);
  return stage;
}

const char* name(flight::RecordingEnd end) {
  switch (end) {
    case flight::RecordingEnd::open: return "open";
    case flight::RecordingEnd::stopped: return "stopped";
    case flight::RecordingEnd::lost: return "lost";
    case flight::RecordingEnd::damaged: return "damaged";
  }
  return "?";
}

std::string describe_end(const FlightStageReplay& stage) {
  switch (stage.playback.end) {
    case flight::RecordingEnd::open:
      if (!stage.playback.end_text.empty()) return stage.playback.end_text;
      return stage.unfinished_step.empty()
                 ? "in the middle: a copy was made, or the process was gone"
                 : "in a step that this engine fails in too: " + stage.unfinished_step;
    case flight::RecordingEnd::stopped: return "with the stage, which had stopped or was given up";
    case flight::RecordingEnd::lost:
    case flight::RecordingEnd::damaged: return stage.playback.end_text;
  }
  return "?";
}

/// Nanoseconds that the recording covers; 0 where the clock was not read.
std::int64_t covered_ns(const flight::Playback& playback) {
  if (!playback.first_clock) return 0;
  return (*playback.last_clock - *playback.first_clock).ns;
}

nlohmann::ordered_json to_json(const flight::PlayedStep& step) {
  return {{"step", step.step},
          {"phase", engine::name(step.phase)},
          {"completions", step.completions},
          {"frames", step.frames},
          {"prepared", step.submissions},
          {"taken", step.taken},
          {"crossed", step.items}};
}

template <class Reason, class Counts>
nlohmann::ordered_json drops_of(const Counts& dropped) {
  auto drops = nlohmann::ordered_json::object();
  for (std::size_t reason = 0; reason < dropped.size(); ++reason) {
    if (dropped[reason] > 0) drops[engine::name(static_cast<Reason>(reason))] = dropped[reason];
  }
  return drops;
}

nlohmann::ordered_json to_json(const FlightStageReplay& stage) {
  const flight::Playback& playback = stage.playback;
  const flight::PlayedTotals& totals = playback.totals;
  nlohmann::ordered_json json = {
      {"lane", stage.lane},
      {"role", engine::name(stage.role)},
      {"policy", engine::name(stage.policy)},
      {"first_step", playback.first_step},
      {"last_step", playback.last_step},
      {"covered_ns", covered_ns(playback)},
      {"completions", totals.completions},
      {"frames", totals.frames},
      {"submissions", totals.submissions},
      {"crossed", totals.items},
      {"commands", totals.commands},
      {"states_equal", totals.snapshots_equal},
      {"end", name(playback.end)},
      {"end_text", describe_end(stage)},
      {"gaps", playback.gaps},
      {"damage", stage.damage},
      {"at_end",
       {{"turns", stage.turns},
        {"next_phase", engine::name(stage.next_phase)},
        {"received", stage.ingress.received},
        {"accepted", stage.ingress.accepted},
        {"dropped", drops_of<engine::IngressDrop>(stage.ingress.dropped)},
        {"sent", stage.output.sent},
        {"refused", stage.output.refused},
        {"output_dropped", drops_of<engine::EgressDrop>(stage.output.dropped)},
        {"regions_held", stage.regions_held},
        {"regions_free", stage.regions_free},
        {"backlog", stage.backlog},
        {"queued", stage.queued},
        {"sends_open", stage.sends_open},
        {"laws_hold", stage.laws_hold}}}};
  json["last_steps"] = nlohmann::ordered_json::array();
  for (const flight::PlayedStep& step : playback.last_steps)
    json["last_steps"].push_back(to_json(step));
  json["divergence"] = nullptr;
  if (playback.divergence) {
    json["divergence"] = {{"step", playback.divergence->step},
                          {"phase", engine::name(playback.divergence->phase)},
                          {"what", playback.divergence->what}};
  }
  return json;
}

std::string to_text(const nlohmann::ordered_json& drops) {
  std::string text;
  for (const auto& [reason, count] : drops.items())
    text += fmt::format(", {} {}", count.get<std::uint64_t>(), reason);
  return text;
}

std::string to_text(const flight::PlayedStep& step) {
  std::string text = fmt::format("    {:>12} {:<11}", step.step, engine::name(step.phase));
  if (step.completions > 0)
    text += fmt::format(" {} completions, {} frames", step.completions, step.frames);
  if (step.submissions > 0)
    text += fmt::format(" {} prepared, {} taken", step.submissions, step.taken);
  if (step.items > 0) text += fmt::format(" {} crossed", step.items);
  return text + "\n";
}

std::string counters_text(const FlightStageReplay& stage) {
  std::string text = fmt::format("  at the end: turn {}, before phase {}\n", stage.turns,
                                 engine::name(stage.next_phase));
  if (stage.role != engine::Role::egress) {
    text += fmt::format("    in: {} received, {} accepted{}\n", stage.ingress.received,
                        stage.ingress.accepted,
                        to_text(drops_of<engine::IngressDrop>(stage.ingress.dropped)));
  }
  if (stage.role != engine::Role::ingress) {
    text += fmt::format(
        "    out: {} sent, {} refused{}; {} in the backlog, {} queued, {} sends "
        "open\n",
        stage.output.sent, stage.output.refused,
        to_text(drops_of<engine::EgressDrop>(stage.output.dropped)), stage.backlog, stage.queued,
        stage.sends_open);
  }
  return text + fmt::format("    regions: {} outstanding, {} free; laws {}\n", stage.regions_held,
                            stage.regions_free, stage.laws_hold ? "hold" : "are broken");
}

std::string to_text(const FlightStageReplay& stage) {
  const flight::Playback& playback = stage.playback;
  const flight::PlayedTotals& totals = playback.totals;
  std::string text = fmt::format("lane {}, {} stage, policy {}: steps {} to {}", stage.lane,
                                 engine::name(stage.role), engine::name(stage.policy),
                                 playback.first_step + 1, playback.last_step);
  if (covered_ns(playback) > 0) text += fmt::format(", {} ms", covered_ns(playback) / 1'000'000);
  text += fmt::format(
      "\n  {} completions with {} frames came in, {} submissions went out, {} items crossed, {} "
      "commands\n",
      totals.completions, totals.frames, totals.submissions, totals.items, totals.commands);
  if (playback.divergence) {
    text += fmt::format("  DIVERGES in step {}, phase {}: {}\n", playback.divergence->step,
                        engine::name(playback.divergence->phase), playback.divergence->what);
  } else {
    text += fmt::format("  equal bit for bit; {} later states compared\n", totals.snapshots_equal);
  }
  for (const std::string& gap : playback.gaps) text += "  gap: " + gap + "\n";
  for (const std::string& damage : stage.damage) text += "  damaged: " + damage + "\n";
  text += "  the recording ends " + describe_end(stage) + "\n" + counters_text(stage);
  if (!playback.last_steps.empty()) text += "  last phases that did something:\n";
  for (const flight::PlayedStep& step : playback.last_steps) text += to_text(step);
  return text;
}

}  // namespace

bool FlightReplay::is_equal() const {
  return std::ranges::all_of(stages, [](const FlightStageReplay& stage) {
    const flight::Playback& playback = stage.playback;
    return !playback.divergence && playback.gaps.empty() && stage.damage.empty() &&
           playback.end != flight::RecordingEnd::damaged;
  });
}

bool is_flight_recording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, flight::kMagic.size()> beginning{};
  file.read(beginning.data(), beginning.size());
  return file && flight::is_flight_recording(std::as_bytes(std::span(beginning)));
}

Expected<FlightReplay> replay_flight(const std::string& path) {
  const auto file = read_file(path);
  if (!file) return std::unexpected(file.error());
  const auto recording = flight::read_recording(file->bytes(), path);
  if (!recording) return std::unexpected(recording.error());
  FlightReplay replay{.path = path,
                      .recorded_by = recording->engine_hash(),
                      .replayed_by = std::string(engine::source_hash()),
                      .fatal_signal = recording->header.fatal_signal,
                      .stages = {}};
  const std::string note =
      fmt::format("while replaying {}, recorded by engine {}", path, replay.recorded_by);
  engine::set_assertion_note(note.c_str());
  for (const flight::Track& track : recording->tracks) {
    auto stage = replay_stage(track, path);
    if (!stage) {
      engine::set_assertion_note(nullptr);
      return std::unexpected(stage.error());
    }
    replay.stages.push_back(*std::move(stage));
  }
  engine::set_assertion_note(nullptr);
  return replay;
}

nlohmann::ordered_json to_json(const FlightReplay& replay) {
  nlohmann::ordered_json json = {{"kind", "flight_recording"},
                                 {"file", replay.path},
                                 {"recorded_by", replay.recorded_by},
                                 {"replayed_by", replay.replayed_by},
                                 {"fatal_signal", replay.fatal_signal},
                                 {"equal", replay.is_equal()},
                                 {"stages", nlohmann::ordered_json::array()}};
  for (const FlightStageReplay& stage : replay.stages) json["stages"].push_back(to_json(stage));
  return json;
}

std::string to_text(const FlightReplay& replay) {
  std::string text = fmt::format("{}: recorded by engine {}", replay.path, replay.recorded_by);
  text += replay.recorded_by == replay.replayed_by
              ? ", replayed by the same\n"
              : fmt::format(", replayed by engine {}: differences may be the engine's\n",
                            replay.replayed_by);
  if (replay.fatal_signal != 0)
    text += fmt::format("the relay was ended by signal {}\n", replay.fatal_signal);
  for (const FlightStageReplay& stage : replay.stages) text += to_text(stage);
  return text;
}

}  // namespace reprise::lab
