#include "relay_flags.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>

#include "command.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

/// Provided-buffer rings and submission queues hold at most this many (io_uring_setup(2)), and the
/// same on every backend.
constexpr std::uint32_t kEntriesMax = 32'768;
/// The kernel takes socket buffer sizes as an int and doubles them.
constexpr std::uint32_t kSocketBufferBytesMax = 1U << 30U;

const std::string kHazards = "Hazards (for experiments)";

/// An option that takes one of `names` and stores what `parse` makes of it.
template <std::size_t Count, class Enum, class Parse>
CLI::Option* add_choice(CLI::App& command, const char* flag, const char* help,
                        const std::array<std::string_view, Count>& names, Parse parse,
                        Enum& target) {
  return command
      .add_option_function<std::string>(
          flag, [parse, &target](const std::string& text) { target = *parse(text); }, help)
      ->check(one_of(names));
}

/// --help leaves the hazards out, --help-all shows them.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* command, std::string name,
                        CLI::AppFormatMode mode) const override {
    shows_hazards_ = mode == CLI::AppFormatMode::All;
    return CLI::Formatter::make_help(command, std::move(name), mode);
  }
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    if (group == kHazards && !shows_hazards_) return "";
    return CLI::Formatter::make_group(std::move(group), is_positional, std::move(options));
  }

 private:
  mutable bool shows_hazards_ = false;
};

void add_hazard_flags(CLI::App& command, daemon::RelayOptions& options) {
  engine::Hazards& hazards = options.stage.hazards;
  add_choice(command, "--backlog", "how datagrams wait for a batch (default ring)",
             engine::kBacklogKindNames, engine::backlog_kind_from, hazards.backlog)
      ->group(kHazards);
  command
      .add_option("--item-bytes", hazards.item_bytes,
                  "bytes that erase_front moves for each waiting datagram (default 16)")
      ->check(whole_number(sizeof(engine::WorkItem), 256))
      ->group(kHazards);
  add_choice(command, "--drain", "what the sending thread takes over in a turn (default batch)",
             engine::kDrainNames, engine::drain_from, hazards.drain)
      ->group(kHazards);
  add_choice(command, "--send-order", "how the sends of an output keep order (default linked)",
             engine::kSendOrderNames, engine::send_order_from, hazards.send_order)
      ->group(kHazards);
  add_choice(command, "--log-lines", "lines written to standard error for each (default none)",
             engine::kLogLinesNames, engine::log_lines_from, hazards.log_lines)
      ->group(kHazards);
  command
      .add_option("--nap-us", hazards.nap_us,
                  "microseconds that the sending thread sleeps in each turn (default 0)")
      ->check(whole_number(0, 1'000'000))
      ->group(kHazards);
  command.add_flag("--one-core", options.one_core, "all threads on one core")->group(kHazards);
  command.add_flag("--census", options.census, "sample where the buffers are, and report it")
      ->group(kHazards);
  command.set_help_all_flag("--help-all", "Print this help with the hazards too, and exit");
  command.formatter(std::make_shared<HelpFormatter>());
}

/// What has a meaning only beside something else. A default may be written out anywhere.
engine::Expected<void> check_companions(const daemon::RelayOptions& options) {
  const engine::Hazards& hazards = options.stage.hazards;
  const bool wakes_by_default = options.stage.wake_up == engine::StageConfig{}.wake_up;
  const auto needs = [](const char* flag, const char* companion) {
    return engine::failure(fmt::format("{}: has a meaning only with {}; add it, or leave {} out",
                                       flag, companion, flag));
  };
  if (const auto consistent = daemon::check(options); !consistent) return consistent;
  if (options.flight_log.bytes != 0 && options.flight_log.path.empty())
    return needs("--flight-recorder-bytes", "--flight-recorder");
  if (options.threads == 1) {
    if (!wakes_by_default) return needs("--wake-up", "--threads 2");
    if (hazards.drain == engine::Drain::all) return needs("--drain all", "--threads 2");
    if (options.one_core) return needs("--one-core", "--threads 2");
  }
  if (hazards.item_bytes != engine::Hazards{}.item_bytes &&
      hazards.backlog != engine::BacklogKind::erase_front)
    return needs("--item-bytes", "--backlog erase_front");
  if (!wakes_by_default && hazards.nap_us > 0) {
    return engine::failure(
        "--wake-up: a thread that sleeps in each turn is woken by nobody; leave --wake-up or "
        "--nap-us out");
  }
  return {};
}

}  // namespace

