// An io_uring backend as a relay has it, with packet memory, for one instrument.
#pragma once

#include <memory>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::trial {

struct BenchRing {
  std::unique_ptr<uring::UringBackend> backend;
  engine::PacketMemory memory;

  static engine::Expected<BenchRing> create(const engine::StageConfig& config) {
    auto backend = uring::UringBackend::create({.submission_entries = config.submissions_max});
    if (!backend) return std::unexpected(backend.error());
    const auto memory = (*backend)->register_memory(config.memory());
    if (!memory) return std::unexpected(memory.error());
    return BenchRing{std::move(*backend), *memory};
  }
};

}  // namespace reprise::trial
