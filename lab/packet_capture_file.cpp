#include "reprise/lab/packet_capture_file.hpp"

#include <cstring>
#include <utility>

namespace reprise::lab {
namespace {

enum class BlockType : std::uint32_t {
  section_header = 0x0a0d'0d0a,
  interface_description = 1,
  enhanced_packet = 6,
};
enum class Option : std::uint16_t {
  end = 0,
  comment = 1,
  interface_name = 2,
  user_application = 4,
  time_resolution = 9,
};
constexpr std::uint16_t kLinkTypeEthernet = 1;

// All numbers have the byte order of the machine that writes; readers learn it from the magic.

template <class Number>
void put(std::string& block, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  block.append(bytes, sizeof number);
}

/// Everything begins at a multiple of four bytes.
void pad(std::string& block) { block.append((4 - block.size() % 4) % 4, '\0'); }

void put_option(std::string& block, Option option, std::string_view value) {
  put(block, static_cast<std::uint16_t>(option));
  put(block, static_cast<std::uint16_t>(value.size()));
  block += value;
  pad(block);
}

void end_options(std::string& block) {
  put(block, static_cast<std::uint16_t>(Option::end));
  put(block, std::uint16_t{0});
}

void begin_block(std::string& block, BlockType type) {
  block.clear();
  put(block, static_cast<std::uint32_t>(type));
  put(block, std::uint32_t{0});  // its length, set at its end
}

void end_block(std::string& block) {
  const auto length_bytes = static_cast<std::uint32_t>(block.size() + sizeof(std::uint32_t));
  put(block, length_bytes);
  std::memcpy(block.data() + sizeof(std::uint32_t), &length_bytes, sizeof length_bytes);
}

}  // namespace

engine::Expected<PacketCaptureFile> PacketCaptureFile::create(const std::string& path,
                                                              std::string_view comment) {
  auto file = OutputFile::create(path, "--pcap");
  if (!file) return std::unexpected(file.error());
  PacketCaptureFile capture(std::move(*file));
  std::string& block = capture.block_;
  begin_block(block, BlockType::section_header);
  put(block, std::uint32_t{0x1a2b'3c4d});
  put(block, std::uint16_t{1});  // version 1.0
  put(block, std::uint16_t{0});
  put(block, std::uint64_t{0xffff'ffff'ffff'ffff});  // the section's length: not said
  constexpr std::size_t kCommentBytesMax = 1000;
  put_option(block, Option::comment, comment.substr(0, kCommentBytesMax));
  put_option(block, Option::user_application, "reprise-lab");
  end_options(block);
  end_block(block);
  capture.file_.write(block);
  return capture;
}

void PacketCaptureFile::add_interface(std::string_view name, std::uint32_t snapshot_bytes) {
  constexpr char kNanoseconds = 9;
  begin_block(block_, BlockType::interface_description);
  put(block_, kLinkTypeEthernet);
  put(block_, std::uint16_t{0});
  put(block_, snapshot_bytes);
  put_option(block_, Option::interface_name, name);
  put_option(block_, Option::time_resolution, {&kNanoseconds, 1});
  end_options(block_);
  end_block(block_);
  file_.write(block_);
}

void PacketCaptureFile::add(std::uint32_t interface, engine::Instant at,
                            std::span<const std::byte> captured, std::uint32_t original_bytes) {
  const auto time = static_cast<std::uint64_t>(at.ns);
  begin_block(block_, BlockType::enhanced_packet);
  put(block_, interface);
  put(block_, static_cast<std::uint32_t>(time >> 32U));
  put(block_, static_cast<std::uint32_t>(time));
  put(block_, static_cast<std::uint32_t>(captured.size()));
  put(block_, original_bytes);
  const std::size_t start = block_.size();
  block_.resize(start + captured.size());
  std::memcpy(block_.data() + start, captured.data(), captured.size());
  pad(block_);
  end_block(block_);
  file_.write(block_);
  ++frames_;
}

}  // namespace reprise::lab
