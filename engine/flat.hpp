// Flat memory: a value that is its bytes.
//
// A stage (and a simulated world) lives in one block: the object first, then the arrays it refers
// to by distance from themselves. Copying the block copies the value; comparing, hashing and
// serialising are operations on bytes; nothing is allocated after construction.
//
//   F1  Elements have no padding and no pointers (FlatElement), so equal values have equal bytes.
//   F2  An array is only meaningful inside its block: it cannot be copied by itself.
//   F3  A block starts zeroed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "reprise/engine/assert.hpp"

namespace reprise::engine {

template <class T>
concept FlatElement = std::is_trivially_copyable_v<T> &&
                      std::has_unique_object_representations_v<T> && alignof(T) <= 8;

class FlatLayout;

/// The T that lies `distance_bytes` from `origin` in the same block. The compiler must not conclude
/// that it lies inside the object that `origin` points to, so the sum is made out of its sight.
template <class T>
T* at_distance(const void* origin, std::int64_t distance_bytes) {
  std::uintptr_t place =
      reinterpret_cast<std::uintptr_t>(origin) + static_cast<std::uintptr_t>(distance_bytes);
  asm("" : "+r"(place));
  return reinterpret_cast<T*>(place);  // NOLINT(performance-no-int-to-ptr)
}

/// A fixed number of elements somewhere else in the same block.
template <FlatElement T>
class FlatArray {
 public:
  FlatArray() = default;
  FlatArray(const FlatArray&) = delete;
  FlatArray& operator=(const FlatArray&) = delete;

  [[nodiscard]] std::uint32_t size() const { return size_; }
  T& operator[](std::uint32_t index) {
    REPRISE_ASSERT(index < size_);
    return data()[index];
  }
  const T& operator[](std::uint32_t index) const {
    REPRISE_ASSERT(index < size_);
    return data()[index];
  }
  std::span<T> all() { return {data(), size_}; }
  [[nodiscard]] std::span<const T> all() const { return {data(), size_}; }

 private:
  friend class FlatLayout;
  T* data() { return at_distance<T>(this, distance_bytes_); }
  [[nodiscard]] const T* data() const { return at_distance<const T>(this, distance_bytes_); }
  std::int64_t distance_bytes_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t reserved_ = 0;
};

/// A list of at most capacity() elements, appended at the end and cleared as a whole.
template <FlatElement T>
class FlatList {
 public:
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::uint32_t capacity() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == slots_.size(); }
  void clear() { size_ = 0; }
  void push(const T& element) {
    REPRISE_ASSERT(!full());
    slots_[size_++] = element;
  }
  T pop() {
    REPRISE_ASSERT(!empty());
    return slots_[--size_];
  }
  /// Takes one out; those behind it move up.
  T take(std::uint32_t index) {
    const T element = (*this)[index];
    for (std::uint32_t next = index + 1; next < size_; ++next) slots_[next - 1] = slots_[next];
    --size_;
    return element;
  }
  T& operator[](std::uint32_t index) {
    REPRISE_ASSERT(index < size_);
    return slots_[index];
  }
  const T& operator[](std::uint32_t index) const {
    REPRISE_ASSERT(index < size_);
    return slots_[index];
  }
  std::span<T> all() { return slots_.all().first(size_); }
  [[nodiscard]] std::span<const T> all() const { return slots_.all().first(size_); }

 private:
  friend class FlatLayout;
  FlatArray<T> slots_;
  std::uint32_t size_ = 0;
  std::uint32_t reserved_ = 0;
};