void add_relay_flags(CLI::App& command, daemon::RelayOptions& options) {
  engine::StageConfig& stage = options.stage;
  add_choice(command, "--backend",
             "auto: io_uring, or asio (epoll) where the host refuses it (default auto)",
             daemon::kBackendKindNames, daemon::backend_kind_from, options.backend);
  add_choice(command, "--mode",
             "throughput: by packet ring; latency: frame by frame; auto: by load (default auto)",
             daemon::kIngressModeNames, daemon::ingress_mode_from, options.mode);
  command
      .add_option("--workers", options.workers,
                  "threads that share the flows, each with sockets and memory of its own (default "
                  "1)")
      ->check(whole_number(1, 64));
  command
      .add_option("--cores", options.cores,
                  "the core of each thread, as 2,3 (default: where the host puts them)")
      ->delimiter(',')
      ->check(whole_number(0, 1023));
  add_choice(command, "--segmentation",
             "several datagrams leave in one send; auto: from Linux 6.2 on (default auto)",
             daemon::kSegmentationNames, daemon::segmentation_from, options.segmentation);
  add_choice(command, "--policy", "when sends are handed over and reaped (default adaptive)",
             engine::kPolicyNames, engine::policy_from, stage.policy);
  add_choice(command, "--exhaustion", "what a datagram without a free buffer does (default wait)",
             engine::kExhaustionNames, engine::exhaustion_from, stage.exhaustion);
  command
      .add_option("--threads", options.threads,
                  "1: receives and sends in one; 2: one receives, one sends (default 1)")
      ->check(whole_number(1, 2));
  add_choice(command, "--wake-up", "how the thread that sends waits for datagrams (default event)",
             engine::kWakeUpNames, engine::wake_up_from, stage.wake_up);
  command
      .add_option("--batch", stage.batch,
                  "sends in one batch, up to the ring (default 32; with segmentation at least 64, "
                  "and 32 for each output)")
      ->check(whole_number(1, kEntriesMax));
  command
      .add_option("--ring", stage.submissions_max,
                  "entries of the submission queue, at least a batch (default 64)")
      ->check(whole_number(1, kEntriesMax));
  command.add_option("--pool", stage.pool, "buffers (default 1024)")
      ->check(whole_number(1, kEntriesMax));
  command.add_option("--ttl", options.hops, "TTL or hop limit of what is sent (default 16)")
      ->check(whole_number(1, 255));
  command
      .add_option("--packet-ring", options.ring_bytes,
                  "bytes of each input's packet ring, per worker (default 16777216)")
      ->check(whole_number(1U << 19U, kSocketBufferBytesMax));
  command
      .add_option("--receive-buffer", options.receive_buffer_bytes,
                  "bytes of each input's socket buffer (default 8388608)")
      ->check(whole_number(1, kSocketBufferBytesMax));
  command
      .add_option("--send-buffer", options.send_buffer_bytes,
                  "bytes of each output's socket buffer (default 524288)")
      ->check(whole_number(1, kSocketBufferBytesMax));
  command.add_flag("--shield", options.shield,
                   "keep what is relayed from this host's own IP stack (needs CAP_NET_ADMIN)");
  command.add_option("--flight-recorder", options.flight_log.path,
                     "file that holds what came in last, for `reprise-lab replay`; SIGUSR2 copies "
                     "it (default: none)");
  command
      .add_option("--flight-recorder-bytes", options.flight_log.bytes,
                  "bytes of that file (default 67108864, or more where needed)")
      ->check(whole_number(1U << 20U, std::uint64_t{1} << 40U));
  add_hazard_flags(command, options);
}

engine::Expected<void> check_relay_flags(const daemon::RelayOptions& options) {
  const engine::StageConfig& stage = options.stage;
  if (stage.batch > stage.submissions_max) {
    return engine::failure(
        fmt::format("--batch {}: expected at most {}, the entries of the submission queue; lower "
                    "it, or raise --ring",
                    stage.batch, stage.submissions_max));
  }
  if (stage.region_count() > kEntriesMax) {
    return engine::failure(fmt::format(
        "--pool {}: expected at most {} with --exhaustion drop, which takes {} buffers more; lower "
        "it",
        stage.pool, kEntriesMax - stage.landing, stage.landing));
  }
  return check_companions(options);
}

void note_fallback(const daemon::BackendChoice& backend) {
  if (!backend.is_fallback) return;
  print_note(fmt::format("reprise: backend {}, because {}\n", name(backend.kind), backend.reason));
}

}  // namespace reprise::apps
