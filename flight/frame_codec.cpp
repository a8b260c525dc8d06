#include "reprise/flight/frame_codec.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>

#include "reprise/engine/packet.hpp"

namespace reprise::flight {
namespace {

using engine::ChecksumState;
using engine::Frame;
using engine::FrameFormat;

/// The first byte of a frame's first word.
enum class Tag : std::uint8_t { like_template = 1, whole, whole_with_source };

constexpr std::uint64_t kNoTemplate = 0xff;
/// Bytes that are stored of a frame in which the engine finds no datagram, where they say so too.
constexpr std::size_t kOddBytes = 128;

/// Headers that are stored as templates: Ethernet II, IP without options or extensions, UDP.
struct Form {
  std::uint16_t ether_type;
  std::size_t header_bytes;
  std::size_t ip_length_at;
  std::size_t udp_length_at;
  std::size_t udp_checksum_at;
  std::uint32_t ip_length_extra;       ///< what the IP header's length has over the UDP header's
  std::uint32_t frame_length_extra;    ///< what the frame's has over the IP header's
  std::array<std::size_t, 3> telling;  ///< bytes in which flows differ
};
constexpr Form kIpv4{0x0800, 42, 16, 38, 40, 20, 14, {33, 35, 37}};
constexpr Form kIpv6{0x86dd, 62, 18, 58, 60, 0, 54, {53, 55, 57}};
constexpr std::size_t kIpv4IdentificationAt = 18;
constexpr std::size_t kIpv4ChecksumAt = 24;

template <const Form& form>
constexpr std::array<std::byte, 64> fixed_bytes() {
  std::array<std::byte, 64> mask{};
  for (std::size_t at = 0; at < form.header_bytes; ++at) mask[at] = std::byte{0xff};
  const auto varies = [&mask](std::size_t at) { mask[at] = mask[at + 1] = std::byte{0}; };
  varies(form.ip_length_at);
  varies(form.udp_length_at);
  varies(form.udp_checksum_at);
  if (form.ether_type == kIpv4.ether_type) {
    varies(kIpv4IdentificationAt);
    varies(kIpv4ChecksumAt);
  }
  return mask;
}

template <const Form& form>
constexpr auto kMaskWords = std::bit_cast<std::array<std::uint64_t, 8>>(fixed_bytes<form>());

std::uint16_t load_half(const std::byte* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, sizeof half);
  return half;
}
std::uint16_t big_endian(const std::byte* at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8U |
                                    std::to_integer<unsigned>(at[1]));
}
void store_big_endian(std::byte* at, std::uint32_t value) {
  at[0] = static_cast<std::byte>(value >> 8U);
  at[1] = static_cast<std::byte>(value);
}

/// All of a frame that is neither a length nor a place nor a source.
std::uint64_t facts_of(const Frame& frame) {
  static_assert(offsetof(Frame, format) - offsetof(Frame, segment_bytes) == kWordBytes - 1);
  return load_word(reinterpret_cast<const std::byte*>(&frame) + offsetof(Frame, segment_bytes));
}
void set_facts(Frame& frame, std::uint64_t facts) {
  frame.segment_bytes = static_cast<std::uint16_t>(facts);
  frame.vlan_tci = static_cast<std::uint16_t>(facts >> 16U);
  frame.has_vlan = (facts >> 32U & 0xffU) != 0;
  frame.checksum = static_cast<ChecksumState>(facts >> 40U & 0xffU);
  frame.type = static_cast<engine::PacketType>(facts >> 48U & 0xffU);
  frame.format = static_cast<FrameFormat>(facts >> 56U & 0xffU);
}
static_assert(std::endian::native == std::endian::little);

bool has_source(const Frame& frame) { return frame.source.is_set() || frame.source_port != 0; }

template <const Form& form>
std::size_t template_of(const std::byte* bytes) {
  std::uint8_t mixed = 0;
  for (const std::size_t at : form.telling)
    mixed = static_cast<std::uint8_t>(mixed * 5U + std::to_integer<unsigned>(bytes[at]));
  return mixed % kTemplateCount;
}

/// The lengths follow from the UDP header's.
template <const Form& form>
bool lengths_agree(const Frame& frame, const std::byte* bytes) {
  const std::uint32_t ip_length = big_endian(bytes + form.ip_length_at);
  return ip_length == big_endian(bytes + form.udp_length_at) + form.ip_length_extra &&
         frame.original_bytes == ip_length + form.frame_length_extra &&
         frame.captured_bytes == frame.original_bytes;
}

/// Whether the bytes that do not vary are the template's.
template <const Form& form>
bool is_like(const FrameTemplate& known, const std::byte* bytes) {
  constexpr std::size_t kLast = form.udp_checksum_at + 2 - kWordBytes;
  std::uint64_t difference = 0;
  for (std::size_t word = 0; (word + 1) * kWordBytes <= form.header_bytes; ++word) {
    difference |= (load_word(bytes + word * kWordBytes) & kMaskWords<form>[word]) ^
                  load_word(known.bytes.data() + word * kWordBytes);
  }
  if constexpr (form.udp_length_at > form.header_bytes / kWordBytes * kWordBytes) {
    constexpr std::uint64_t kMask = 0x0000'0000'ffff'ffffU;  // UDP length and checksum vary
    difference |=
        (load_word(bytes + kLast) & kMask) ^ (load_word(known.bytes.data() + kLast) & kMask);
  }
  return difference == 0;
}