/// A first-in first-out queue of at most capacity() elements. Taking from its front costs the same
/// at any length.
template <FlatElement T>
class FlatQueue {
 public:
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::uint32_t capacity() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == slots_.size(); }
  /// Elements pushed since construction.
  [[nodiscard]] std::uint64_t pushed() const { return pushed_; }
  void push(const T& element) {
    REPRISE_ASSERT(!full());
    slots_[wrap(head_ + size_)] = element;
    ++size_;
    ++pushed_;
  }
  /// Appends them all, in their order.
  void push(std::span<const T> elements) {
    REPRISE_ASSERT(elements.size() <= capacity() - size_);
    const std::uint32_t begin = wrap(head_ + size_);
    const std::size_t first = std::min<std::size_t>(elements.size(), capacity() - begin);
    std::ranges::copy(elements.first(first), slots_.all().begin() + begin);
    std::ranges::copy(elements.subspan(first), slots_.all().begin());
    size_ += static_cast<std::uint32_t>(elements.size());
    pushed_ += elements.size();
  }
  T pop() {
    REPRISE_ASSERT(!empty());
    const T element = slots_[head_];
    // An emptied one begins at its front again: so it stays in the caches.
    head_ = --size_ == 0 ? 0 : wrap(head_ + 1);
    return element;
  }
  T pop_back() {
    REPRISE_ASSERT(!empty());
    return slots_[wrap(head_ + --size_)];
  }
  T& operator[](std::uint32_t from_front) {
    REPRISE_ASSERT(from_front < size_);
    return slots_[wrap(head_ + from_front)];
  }
  const T& operator[](std::uint32_t from_front) const {
    REPRISE_ASSERT(from_front < size_);
    return slots_[wrap(head_ + from_front)];
  }

 private:
  friend class FlatLayout;
  // Indices stay below twice the capacity, so one subtraction wraps them.
  [[nodiscard]] std::uint32_t wrap(std::uint32_t index) const {
    return index >= slots_.size() ? index - slots_.size() : index;
  }
  FlatArray<T> slots_;
  std::uint64_t pushed_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
};

/// A fixed number of whole objects in the same block, each with arrays of its own there.
template <class T>
class FlatObjects {
 public:
  FlatObjects() = default;
  FlatObjects(const FlatObjects&) = delete;
  FlatObjects& operator=(const FlatObjects&) = delete;
  [[nodiscard]] std::uint32_t size() const { return size_; }
  T& operator[](std::uint32_t index) {
    REPRISE_ASSERT(index < size_);
    return at_distance<T>(this, distance_bytes_)[index];
  }
  const T& operator[](std::uint32_t index) const {
    REPRISE_ASSERT(index < size_);
    return at_distance<const T>(this, distance_bytes_)[index];
  }

 private:
  friend class FlatLayout;
  std::int64_t distance_bytes_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t reserved_ = 0;
};

/// Places the arrays of one object behind it in its block. Without memory it only measures.
class FlatLayout {
 public:
  /// Measures: counts the bytes that an object of `object_bytes` and what is placed after it need.
  explicit FlatLayout(std::size_t object_bytes) : used_bytes_(round_up(object_bytes)) {}
  /// Places into `block`, which starts with the object.
  FlatLayout(std::span<std::byte> block, std::size_t object_bytes)
      : base_(block.data()), block_bytes_(block.size()), used_bytes_(round_up(object_bytes)) {}

