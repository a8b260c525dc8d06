// Writing a classic BPF program: instructions in order, and jumps that are aimed afterwards.
//
// Conditional jumps of classic BPF reach 255 instructions; `jump` reaches any. All jumps go
// forward.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "reprise/engine/assert.hpp"

namespace reprise::posix {

class FilterProgram {
 public:
  /// The place of a jump that has no target yet.
  enum class Jump : std::size_t {};

  void add(unsigned code, std::uint32_t operand = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, operand});
  }

  /// Goes on `if_true` or `if_false` instructions behind the next one.
  void add_condition(unsigned code, std::uint32_t operand, unsigned if_true, unsigned if_false) {
    REPRISE_ASSERT(if_true <= 0xff && if_false <= 0xff);
    code_.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), operand});
  }

  /// Steps over the next `distance` instructions if the condition holds.
  void skip_if(unsigned code, std::uint32_t operand, std::size_t distance) {
    constexpr std::size_t kShortJumpMax = 0xff;
    if (distance <= kShortJumpMax) {
      return add_condition(code, operand, static_cast<unsigned>(distance), 0);
    }
    add_condition(code, operand, 0, 1);
    add(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(distance));
  }

  /// Adds a part that was written apart. Jumps are relative, so they stay right.
  void append(FilterProgram part) {
    code_.insert(code_.end(), part.code_.begin(), part.code_.end());
  }

  [[nodiscard]] std::size_t size() const { return code_.size(); }

  /// An unconditional jump; aim() gives it its target.
  Jump add_jump() {
    add(BPF_JMP | BPF_JA);
    return Jump{code_.size() - 1};
  }

  /// Jumps away unless A equals `operand`.
  Jump jump_unless_equal(std::uint32_t operand) {
    add_condition(BPF_JMP | BPF_JEQ | BPF_K, operand, 1, 0);
    return add_jump();
  }

  /// Makes the jump lead to the next instruction to be added.
  void aim(Jump jump) {
    const auto place = static_cast<std::size_t>(jump);
    code_[place].k = static_cast<std::uint32_t>(code_.size() - place - 1);
  }

  void accept() { add(BPF_RET | BPF_K, kWholeFrame); }
  void drop() { add(BPF_RET | BPF_K, 0); }

  [[nodiscard]] std::vector<sock_filter> take() { return std::move(code_); }

 private:
  static constexpr std::uint32_t kWholeFrame = 0x7fff'ffff;

  std::vector<sock_filter> code_;
};

}  // namespace reprise::posix
