// Hazard: a line for each datagram, formatted and written while it is relayed.
#pragma once

#include <cstdint>

#include "reprise/engine/stage.hpp"

namespace reprise::daemon {

class LineWriter {
 public:
  explicit LineWriter(int descriptor) : descriptor_(descriptor) {}

  /// Writes the lines that are due by now (Stage::log_lines), each with a write(2) of its own. What
  /// the descriptor does not take is lost.
  void write_due(const engine::Stage& stage) {
    const std::uint64_t due = stage.log_lines();
    while (written_ < due) write_line(stage);
  }

 private:
  void write_line(const engine::Stage& stage);

  int descriptor_;
  std::uint64_t written_ = 0;
};

}  // namespace reprise::daemon
