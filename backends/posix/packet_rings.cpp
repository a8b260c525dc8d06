#include "reprise/posix/packet_rings.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace reprise::posix {

using engine::Expected;
using engine::RegionIndex;
using engine::SocketIndex;

void PacketRings::use(const engine::PacketMemory& memory) {
  blocks_ = memory.blocks;
  first_region_ = memory.buffers.region_count;
  by_block_.assign(blocks_.region_count, nullptr);
}

Expected<RingPlace> PacketRings::find_place(std::uint32_t blocks) const {
  if (blocks == 0) return RingPlace{};
  std::uint32_t run = 0;
  for (std::uint32_t index = 0; index < by_block_.size(); ++index) {
    run = by_block_[index] == nullptr ? run + 1 : 0;
    if (run < blocks) continue;
    const std::uint32_t first = index + 1 - blocks;
    return RingPlace{.bytes = blocks_.base + first * blocks_.stride_bytes,
                     .first_region = first_region_ + first,
                     .block_count = blocks,
                     .block_bytes = blocks_.region_bytes};
  }
  return engine::failure("a packet ring of " + std::to_string(blocks) + " blocks: of the " +
                             std::to_string(by_block_.size()) +
                             " reserved ones not so many are free; reserve more",
                         ENOBUFS);
}

void PacketRings::add(SocketIndex socket, PacketRing* ring) {
  if (ring == nullptr) return;
  const auto place = static_cast<std::size_t>(socket);
  if (place >= by_socket_.size()) by_socket_.resize(place + 1);
  by_socket_[place] = std::make_unique<Entry>(Entry{socket, ring, {}});
  armed_.reserve(by_socket_.size());
  const std::uint32_t first = ring->place().first_region - first_region_;
  std::fill_n(by_block_.begin() + first, ring->place().block_count, by_socket_[place].get());
}

void PacketRings::remove(SocketIndex socket) {
  Entry* entry = find(socket);
  if (entry == nullptr) return;
  REPRISE_ASSERT(std::ranges::find(armed_, entry) == armed_.end());
  std::ranges::replace(by_block_, entry, static_cast<Entry*>(nullptr));
  by_socket_[static_cast<std::size_t>(socket)].reset();
}

void PacketRings::arm(SocketIndex socket, engine::Token token) {
  Entry* entry = find(socket);
  REPRISE_ASSERT(entry != nullptr);
  entry->token = token;
  if (std::ranges::find(armed_, entry) == armed_.end()) armed_.push_back(entry);
}

bool PacketRings::is_armed(SocketIndex socket, engine::Token token) const {
  return std::ranges::any_of(
      armed_, [&](const Entry* entry) { return entry->socket == socket && entry->token == token; });
}

RegionIndex PacketRings::disarm(SocketIndex socket) {
  Entry* entry = find(socket);
  REPRISE_ASSERT(entry != nullptr);
  std::erase(armed_, entry);
  return entry->ring->give_up();
}

void PacketRings::take(engine::CompletionBatch& batch) {
  const auto accepts = [&] { return batch.ring_datagrams_left() > 0 && batch.has_room(1); };
  std::size_t without = 0;  // rings in a row that had nothing
  while (without < armed_.size() && accepts()) {
    if (next_armed_ >= armed_.size()) next_armed_ = 0;
    const Entry& entry = *armed_[next_armed_++];
    if (entry.ring->has_ready()) {
      entry.ring->take(batch, entry.token);
      without = 0;
    } else {
      ++without;
    }
  }
}

void PacketRings::give_back(RegionIndex region) {
  const std::uint32_t index = static_cast<std::uint32_t>(region) - first_region_;
  REPRISE_ASSERT(index < by_block_.size());
  if (const Entry* entry = by_block_[index]; entry != nullptr) entry->ring->give_back(region);
}

}  // namespace reprise::posix