template <const Form& form>
bool put_like(WordWriter& out, const std::array<FrameTemplate, kTemplateCount>& templates,
              const Frame& frame, const std::byte* bytes) {
  const std::size_t place = template_of<form>(bytes);
  const FrameTemplate& known = templates[place];
  if (!known.is_set || known.facts != facts_of(frame)) return false;
  if (!is_like<form>(known, bytes) || !lengths_agree<form>(frame, bytes)) return false;
  constexpr bool kIsIpv4 = form.ether_type == kIpv4.ether_type;
  const std::uint64_t identification = kIsIpv4 ? load_half(bytes + kIpv4IdentificationAt) : 0;
  const std::uint64_t ip_checksum = kIsIpv4 ? load_half(bytes + kIpv4ChecksumAt) : 0;
  out.put(std::uint64_t{static_cast<std::uint8_t>(Tag::like_template)} | place << 8U |
          identification << 16U | std::uint64_t{frame.offset_bytes} << 32U);
  out.put(ip_checksum | std::uint64_t{big_endian(bytes + form.udp_length_at)} << 16U |
          std::uint64_t{load_half(bytes + form.udp_checksum_at)} << 32U);
  return true;
}

/// Where a template for frames like this one would be; none where such frames cannot have one.
template <const Form& form>
std::optional<std::size_t> place_for(const Frame& frame, std::span<const std::byte> visible) {
  if (visible.size() < form.header_bytes || has_source(frame)) return std::nullopt;
  if (frame.format != FrameFormat::ethernet || frame.checksum == ChecksumState::unverified)
    return std::nullopt;
  if (big_endian(visible.data() + 12) != form.ether_type) return std::nullopt;
  if (!lengths_agree<form>(frame, visible.data())) return std::nullopt;
  return template_of<form>(visible.data());
}

void set_template(FrameTemplate& known, std::span<const std::byte> bytes, std::uint64_t facts,
                  const std::array<std::byte, 64>& fixed) {
  known.is_set = true;
  known.facts = facts;
  known.bytes = {};
  for (std::size_t at = 0; at < bytes.size(); ++at) known.bytes[at] = bytes[at] & fixed[at];
}

/// Reading only `bytes` gives the same as reading all that is visible.
bool suffices(std::span<const std::byte> bytes, const Frame& frame,
              const std::expected<engine::Datagram, engine::ParseError>& datagram) {
  return engine::parse({bytes, frame.captured_bytes, frame.original_bytes,
                        frame.format == FrameFormat::ip}) == datagram;
}

}  // namespace

void FrameEncoder::reset() {
  for (FrameTemplate& each : templates_) each.is_set = false;
}

void FrameEncoder::put(WordWriter& out, const Frame& frame, std::span<const std::byte> visible) {
  const bool is_unverified =
      frame.checksum == ChecksumState::unverified && frame.segment_bytes == 0;
  if (is_unverified) return put_unverified(out, frame, visible);
  if (!put_like_template(out, frame, visible)) put_whole(out, frame, visible);
}

void FrameEncoder::put_unverified(WordWriter& out, Frame frame,
                                  std::span<const std::byte> visible) {
  const engine::FrameBytes bytes{visible, frame.captured_bytes, frame.original_bytes,
                                 frame.format == FrameFormat::ip};
  const auto datagram = engine::parse(bytes);
  if (datagram && !engine::udp_checksum_is_valid(bytes, *datagram))
    return put_bytes(out, frame, kNoTemplate, visible);
  if (datagram) frame.checksum = ChecksumState::valid;
  if (!put_like_template(out, frame, visible)) put_whole(out, frame, visible);
}

bool FrameEncoder::put_like_template(WordWriter& out, const Frame& frame,
                                     std::span<const std::byte> visible) const {
  if (visible.size() < kIpv4.header_bytes || has_source(frame)) return false;
  if (!out.has_room(2)) return true;
  const std::uint16_t ether_type = big_endian(visible.data() + 12);
  if (ether_type == kIpv4.ether_type)
    return put_like<kIpv4>(out, templates_, frame, visible.data());
  if (ether_type != kIpv6.ether_type || visible.size() < kIpv6.header_bytes) return false;
  return put_like<kIpv6>(out, templates_, frame, visible.data());
}