  template <FlatElement T>
  void place(FlatArray<T>& array, std::uint32_t size) {
    if (base_ != nullptr) {
      REPRISE_ASSERT(used_bytes_ + size * sizeof(T) <= block_bytes_);
      array.distance_bytes_ = (base_ + used_bytes_) - reinterpret_cast<std::byte*>(&array);
      array.size_ = size;
      for (std::uint32_t i = 0; i < size; ++i) new (base_ + used_bytes_ + i * sizeof(T)) T{};
    }
    used_bytes_ = round_up(used_bytes_ + size * sizeof(T));
  }
  template <FlatElement T>
  void place(FlatList<T>& list, std::uint32_t capacity) {
    place(list.slots_, capacity);
  }
  template <FlatElement T>
  void place(FlatQueue<T>& queue, std::uint32_t capacity) {
    place(queue.slots_, capacity);
  }
  /// Makes one object for each configuration and lets it place its own arrays.
  template <class T, class Config>
  void place(FlatObjects<T>& objects, std::span<const Config> configs) {
    const std::size_t first_byte = used_bytes_;
    used_bytes_ = round_up(used_bytes_ + configs.size() * sizeof(T));
    if (base_ != nullptr) {
      REPRISE_ASSERT(used_bytes_ <= block_bytes_);
      objects.distance_bytes_ = (base_ + first_byte) - reinterpret_cast<std::byte*>(&objects);
      objects.size_ = static_cast<std::uint32_t>(configs.size());
    }
    for (std::size_t index = 0; index < configs.size(); ++index) {
      if (base_ != nullptr) {
        (new (base_ + first_byte + index * sizeof(T)) T)->place(*this, configs[index]);
      } else {
        T measured;
        measured.place(*this, configs[index]);
      }
    }
  }
  [[nodiscard]] std::size_t used_bytes() const { return used_bytes_; }

 private:
  static std::size_t round_up(std::size_t bytes) { return (bytes + 63) & ~std::size_t{63}; }
  std::byte* base_ = nullptr;
  std::size_t block_bytes_ = 0;
  std::size_t used_bytes_;
};

/// Owns the block of one T. T offers `void place(FlatLayout&, const Config&)`, which only places
/// arrays, and `void start(const Config&)`, which fills them.
template <class T>
class Flat {
 public:
  template <class Config>
  explicit Flat(const Config& config) {
    T measured;
    FlatLayout measure(sizeof(T));
    measured.place(measure, config);
    allocate(measure.used_bytes());
    T* object = new (block_.get()) T;
    FlatLayout layout(bytes(), sizeof(T));
    object->place(layout, config);
    object->start(config);
  }
  Flat(const Flat& other) {
    allocate(other.size_bytes_);
    std::memcpy(block_.get(), other.block_.get(), size_bytes_);
  }
  Flat& operator=(const Flat& other) {
    if (this != &other) {
      if (size_bytes_ != other.size_bytes_) allocate(other.size_bytes_);
      std::memcpy(block_.get(), other.block_.get(), size_bytes_);
    }
    return *this;
  }
  Flat(Flat&&) noexcept = default;
  Flat& operator=(Flat&&) noexcept = default;
  ~Flat() = default;

  T* operator->() { return get(); }
  const T* operator->() const { return get(); }
  T& operator*() { return *get(); }
  const T& operator*() const { return *get(); }

  /// The value as bytes: equal values have equal bytes. Valid for the same build of the same
  /// program only.
  std::span<std::byte> bytes() { return {block_.get(), size_bytes_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {block_.get(), size_bytes_}; }

  /// Takes over the bytes of a value made with the same configuration.
  void restore(std::span<const std::byte> saved) {
    REPRISE_ASSERT(saved.size() == size_bytes_);
    std::memcpy(block_.get(), saved.data(), size_bytes_);
  }

  friend bool operator==(const Flat& a, const Flat& b) {
    return a.size_bytes_ == b.size_bytes_ &&
           std::memcmp(a.block_.get(), b.block_.get(), a.size_bytes_) == 0;
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Release {
    void operator()(std::byte* block) const { ::operator delete[](block, kAlignment); }
  };
  void allocate(std::size_t size_bytes) {
    block_.reset(new (kAlignment) std::byte[size_bytes]);
    std::memset(block_.get(), 0, size_bytes);
    // Keeps the zeroes under padding: the compiler may otherwise drop stores that precede an
    // object's construction.
    asm volatile("" : : "r"(block_.get()) : "memory");
    size_bytes_ = size_bytes;
  }
  T* get() { return std::launder(reinterpret_cast<T*>(block_.get())); }
  const T* get() const { return std::launder(reinterpret_cast<const T*>(block_.get())); }

  std::unique_ptr<std::byte[], Release> block_;
  std::size_t size_bytes_ = 0;
};

}  // namespace reprise::engine
