// Counters that a parent and its forked children all see.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <new>

namespace reprise::traffic {

struct TrafficCounters {
  alignas(64) std::atomic<std::uint64_t> sent{0};
  alignas(64) std::atomic<std::uint64_t> received{0};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// Owns one page with the counters. Make it before forking.
class SharedCounters {
 public:
  SharedCounters()
      : page_(mmap(nullptr, sizeof(TrafficCounters), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED) throw std::bad_alloc();
    new (page_) TrafficCounters;
  }
  SharedCounters(const SharedCounters&) = delete;
  SharedCounters& operator=(const SharedCounters&) = delete;
  ~SharedCounters() { munmap(page_, sizeof(TrafficCounters)); }

  TrafficCounters& operator*() const { return *static_cast<TrafficCounters*>(page_); }
  TrafficCounters* operator->() const { return static_cast<TrafficCounters*>(page_); }

 private:
  void* page_;
};

}  // namespace reprise::traffic
