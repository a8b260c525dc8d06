#include "reprise/engine/stage_config.hpp"

#include <string>

#include "reprise/engine/work_item.hpp"

namespace reprise::engine {
namespace {

void check_range(std::vector<Error>& findings, const char* field, std::uint32_t value,
                 std::uint32_t least, std::uint32_t most) {
  if (value >= least && value <= most) return;
  findings.push_back(Error{std::string(field) + " = " + std::to_string(value) + ": expected " +
                           std::to_string(least) + " to " + std::to_string(most)});
}

}  // namespace

StageConfig with_role(StageConfig config, Role role) {
  config.role = role;
  return config;
}

std::vector<Error> check(const StageConfig& config) {
  std::vector<Error> findings;
  check_range(findings, "pool", config.pool, 1, 32'768);
  check_range(findings, "landing", config.landing, 1, 32'768);
  // Provided-buffer rings hold at most 32,768 entries (io_uring_register_buf_ring(3)).
  if (config.exhaustion == Exhaustion::drop) {
    check_range(findings, "pool plus landing", config.region_count(), 1, 32'768);
  }
  check_range(findings, "region_bytes", config.region_bytes, 128, 1U << 20);
  check_range(findings, "blocks", config.blocks, 0, config.role == Role::unified ? 65'536 : 0);
  check_range(findings, "block_bytes", config.block_bytes, 4096, 1U << 24U);
  if (config.block_bytes % 4096 != 0) {
    findings.push_back(Error{"block_bytes = " + std::to_string(config.block_bytes) +
                             ": expected a multiple of 4096"});
  }
  check_range(findings, "merged_max", config.merged_max, 1, kMergedDatagramsMax);
  check_range(findings, "intake", config.intake, 1, 65'536);
  check_range(findings, "segments_max", config.segments_max, 1, 128);
  check_range(findings, "segmented_bytes_max", config.segmented_bytes_max, 1, 65'507);
  check_range(findings, "submissions_max", config.submissions_max, 1, 32'768);
  check_range(findings, "batch", config.batch, 1, config.submissions_max);
  check_range(findings, "sends_max", config.sends_max, config.batch, 65'536);
  check_range(findings, "output_queue", config.output_queue, config.batch, 65'536);
  check_range(findings, "inputs_max", config.inputs_max, 1, 65'536);
  check_range(findings, "rules_max", config.rules_max, 1, 1'000'000);
  check_range(findings, "outputs_max", config.outputs_max, 1, 1'000'000);
  check_range(findings, "spin_turns", config.spin_turns, 0, 1'000'000'000);
  check_range(findings, "item_bytes", config.hazards.item_bytes, sizeof(WorkItem), 256);
  check_range(findings, "nap_us", config.hazards.nap_us, 0, 1'000'000);
  if (std::uint64_t{config.outputs_max} * config.output_queue > (1U << 28U)) {
    findings.push_back(
        Error{"outputs_max times output_queue = " +
              std::to_string(std::uint64_t{config.outputs_max} * config.output_queue) +
              ": expected at most 268435456; lower output_queue"});
  }
  return findings;
}

}  // namespace reprise::engine
