// What left each relay, as a packet capture: every frame that a device sent, one interface a link.
// A run that ends early leaves a whole file.
//
// Headers and the tag at the head of the payload are what the simulation carries; the rest of the
// payload is symbolic there, so it is cut off, with its length kept. A merged frame is captured as
// one, as on a host with offloads. UDP checksums are 0: none was sent (RFC 768).
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "reprise/lab/packet_capture_file.hpp"
#include "reprise/lab/run_observer.hpp"

namespace reprise::lab {

class PacketCaptureObserver final : public RunObserver {
 public:
  explicit PacketCaptureObserver(PacketCaptureFile file) : file_(std::move(file)) {}
  void see(const sim::World& world, const Measurement& measured, const sim::Event& event) override;

  [[nodiscard]] std::uint64_t frames() const { return file_.frames(); }
  /// Writes what is left. Call it once.
  engine::Expected<void> close();

 private:
  struct Captured {
    engine::Instant at;
    std::uint64_t number = 0;  ///< in the order of being seen
    std::uint32_t node = 0;
    std::uint32_t interface = 0;
    sim::Packet packet;
    friend bool operator<(const Captured& a, const Captured& b) {  // the queue's first is the least
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  struct SeenLink {
    std::uint32_t interface = 0;
    std::uint32_t carried = 0;  ///< frames on its cable
  };

  void start(const sim::World& world);
  void look_at(const sim::World& world, std::uint32_t node);
  void write_up_to(engine::Instant at);
  void write(const Captured& captured);

  PacketCaptureFile file_;
  std::vector<std::vector<SeenLink>> links_;  ///< by relay, then output
  std::vector<std::uint32_t> groups_;         ///< of each flow
  /// A submit sees departures that lie ahead of what other relays do: they wait for their turn.
  std::priority_queue<Captured> waiting_;
  std::uint64_t seen_ = 0;
};

/// The first bytes of a frame as it leaves the relay at `node`, of a flow of this group: headers,
/// and of a datagram's first frame the tag. Its whole length is kHeaderBytes + packet.frame_bytes.
std::vector<std::byte> captured_bytes(std::uint32_t node, std::uint32_t group,
                                      const sim::Packet& packet);

}  // namespace reprise::lab
