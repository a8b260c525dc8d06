// The state of a kernel as bytes, without what lies unused in its queues: two kernels that got to
// the same state by different ways are equal.
#include <span>
#include <type_traits>
#include <utility>

#include "reprise/sim/kernel.hpp"

namespace reprise::sim {
namespace {

template <class T>
  requires std::has_unique_object_representations_v<T>
void append(std::vector<std::byte>& state, const T& value) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span<const T, 1>(&value, 1));
  state.insert(state.end(), bytes.begin(), bytes.end());
}

template <class Elements>
void append_elements(std::vector<std::byte>& state, const Elements& elements) {
  append(state, elements.size());
  for (std::uint32_t place = 0; place < elements.size(); ++place) append(state, elements[place]);
}

/// What it gathers, wherever the ring keeps that.
void append_entry(std::vector<std::byte>& state, const Ring& ring, Entry entry) {
  for (std::uint32_t place = std::exchange(entry.more_slices, 0); place != kNoSlice;
       place = ring.slices[place].next) {
    append(state, ring.slices[place].slice);
    ++entry.more_slices;
  }
  append(state, entry);
}

template <class Entries>
void append_entries(std::vector<std::byte>& state, const Ring& ring, const Entries& entries) {
  append(state, entries.size());
  for (std::uint32_t place = 0; place < entries.size(); ++place)
    append_entry(state, ring, entries[place]);
}

void append_work(std::vector<std::byte>& state, const Ring& ring,
                 const engine::FlatQueue<Work>& all) {
  append(state, all.size());
  for (std::uint32_t place = 0; place < all.size(); ++place) {
    append_entry(state, ring, all[place].entry);
    append(state, all[place].kind);
  }
}

}  // namespace

void Kernel::append_state(std::vector<std::byte>& state) const {
  for (std::uint32_t index = 0; index < rings_.size(); ++index) {
    const Ring& ring = rings_[index];
    append_entries(state, ring, ring.queue);
    append_entries(state, ring, ring.held);
    append_entries(state, ring, ring.armed);
    append_work(state, ring, ring.successors);
    append_entries(state, ring, ring.with_workers);
    append_work(state, ring, ring.work);
    append_elements(state, ring.completions);
    append(state, ring.chains);
    append(state, ring.open_chain);
    append(state, ring.overflowed);
    append(state, ring.batch_left);
  }
  append_elements(state, provided_);
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    const PacketSocket& socket = packet_sockets_[index];
    REPRISE_ASSERT(!socket.ring.is_used());  // whose blocks are not appended
    append_elements(state, socket.frames);
    append(state, socket.used_bytes);
    append(state, socket.is_down);
    append(state, socket.receives);
    append(state, socket.waiting);
  }
  append_elements(state, send_sockets_);
  for (std::uint32_t index = 0; index < links_.size(); ++index) links_[index].append_state(state);
  append_elements(state, notices_);
}

void Link::append_state(std::vector<std::byte>& state) const {
  append_elements(state, frames_);
  append(state, free_at_);
  append(state, departed_);
  append(state, mtu_bytes_);
  append(state, is_up_);
  append(state, has_carrier_);
  append(state, has_address_);
  append(state, is_blocked_);
}

}  // namespace reprise::sim
