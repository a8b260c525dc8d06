#include "relay_flags.hpp"

#include <fmt/format.h>

#include <string>

#include "value_checks.hpp"

namespace reprise::apps {
namespace {

/// Provided-buffer rings and submission queues hold at most this many (io_uring_setup(2)).
constexpr std::uint32_t kEntriesMax = 32'768;
/// The kernel takes socket buffer sizes as an int and doubles them.
constexpr std::uint32_t kSocketBufferBytesMax = 1U << 30U;

/// An option that takes one of `names` and stores what `parse` makes of it.
template <std::size_t Count, class Enum, class Parse>
void add_choice(CLI::App& command, const char* flag, const char* help,
                const std::array<std::string_view, Count>& names, Parse parse, Enum& target) {
  command
      .add_option_function<std::string>(
          flag, [parse, &target](const std::string& text) { target = *parse(text); }, help)
      ->check(one_of(names));
}

}  // namespace

void add_relay_flags(CLI::App& command, daemon::RelayOptions& options) {
  engine::StageConfig& stage = options.stage;
  add_choice(command, "--policy", "when sends are handed over and reaped (default adaptive)",
             engine::kPolicyNames, engine::policy_from, stage.policy);
  add_choice(command, "--exhaustion", "what a datagram without a free buffer does (default wait)",
             engine::kExhaustionNames, engine::exhaustion_from, stage.exhaustion);
  command.add_option("--batch", stage.batch, "sends in one batch, up to the ring (default 32)")
      ->check(whole_number(1, kEntriesMax));
  command
      .add_option("--ring", stage.submissions_max, "entries of the submission queue (default 64)")
      ->check(whole_number(1, kEntriesMax));
  command.add_option("--pool", stage.pool, "buffers (default 1024)")
      ->check(whole_number(1, kEntriesMax));
  command.add_option("--ttl", options.hops, "TTL or hop limit of what is sent (default 16)")
      ->check(whole_number(1, 255));
  command
      .add_option("--receive-buffer", options.receive_buffer_bytes,
                  "bytes of each input's socket buffer (default 4194304)")
      ->check(whole_number(1, kSocketBufferBytesMax));
  command
      .add_option("--send-buffer", options.send_buffer_bytes,
                  "bytes of each output's socket buffer (default: the host's)")
      ->check(whole_number(1, kSocketBufferBytesMax));
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
  return {};
}

}  // namespace reprise::apps
