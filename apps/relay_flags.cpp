#include "relay_flags.hpp"

#include <string>
#include <vector>

namespace reprise::apps {
namespace {

/// An option that takes one of `names` and stores what `parse` makes of it.
template <std::size_t Count, class Enum, class Parse>
void add_choice(CLI::App& command, const char* flag, const char* help,
                const std::array<std::string_view, Count>& names, Parse parse, Enum& target) {
  command
      .add_option_function<std::string>(
          flag, [parse, &target](const std::string& text) { target = *parse(text); }, help)
      ->check(CLI::IsMember(std::vector<std::string>(names.begin(), names.end())));
}

}  // namespace

void add_relay_flags(CLI::App& command, daemon::RelayOptions& options) {
  engine::StageConfig& stage = options.stage;
  add_choice(command, "--policy", "when sends are handed over and reaped (default adaptive)",
             engine::kPolicyNames, engine::policy_from, stage.policy);
  add_choice(command, "--exhaustion", "what a datagram without a free buffer does (default wait)",
             engine::kExhaustionNames, engine::exhaustion_from, stage.exhaustion);
  command.add_option("--batch", stage.batch, "sends in one batch, up to the ring (default 32)");
  command.add_option("--ring", stage.submissions_max,
                     "entries of the submission queue (default 64)");
  command.add_option("--pool", stage.pool, "buffers (default 1024)");
  command.add_option("--ttl", options.hops, "TTL or hop limit of what is sent (default 16)")
      ->check(CLI::Range(1, 255));
  command.add_option("--receive-buffer", options.receive_buffer_bytes,
                     "bytes of each input's socket buffer (default 4194304)");
  command.add_option("--send-buffer", options.send_buffer_bytes,
                     "bytes of each output's socket buffer (default: the host's)");
}

}  // namespace reprise::apps
