// A packet capture in the pcapng format (draft-ietf-opsawg-pcapng), which Wireshark, tcpdump and
// libpcap read: a section, one interface description a link, one enhanced packet block a frame.
//
// Times are virtual, in nanoseconds from 0. Blocks are written in the order of the calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "reprise/engine/time.hpp"
#include "reprise/lab/output_file.hpp"

namespace reprise::lab {

class PacketCaptureFile {
 public:
  /// `comment` stands at the head of the file.
  static engine::Expected<PacketCaptureFile> create(const std::string& path,
                                                    std::string_view comment);
  /// Interfaces are numbered from 0, in this order; all of them come before the first frame.
  /// `snapshot_bytes`: the most that add() is given of a frame.
  void add_interface(std::string_view name, std::uint32_t snapshot_bytes);
  /// `captured`: the frame's first bytes, `original_bytes` long in all.
  void add(std::uint32_t interface, engine::Instant at, std::span<const std::byte> captured,
           std::uint32_t original_bytes);
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  engine::Expected<void> close() { return file_.close(); }

 private:
  explicit PacketCaptureFile(OutputFile file) : file_(std::move(file)) {}

  OutputFile file_;
  std::string block_;  ///< kept for its memory
  std::uint64_t frames_ = 0;
};

}  // namespace reprise::lab
