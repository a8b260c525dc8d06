// Blocks moved to the front by 96 bytes: what taking a few items from the front of an array does.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "reprise/trial/chunks.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

constexpr std::size_t kDistanceBytes = 96;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20U;
constexpr std::uint32_t kChunks = 40;
constexpr std::size_t kOtherBytes = std::size_t{4} << 20U;

struct Block {
  std::size_t bytes;
  const char* name;
};
constexpr std::array<Block, 4> kBlocks{{{std::size_t{16} << 10U, "move_of_16_kib_byte_ps"},
                                        {std::size_t{64} << 10U, "move_of_64_kib_byte_ps"},
                                        {std::size_t{96} << 10U, "move_of_96_kib_byte_ps"},
                                        {std::size_t{512} << 10U, "move_of_512_kib_byte_ps"}}};

class MoveCosts final : public Instrument {
 public:
  engine::Expected<void> read(Readings& readings) override {
    for (const Block& block : kBlocks) {
      const auto per_chunk = static_cast<std::uint32_t>(kChunkBytes / block.bytes);
      const double move_ns = chunked_ns(kChunks, per_chunk, [&] { move(block.bytes); });
      readings[block.name] = move_ns * 1000 / static_cast<double>(block.bytes);
    }
    readings["move_byte_ps"] = from_far_caches_ps();
    return {};
  }

 private:
  /// 96 KiB, when other work has pushed the block out of the near caches, as payloads do.
  double from_far_caches_ps() {
    constexpr std::size_t kBytes = std::size_t{96} << 10U;
    std::vector<double> times;
    for (std::uint32_t count = 0; count < kChunks; ++count) {
      std::ranges::fill(other_, static_cast<std::byte>(count));
      asm volatile("" : : "r"(other_.data()) : "memory");
      const engine::Instant begin = traffic::monotonic_now();
      move(kBytes);
      times.push_back(static_cast<double>((traffic::monotonic_now() - begin).ns));
    }
    return median(std::move(times)) * 1000 / kBytes;
  }

  void move(std::size_t bytes) {
    std::memmove(memory_.data(), memory_.data() + kDistanceBytes, bytes);
    asm volatile("" : : "r"(memory_.data()) : "memory");  // the compiler must not leave moves out
  }

  std::vector<std::byte> memory_ = std::vector<std::byte>(kBlocks.back().bytes + kDistanceBytes);
  std::vector<std::byte> other_ = std::vector<std::byte>(kOtherBytes);
};

}  // namespace

MadeInstrument make_move_costs() { return std::make_unique<MoveCosts>(); }

}  // namespace reprise::trial
