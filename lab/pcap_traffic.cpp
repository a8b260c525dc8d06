#include "reprise/lab/pcap_traffic.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <compare>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "reprise/engine/packet.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

constexpr const char* kExpected = "a capture (pcap or pcapng), as tcpdump -w writes it";

struct CloseCapture {
  void operator()(pcap_t* capture) const { pcap_close(capture); }
};
using Capture = std::unique_ptr<pcap_t, CloseCapture>;

Expected<Capture> open_capture(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return failure(fmt::format("{}: is a folder; expected {}", path, kExpected));
  if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) == 0)
    return failure(fmt::format("{}: is empty; expected {}", path, kExpected));
  std::array<char, PCAP_ERRBUF_SIZE> reason{};
  Capture capture(pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                          reason.data()));
  if (capture) return capture;
  std::string why(reason.data());
  if (why.starts_with(path + ": ")) why.erase(0, path.size() + 2);
  return failure(fmt::format("{}: cannot be read: {}; expected {}", path, why, kExpected));
}

/// A compiled filter, or none.
class Filter {
 public:
  Filter() = default;
  ~Filter() {
    if (is_compiled_) pcap_freecode(&program_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  Expected<void> compile(pcap_t* capture, const PcapOptions& options) {
    if (options.filter.empty()) return {};
    if (pcap_compile(capture, &program_, options.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      return failure(fmt::format(
          "{}: pcap_filter = \"{}\": {}; expected a filter as of tcpdump (pcap-filter(7))",
          options.path, options.filter, pcap_geterr(capture)));
    }
    is_compiled_ = true;
    return {};
  }
  /// Without a filter the destination decides.
  [[nodiscard]] bool passes(const pcap_pkthdr& header, const u_char* bytes,
                            const engine::Address& destination) const {
    return is_compiled_ ? pcap_offline_filter(&program_, &header, bytes) != 0
                        : destination.is_multicast();
  }

 private:
  bpf_program program_{};
  bool is_compiled_ = false;
};

using Bytes = std::span<const std::byte>;

/// What a cooked capture has in front of IP: `protocol_at` of `header_bytes`.
struct CookedHeader {
  std::size_t header_bytes;
  std::size_t protocol_at;
};

/// The frame from IP on; nothing where something else follows.
Bytes behind_cooked_header(Bytes bytes, CookedHeader header) {
  std::size_t protocol_at = header.protocol_at;
  std::size_t offset = header.header_bytes;
  for (int tags = 0; tags <= 2; ++tags) {
    if (bytes.size() < offset) return {};
    const auto protocol = std::to_integer<std::uint32_t>(bytes[protocol_at]) << 8 |
                          std::to_integer<std::uint32_t>(bytes[protocol_at + 1]);
    if (protocol == 0x0800 || protocol == 0x86dd) return bytes.subspan(offset);
    if (protocol != 0x8100 && protocol != 0x88a8) return {};
    protocol_at = offset + 2;
    offset += 4;
  }
  return {};
}

bool is_known(int link_layer) {
  return link_layer == DLT_EN10MB || link_layer == DLT_LINUX_SLL || link_layer == DLT_LINUX_SLL2 ||
         link_layer == DLT_RAW || link_layer == DLT_IPV4 || link_layer == DLT_IPV6;
}

std::optional<engine::Datagram> datagram_of(int link_layer, const pcap_pkthdr& header,
                                            const u_char* data) {
  const Bytes all = std::as_bytes(std::span(data, header.caplen));
  Bytes bytes = all;
  if (link_layer == DLT_LINUX_SLL) bytes = behind_cooked_header(all, {16, 14});
  if (link_layer == DLT_LINUX_SLL2) bytes = behind_cooked_header(all, {20, 0});
  if (bytes.empty()) return std::nullopt;
  // The payload is not looked at: it need not be there.
  const auto skipped = static_cast<std::uint32_t>(all.size() - bytes.size());
  const std::uint32_t length = std::max(header.len, header.caplen) - skipped;
  const auto datagram = engine::parse({.visible = bytes,
                                       .captured_bytes = length,
                                       .original_bytes = length,
                                       .starts_at_ip = link_layer != DLT_EN10MB});
  return datagram ? std::optional(*datagram) : std::nullopt;
}

/// A datagram as the file has it.
struct Taken {
  std::int64_t time_ns = 0;
  std::size_t flow = 0;
  std::uint32_t payload_bytes = 0;
};

class Taking {
 public:
  void take(std::int64_t time_ns, const engine::Datagram& datagram) {
    const Ends ends{{datagram.destination, datagram.destination_port},
                    {datagram.source, datagram.source_port}};
    const auto [flow, is_new] = numbers_.try_emplace(ends, numbers_.size());
    if (is_new) ends_.push_back(ends);
    taken_.push_back(
        {time_ns, flow->second, std::clamp(datagram.payload_length_bytes, 16U, 65'507U)});
  }
  [[nodiscard]] std::uint64_t count() const { return taken_.size(); }
  Expected<std::vector<PcapFlow>> flows(const PcapOptions& options);

 private:
  using End = std::pair<engine::Address, std::uint16_t>;
  struct Ends {
    End group;
    End source;
    friend auto operator<=>(const Ends&, const Ends&) = default;
  };
  [[nodiscard]] std::vector<std::size_t> by_group() const;

  std::map<Ends, std::size_t> numbers_;
  std::vector<Ends> ends_;  ///< by number, as they were first seen
  std::vector<Taken> taken_;
};

/// Flows' numbers, groups in the order in which they were first seen.
std::vector<std::size_t> Taking::by_group() const {
  std::map<End, std::size_t> first_seen;
  for (std::size_t number = 0; number < ends_.size(); ++number)
    first_seen.try_emplace(ends_[number].group, number);
  std::vector<std::size_t> order(ends_.size());
  for (std::size_t number = 0; number < order.size(); ++number) order[number] = number;
  std::ranges::stable_sort(order, {},
                           [&](std::size_t number) { return first_seen.at(ends_[number].group); });
  return order;
}

Expected<std::vector<PcapFlow>> Taking::flows(const PcapOptions& options) {
  // Captures of several queues are not quite in order.
  std::ranges::stable_sort(taken_, {}, &Taken::time_ns);
  const std::vector<std::size_t> order = by_group();
  std::vector<PcapFlow> flows(order.size());
  std::vector<std::size_t> place_of(order.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    const Ends& ends = ends_[order[place]];
    place_of[order[place]] = place;
    flows[place] = {.source = ends.source.first,
                    .group = ends.group.first,
                    .source_port = ends.source.second,
                    .port = ends.group.second,
                    .shares_group = place > 0 && ends_[order[place - 1]].group == ends.group,
                    .datagrams = {}};
  }
  constexpr std::int64_t kLongest = 100'000'000'000'000;
  for (const Taken& each : taken_) {
    const auto since_first = static_cast<__int128>(each.time_ns) - taken_.front().time_ns;
    const __int128 time_ns = since_first * 100 / static_cast<__int128>(options.speed_percent);
    if (time_ns > kLongest) {
      return failure(
          fmt::format("{}: lasts longer than 100000 s at {} % of its speed; expected at most that",
                      options.path, options.speed_percent));
    }
    flows[place_of[each.flow]].datagrams.push_back(
        {static_cast<std::int64_t>(time_ns), each.payload_bytes});
  }
  return flows;
}

}  // namespace

Expected<std::vector<PcapFlow>> read_pcap(const PcapOptions& options) {
  const auto capture = open_capture(options.path);
  if (!capture) return std::unexpected(capture.error());
  const int link_layer = pcap_datalink(capture->get());
  if (!is_known(link_layer)) {
    const char* const name = pcap_datalink_val_to_name(link_layer);
    return failure(fmt::format("{}: link layer {} ({}); expected Ethernet, Linux cooked or raw IP",
                               options.path, link_layer, name == nullptr ? "unknown" : name));
  }
  Filter filter;
  if (auto done = filter.compile(capture->get(), options); !done)
    return std::unexpected(done.error());
  Taking taking;
  std::uint64_t packets = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int outcome = 1;
  while ((options.count == 0 || taking.count() < options.count) &&
         (outcome = pcap_next_ex(capture->get(), &header, &data)) == 1) {
    ++packets;
    const auto datagram = datagram_of(link_layer, *header, data);
    if (!datagram || !filter.passes(*header, data, datagram->destination)) continue;
    constexpr std::int64_t kSecondsMax = 9'000'000'000;  // in nanoseconds they fit 64 bits
    if (header->ts.tv_sec < 0 || header->ts.tv_sec > kSecondsMax) {
      return failure(fmt::format("{}: packet {}: captured at {} s; expected 0 to {}", options.path,
                                 packets, header->ts.tv_sec, kSecondsMax));
    }
    taking.take(header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec, *datagram);
  }
  if (outcome == PCAP_ERROR && !options.truncated) {
    return failure(fmt::format(
        "{}: damaged behind {} whole packets: {}; expected a whole capture, or pcap_truncated = "
        "true to take those",
        options.path, packets, pcap_geterr(capture->get())));
  }
  if (taking.count() > 0) return taking.flows(options);
  const char* const wanted =
      options.filter.empty()
          ? "a UDP datagram to a multicast group; expected some (others with pcap_filter)"
          : "a UDP datagram that pcap_filter passes; expected some";
  return failure(fmt::format("{}: {} packets, none of them {}", options.path, packets, wanted));
}

}  // namespace reprise::lab
