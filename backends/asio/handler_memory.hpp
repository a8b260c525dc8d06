// Memory for the handler of one asynchronous wait, so that Asio allocates none of its own: it asks
// the handler's associated allocator.
//
// Where more is asked for than there is (two waits at once, or an Asio with larger operations) the
// heap helps out.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace reprise::asio {

class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;
  HandlerMemory& operator=(const HandlerMemory&) = delete;

  void* allocate(std::size_t size_bytes) {
    if (is_in_use_ || size_bytes > bytes_.size()) return ::operator new(size_bytes);
    is_in_use_ = true;
    return bytes_.data();
  }
  void deallocate(void* memory) {
    if (memory == bytes_.data()) {
      is_in_use_ = false;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  static constexpr std::size_t kBytes = 256;
  alignas(std::max_align_t) std::array<std::byte, kBytes> bytes_;
  bool is_in_use_ = false;
};

/// An allocator over a HandlerMemory that outlives it.
template <class T>
class HandlerAllocator {
 public:
  using value_type = T;

  explicit HandlerAllocator(HandlerMemory& memory) : memory_(&memory) {}
  template <class Other>
  HandlerAllocator(const HandlerAllocator<Other>& other) : memory_(other.memory_) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(memory_->allocate(sizeof(T) * count));
  }
  void deallocate(T* memory, std::size_t) { memory_->deallocate(memory); }

  template <class Other>
  friend bool operator==(const HandlerAllocator& a, const HandlerAllocator<Other>& b) {
    return a.memory_ == b.memory_;
  }

 private:
  template <class>
  friend class HandlerAllocator;
  HandlerMemory* memory_;
};

}  // namespace reprise::asio
