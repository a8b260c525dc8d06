// Words of eight bytes, what a recording is made of, and how they are summed and digested.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace reprise::flight {

inline constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

/// How many words so many bytes fill.
constexpr std::size_t words_of(std::size_t bytes) { return (bytes + kWordBytes - 1) / kWordBytes; }

inline std::uint64_t load_word(const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// A sum that tells damage: a single changed byte always changes it, before it is folded.
inline std::uint64_t sum_of(std::span<const std::uint64_t> words) {
  std::uint64_t sum = 0;
  for (const std::uint64_t word : words) sum += word;
  return sum;
}
inline std::uint32_t folded(std::uint64_t sum) {
  return static_cast<std::uint32_t>(sum * 0x9e37'79b9'7f4a'7c15U >> 32U);
}

/// A digest in which order counts, of several spans one after the other. Four sums, because a
/// product takes longer than the next word; by name, because GCC would else make vectors of them,
/// which have no such product.
class Digest {
 public:
  explicit Digest(std::uint64_t seed = 0) : first_(seed) {}

  Digest& add(std::span<const std::byte> bytes) {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 32; at += 32, left -= 32) {
      first_ = (first_ ^ load_word(at)) * kFactor;
      second_ = (second_ ^ load_word(at + 8)) * kFactor;
      third_ = (third_ ^ load_word(at + 16)) * kFactor;
      fourth_ = (fourth_ ^ load_word(at + 24)) * kFactor;
    }
    for (; left >= 8; at += 8, left -= 8) first_ = (first_ ^ load_word(at)) * kFactor;
    std::uint64_t last = 0;
    if (left > 0) std::memcpy(&last, at, left);
    second_ = (second_ ^ last ^ bytes.size()) * kFactor;
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const {
    const std::uint64_t mixed = (first_ ^ std::rotl(second_, 17)) * kFactor +
                                (third_ ^ std::rotl(fourth_, 29)) * (kFactor - 2);
    return mixed ^ (mixed >> 32U);
  }

 private:
  static constexpr std::uint64_t kFactor = 0xff51'afd7'ed55'8ccdU;
  std::uint64_t first_;
  std::uint64_t second_ = 1;
  std::uint64_t third_ = 2;
  std::uint64_t fourth_ = 3;
};

inline std::uint64_t digest_of(std::span<const std::byte> bytes) {
  return Digest().add(bytes).value();
}

/// Appends words to memory of a fixed size. What does not fit is left out, and then is_full().
class WordWriter {
 public:
  WordWriter() = default;
  explicit WordWriter(std::span<std::uint64_t> room)
      : at_(room.data()), end_(room.data() + room.size()) {}

  [[nodiscard]] bool has_room(std::size_t words) {
    if (static_cast<std::size_t>(end_ - at_) >= words) [[likely]]
      return true;
    is_full_ = true;
    return false;
  }
  /// Needs room.
  void put(std::uint64_t word) {
    *at_++ = word;
    sum_ += word;
  }
  /// Needs room; the last word is filled up with zeros.
  void put(std::span<const std::byte> bytes) {
    for (; bytes.size() >= kWordBytes; bytes = bytes.subspan(kWordBytes))
      put(load_word(bytes.data()));
    if (bytes.empty()) return;
    std::uint64_t last = 0;
    std::memcpy(&last, bytes.data(), bytes.size());
    put(last);
  }
  [[nodiscard]] std::uint64_t* at() const { return at_; }
  /// The sum of the words since the last call. Made on the way: what was just written is slow to
  /// read back in other sizes.
  [[nodiscard]] std::uint64_t take_sum() { return std::exchange(sum_, 0); }
  [[nodiscard]] bool is_full() const { return is_full_; }

 private:
  std::uint64_t* at_ = nullptr;
  std::uint64_t* end_ = nullptr;
  std::uint64_t sum_ = 0;
  bool is_full_ = false;
};

/// Takes words from the front. Behind the end it gives zeros, and is_short().
class WordReader {
 public:
  explicit WordReader(std::span<const std::uint64_t> words) : words_(words) {}

  std::uint64_t take() {
    if (words_.empty()) {
      is_short_ = true;
      return 0;
    }
    const std::uint64_t word = words_.front();
    words_ = words_.subspan(1);
    return word;
  }
  /// So many bytes, of whole words; empty where there are fewer.
  std::span<const std::byte> take_bytes(std::size_t bytes) {
    if (words_of(bytes) > words_.size()) {
      is_short_ = true;
      return {};
    }
    const auto taken = std::as_bytes(words_.first(words_of(bytes))).first(bytes);
    words_ = words_.subspan(words_of(bytes));
    return taken;
  }
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] bool is_short() const { return is_short_; }

 private:
  std::span<const std::uint64_t> words_;
  bool is_short_ = false;
};

}  // namespace reprise::flight
