// Capture files for tests: pcap with nanoseconds, and the frames in it.
#pragma once

#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/packet.hpp"

namespace reprise::lab {

/// Ethernet, IPv4 and UDP headers; the payload is only claimed.
inline std::string frame_of(const std::string& source, const std::string& destination,
                            std::uint16_t port, std::uint32_t payload_bytes) {
  engine::FrameHeader header;
  header.source = engine::parse_address(source).value();
  header.destination = engine::parse_address(destination).value();
  header.source_port = 40'000;
  header.destination_port = port;
  std::vector<std::byte> bytes(engine::headers_length_bytes(header));
  engine::build_headers(header, payload_bytes, bytes);
  std::string text;
  for (const std::byte byte : bytes) text.push_back(std::bit_cast<char>(byte));
  return text;
}

class CaptureBytes {
 public:
  explicit CaptureBytes(std::uint32_t link_layer = 1) {
    for (const std::uint32_t word : {0xa1b2'3c4dU, 0x0004'0002U, 0U, 0U, 65'535U, link_layer})
      add_word(word);
  }
  CaptureBytes& add(std::int64_t time_ns, const std::string& captured,
                    std::uint32_t original_bytes) {
    add_word(1'700'000'000U + static_cast<std::uint32_t>(time_ns / 1'000'000'000));
    add_word(static_cast<std::uint32_t>(time_ns % 1'000'000'000));
    add_word(static_cast<std::uint32_t>(captured.size()));
    add_word(original_bytes);
    bytes_ += captured;
    return *this;
  }
  /// The headers of a datagram.
  CaptureBytes& add(std::int64_t time_ns, const std::string& source, const std::string& destination,
                    std::uint16_t port, std::uint32_t payload_bytes) {
    return add(time_ns, frame_of(source, destination, port, payload_bytes), 42 + payload_bytes);
  }
  [[nodiscard]] const std::string& text() const { return bytes_; }

 private:
  void add_word(std::uint32_t word) {
    for (int byte = 0; byte < 4; ++byte)
      bytes_.push_back(std::bit_cast<char>(static_cast<std::uint8_t>(word >> (8 * byte))));
  }
  std::string bytes_;
};

/// A file that lives as long as the object.
class TemporaryFile {
 public:
  TemporaryFile(std::string_view name, const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() /
              ("reprise-" + std::to_string(::getpid()) + "-" + std::string(name))) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace reprise::lab
