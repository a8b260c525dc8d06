// The packet rings of one backend: which blocks each has, which of them a packet_ring_receive takes
// frames from, and in what turn.
//
// Rings belong to their sockets, which are removed here before they are closed. One thread.
// Allocates in use() and add() only.
#pragma once

#include <vector>

#include "reprise/posix/packet_ring.hpp"

namespace reprise::posix {

class PacketRings {
 public:
  /// The blocks that there are; once, before the first find_place().
  void use(const engine::PacketMemory& memory);

  /// The first so many blocks side by side that no ring has; for none, no place. Error: there are
  /// not so many.
  [[nodiscard]] engine::Expected<RingPlace> find_place(std::uint32_t blocks) const;

  /// Without effect for a socket without a ring.
  void add(engine::SocketIndex socket, PacketRing* ring);
  /// Without effect for a socket without a ring. No receive may be armed on it.
  void remove(engine::SocketIndex socket);

  [[nodiscard]] bool has(engine::SocketIndex socket) const { return find(socket) != nullptr; }

  /// Frames of the socket's ring come with this token from now on. The socket has a ring.
  void arm(engine::SocketIndex socket, engine::Token token);
  [[nodiscard]] bool is_armed(engine::SocketIndex socket, engine::Token token) const;
  /// No more of them; returns the region in the middle of which that was (I9), or kNoRegion.
  engine::RegionIndex disarm(engine::SocketIndex socket);

  /// Whether take() may find something.
  [[nodiscard]] bool has_ready() const {
    for (const Entry* entry : armed_) {
      if (entry->ring->has_ready()) return true;
    }
    return false;
  }

  /// Appends what the armed rings have, a block of each in turn, as far as the batch takes it.
  void take(engine::CompletionBatch& batch);

  /// Blocks that no ring has are no one's.
  void give_back(engine::RegionIndex region);

 private:
  struct Entry {
    engine::SocketIndex socket = engine::kNoSocket;
    PacketRing* ring = nullptr;
    engine::Token token;
  };

  [[nodiscard]] Entry* find(engine::SocketIndex socket) const {
    const auto place = static_cast<std::size_t>(socket);
    return place < by_socket_.size() ? by_socket_[place].get() : nullptr;
  }

  engine::RegionZone blocks_;
  std::uint32_t first_region_ = 0;
  std::vector<std::unique_ptr<Entry>> by_socket_;
  std::vector<Entry*> armed_;     ///< within what add() reserves
  std::vector<Entry*> by_block_;  ///< null: no ring has it
  std::size_t next_armed_ = 0;    ///< whose turn it is
};

}  // namespace reprise::posix
