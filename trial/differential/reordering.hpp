// The order rule of the engine, on both kernels: batches of 64 sends of one flow over a gigabit
// link with a small socket buffer, unlinked with and without MSG_DONTWAIT, and as the engine sends
// them, in one chain.
//
// A batch is out of order when a datagram left although an earlier one left later, or was refused
// and has still to be sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"

namespace reprise::trial {

inline constexpr std::uint32_t kReorderedBatch = 64;

struct ReorderedWay {
  std::string name;
  bool is_linked = false;
  std::uint32_t batches = 0;
  std::uint32_t out_of_order = 0;  ///< of the batches, on the real kernel
  /// Of one batch as it left the real kernel: the first out of order, or the last.
  std::vector<std::uint32_t> order;
  std::vector<std::uint32_t> model_order;  ///< of a batch as it left the simulated kernel
  bool model_is_in_order = false;
  // What the belief set says of the batches.
  std::uint32_t admitted = 0;
  std::uint32_t rejected = 0;
  std::uint32_t without_verdict = 0;  ///< more states than the limit
};

struct Reordering {
  std::vector<ReorderedWay> ways;
  /// On both kernels unlinked sends were reordered and the chain was not.
  [[nodiscard]] bool holds() const;
};

/// `batches` of each way; more where unlinked ones stayed in order so far. Makes namespaces.
/// Errors: the host allows none.
engine::Expected<Reordering> run_reordering(std::uint32_t batches = 20);

}  // namespace reprise::trial
