// The two-thread pipeline on the real kernel, in namespaces of its own; nothing is sent outside.
//
// Two layouts, because a small machine has too few cores for a generator, two threads of a relay
// and a sink:
//   two cores  the ingress stage is fed from memory at a fixed rate (memory_source.hpp) on the
//              first core that this process may use; the egress stage sends on the last one
//   one core   both threads share the last core, as the historic relay's did; a generator in a
//              namespace of its own sends to its packet socket from the first one
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "reprise/engine/error.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/trial/regression/pipeline_figures.hpp"

namespace reprise::trial {

enum class Layout { two_cores, one_core };

/// What taking one frame out of a memory source costs, in ns; measured once, beside some 2000 ns
/// that the egress stage spends on it.
inline constexpr std::int64_t kMemorySourceFrameNs = 60;

struct PipelineCase {
  std::string name;           ///< for messages
  engine::StageConfig stage;  ///< its role is not looked at
  Layout layout = Layout::two_cores;
  std::uint32_t send_buffer_bytes = 0;  ///< as asked of the socket; 0: the host's default
};

struct PipelineLoad {
  double seconds = 1.0;          ///< for which datagrams are offered
  std::uint64_t rate = 690'000;  ///< datagrams per second; one core: asked of the generator
  std::uint32_t payload_bytes = 1400;
};

/// That this process has two cores. Whether it may make namespaces shows when it does.
engine::Expected<void> check_cores();

/// Runs the case once. Call from a process with one thread (traffic/namespaces.hpp).
/// Errors: the host allows no namespaces, packet sockets or io_uring; a child did not end well;
/// `stop` was raised (EINTR).
engine::Expected<PipelineFigures> run_real(const PipelineCase& tried, const PipelineLoad& load,
                                           const std::atomic<bool>& stop);

}  // namespace reprise::trial
