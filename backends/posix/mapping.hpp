// Anonymous memory, or only addresses, from mmap(2), page-aligned, unmapped when their owner goes.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "reprise/engine/error.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::posix {

inline constexpr std::size_t kCacheLineBytes = 64;

class Mapping {
 public:
  /// All pages are there when it returns, so that no access faults later.
  static engine::Expected<Mapping> create(std::size_t size_bytes) {
    return map(size_bytes, PROT_READ | PROT_WRITE, MAP_POPULATE);
  }

  /// A page comes when it is first written to.
  static engine::Expected<Mapping> create_on_demand(std::size_t size_bytes) {
    auto mapping = map(size_bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    // A huge page would bring the pages that nobody asked for.
    if (mapping) ::madvise(mapping->bytes_, size_bytes, MADV_NOHUGEPAGE);
    return mapping;
  }

  /// Addresses without memory, for what is mapped over them later.
  static engine::Expected<Mapping> reserve(std::size_t size_bytes) {
    return map(size_bytes, PROT_NONE, MAP_NORESERVE);
  }

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (bytes_ != nullptr) ::munmap(bytes_, size_bytes_);
  }

  [[nodiscard]] std::byte* bytes() const { return bytes_; }

 private:
  Mapping(std::byte* bytes, std::size_t size_bytes) : bytes_(bytes), size_bytes_(size_bytes) {}

  static engine::Expected<Mapping> map(std::size_t size_bytes, int protection, int flags) {
    void* address =
        ::mmap(nullptr, size_bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (address == MAP_FAILED) {
      const int errno_value = errno;
      return engine::failure("cannot allocate " + std::to_string(size_bytes) +
                                 " bytes of packet memory: " + errno_text(errno_value) +
                                 "; ask for fewer or smaller regions",
                             errno_value);
    }
    return Mapping(static_cast<std::byte*>(address), size_bytes);
  }

  std::byte* bytes_ = nullptr;
  std::size_t size_bytes_ = 0;
};

}  // namespace reprise::posix
