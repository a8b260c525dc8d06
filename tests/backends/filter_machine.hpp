// A machine for classic BPF programs over bytes, as the kernel documents it: A, X, sixteen words of
// scratch memory, big-endian loads, and 0 for any load beyond the frame.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>

namespace reprise::tests {

class FilterMachine {
 public:
  explicit FilterMachine(std::span<const sock_filter> program) : program_(program) {}

  /// What the program returns: the bytes to keep, 0 to drop the frame.
  std::uint32_t run(std::span<const std::uint8_t> frame) {
    accumulator_ = index_ = 0;
    for (std::size_t place = 0; place < program_.size(); ++place) {
      const sock_filter& instruction = program_[place];
      switch (BPF_CLASS(instruction.code)) {
        case BPF_LD:
        case BPF_LDX: {
          const auto value = load(instruction, frame);
          if (!value) return 0;
          (BPF_CLASS(instruction.code) == BPF_LD ? accumulator_ : index_) = *value;
          break;
        }
        case BPF_ST: memory_.at(instruction.k) = accumulator_; break;
        case BPF_STX: memory_.at(instruction.k) = index_; break;
        case BPF_ALU: calculate(instruction); break;
        case BPF_JMP: place += jump(instruction); break;
        case BPF_RET: return instruction.k;
        case BPF_MISC:
          if (BPF_MISCOP(instruction.code) == BPF_TAX) {
            index_ = accumulator_;
          } else {
            accumulator_ = index_;
          }
          break;
        default: throw std::runtime_error("no such instruction class");
      }
    }
    throw std::runtime_error("the program ran off its end");
  }

 private:
  std::optional<std::uint32_t> load(const sock_filter& instruction,
                                    std::span<const std::uint8_t> frame) const {
    std::size_t offset = instruction.k;
    switch (BPF_MODE(instruction.code)) {
      case BPF_IMM: return instruction.k;
      case BPF_MEM: return memory_.at(instruction.k);
      case BPF_ABS: break;
      case BPF_IND: offset += index_; break;
      default: throw std::runtime_error("no such addressing mode");
    }
    const unsigned size = BPF_SIZE(instruction.code);
    const std::size_t count = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
    if (offset + count > frame.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (const std::uint8_t byte : frame.subspan(offset, count)) value = value << 8U | byte;
    return value;
  }

  void calculate(const sock_filter& instruction) {
    const std::uint32_t operand = BPF_SRC(instruction.code) == BPF_X ? index_ : instruction.k;
    switch (BPF_OP(instruction.code)) {
      case BPF_ADD: accumulator_ += operand; break;
      case BPF_AND: accumulator_ &= operand; break;
      case BPF_LSH: accumulator_ <<= operand; break;
      default: throw std::runtime_error("no such calculation");
    }
  }

  std::size_t jump(const sock_filter& instruction) const {
    bool holds = false;
    switch (BPF_OP(instruction.code)) {
      case BPF_JA: return instruction.k;
      case BPF_JEQ: holds = accumulator_ == instruction.k; break;
      case BPF_JGE: holds = accumulator_ >= instruction.k; break;
      case BPF_JSET: holds = (accumulator_ & instruction.k) != 0; break;
      default: throw std::runtime_error("no such jump");
    }
    return holds ? instruction.jt : instruction.jf;
  }

  std::span<const sock_filter> program_;
  std::array<std::uint32_t, BPF_MEMWORDS> memory_{};
  std::uint32_t accumulator_ = 0;
  std::uint32_t index_ = 0;
};

}  // namespace reprise::tests
