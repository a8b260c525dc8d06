#include "reprise/trial/move_costs.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "reprise/trial/chunks.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

constexpr std::size_t kItemBytes = 96;
constexpr std::uint32_t kBatches = 40;

class MoveCosts final : public Instrument {
 public:
  engine::Expected<void> read(Readings& readings) override {
    constexpr std::size_t kBytes = std::size_t{96} << 10U;  // about 1000 items
    readings["move_byte_ps"] = mover_.byte_ps(kBytes);
    readings["move_first_of_batch_byte_ps"] = mover_.byte_ps(kBytes, 1);
    readings["move_of_960_kib_byte_ps"] = mover_.byte_ps(10 * kBytes);
    return {};
  }

 private:
  Mover mover_;
};

}  // namespace

double Mover::byte_ps(std::size_t block_bytes, std::uint32_t moves) {
  std::vector<double> times;
  std::size_t moved_bytes = 0;
  for (std::uint32_t batch = 0; batch < kBatches; ++batch) {
    std::ranges::fill(other_, static_cast<std::byte>(batch));
    asm volatile("" : : "r"(other_.data()) : "memory");
    moved_bytes = 0;
    const engine::Instant begin = traffic::monotonic_now();
    for (std::uint32_t move = 1; move <= moves; ++move) {
      const std::size_t behind_bytes = block_bytes - move * kItemBytes;
      std::memmove(block_.data(), block_.data() + kItemBytes, behind_bytes);
      asm volatile("" : : "r"(block_.data()) : "memory");  // no move may be left out
      moved_bytes += behind_bytes;
    }
    times.push_back(static_cast<double>((traffic::monotonic_now() - begin).ns));
  }
  return median(std::move(times)) * 1000 / static_cast<double>(moved_bytes);
}

MadeInstrument make_move_costs() { return std::make_unique<MoveCosts>(); }

}  // namespace reprise::trial
