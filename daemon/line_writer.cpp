#include "reprise/daemon/line_writer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace reprise::daemon {

void LineWriter::write_line(const engine::Stage& stage) {
  ++written_;
  std::array<char, 256> line;
  const auto end =
      fmt::format_to_n(line.data(), line.size(),
                       "reprise: {} stage: datagram {:>12}, buffers outstanding {:>6}, free {:>6}, "
                       "sends open {:>6}\n",
                       engine::name(stage.role()), written_, stage.ledger().held_count(),
                       stage.ledger().free_count(), stage.sends_open());
  [[maybe_unused]] const ssize_t taken =
      ::write(descriptor_, line.data(), std::min(end.size, line.size()));
}

}  // namespace reprise::daemon