void FrameEncoder::put_whole(WordWriter& out, const Frame& frame,
                             std::span<const std::byte> visible) {
  const auto datagram = engine::parse(
      {visible, frame.captured_bytes, frame.original_bytes, frame.format == FrameFormat::ip});
  std::span<const std::byte> bytes = visible;
  const std::size_t wanted = datagram ? datagram->payload_offset_bytes : kOddBytes;
  const auto part = visible.first(std::min(wanted, visible.size()));
  if (suffices(part, frame, datagram)) bytes = part;
  std::uint64_t place = kNoTemplate;
  const auto become = [&](std::size_t where, const std::array<std::byte, 64>& fixed) {
    place = where;
    set_template(templates_[where], bytes, facts_of(frame), fixed);
  };
  if (datagram && bytes.size() == kIpv4.header_bytes) {
    if (const auto where = place_for<kIpv4>(frame, visible)) become(*where, fixed_bytes<kIpv4>());
  } else if (datagram && bytes.size() == kIpv6.header_bytes) {
    if (const auto where = place_for<kIpv6>(frame, visible)) become(*where, fixed_bytes<kIpv6>());
  }
  put_bytes(out, frame, place, bytes);
}

void FrameEncoder::put_bytes(WordWriter& out, const Frame& frame, std::uint64_t place,
                             std::span<const std::byte> bytes) {
  const bool with_source = has_source(frame);
  if (!out.has_room(7 + words_of(bytes.size()))) return;
  const Tag tag = with_source ? Tag::whole_with_source : Tag::whole;
  out.put(std::uint64_t{static_cast<std::uint8_t>(tag)} | place << 8U |
          std::uint64_t{bytes.size()} << 32U);
  out.put(frame.offset_bytes | std::uint64_t{frame.captured_bytes} << 32U);
  out.put(frame.original_bytes | std::uint64_t{frame.source_port} << 32U);
  out.put(facts_of(frame));
  if (with_source) out.put(std::as_bytes(std::span(&frame.source, 1)));
  out.put(bytes);
}

void FrameDecoder::reset() {
  for (FrameTemplate& each : templates_) each.is_set = false;
}

bool FrameDecoder::take(WordReader& in, DecodedFrame& out) {
  const std::uint64_t first = in.take();
  out.frame = Frame{};
  const auto tag = static_cast<Tag>(first & 0xffU);
  if (tag == Tag::like_template) return take_like_template(first, in, out);
  if (tag != Tag::whole && tag != Tag::whole_with_source) return false;
  const std::uint64_t place = first >> 8U & 0xffU;
  const std::uint64_t lengths = in.take();
  out.frame.offset_bytes = static_cast<std::uint32_t>(lengths);
  out.frame.captured_bytes = static_cast<std::uint32_t>(lengths >> 32U);
  const std::uint64_t original = in.take();
  out.frame.original_bytes = static_cast<std::uint32_t>(original);
  out.frame.source_port = static_cast<std::uint16_t>(original >> 32U);
  const std::uint64_t facts = in.take();
  set_facts(out.frame, facts);
  if (tag == Tag::whole_with_source) {
    const auto source = in.take_bytes(sizeof out.frame.source);
    if (!in.is_short()) std::memcpy(&out.frame.source, source.data(), source.size());
  }
  out.bytes = in.take_bytes(first >> 32U);
  if (in.is_short() || out.bytes.size() > out.frame.captured_bytes) return false;
  if (place == kNoTemplate) return true;
  if (place >= kTemplateCount) return false;
  const bool is_ipv4 = out.bytes.size() == kIpv4.header_bytes;
  if (!is_ipv4 && out.bytes.size() != kIpv6.header_bytes) return false;
  set_template(templates_[place], out.bytes, facts,
               is_ipv4 ? fixed_bytes<kIpv4>() : fixed_bytes<kIpv6>());
  return true;
}

bool FrameDecoder::take_like_template(std::uint64_t first, WordReader& in, DecodedFrame& out) {
  const std::uint64_t place = first >> 8U & 0xffU;
  const std::uint64_t second = in.take();
  if (in.is_short() || place >= kTemplateCount || !templates_[place].is_set) return false;
  bytes_ = templates_[place].bytes;
  const bool is_ipv4 = big_endian(bytes_.data() + 12) == kIpv4.ether_type;
  const Form& form = is_ipv4 ? kIpv4 : kIpv6;
  const auto udp_length = static_cast<std::uint32_t>(second >> 16U & 0xffffU);
  const std::uint32_t ip_length = udp_length + form.ip_length_extra;
  const auto store_half = [this](std::size_t at, std::uint64_t word) {
    const auto half = static_cast<std::uint16_t>(word);
    std::memcpy(bytes_.data() + at, &half, sizeof half);
  };
  if (is_ipv4) {
    store_half(kIpv4IdentificationAt, first >> 16U);
    store_half(kIpv4ChecksumAt, second);
  }
  store_big_endian(bytes_.data() + form.ip_length_at, ip_length);
  store_big_endian(bytes_.data() + form.udp_length_at, udp_length);
  store_half(form.udp_checksum_at, second >> 32U);
  set_facts(out.frame, templates_[place].facts);
  out.frame.offset_bytes = static_cast<std::uint32_t>(first >> 32U);
  out.frame.captured_bytes = out.frame.original_bytes = ip_length + form.frame_length_extra;
  out.bytes = std::span(bytes_).first(form.header_bytes);
  return true;
}

}  // namespace reprise::flight
