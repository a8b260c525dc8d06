#include "reprise/posix/socket_filter.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/filter_program.hpp"

namespace reprise::posix {
namespace {

using engine::Address;
using engine::Family;
using engine::WantedTraffic;
using Jump = FilterProgram::Jump;

// Scratch memory of the program.
constexpr std::uint32_t kPortSlot = 0;
/// Stands in the port slot where the port cannot be read: a fragment, extension headers.
constexpr std::uint32_t kPortUnknown = 0x1'0000;

constexpr unsigned kLoadByteAt = BPF_LD | BPF_B | BPF_IND;
constexpr unsigned kLoadHalfAt = BPF_LD | BPF_H | BPF_IND;
constexpr unsigned kLoadWordAt = BPF_LD | BPF_W | BPF_IND;
constexpr unsigned kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;

/// Where the fields are, counted from the IP header, to which X points.
struct FieldOffsets {
  std::uint32_t source;
  std::uint32_t destination;
};
constexpr FieldOffsets kIpv4Offsets{12, 16};
constexpr FieldOffsets kIpv6Offsets{8, 24};

FieldOffsets offsets_of(Family family) {
  return family == Family::ipv4 ? kIpv4Offsets : kIpv6Offsets;
}

std::uint32_t word(const Address& address, std::size_t index) {
  const std::uint8_t* bytes = address.bytes.data() + index * 4;
  return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
         std::uint32_t{bytes[2]} << 8U | std::uint32_t{bytes[3]};
}

/// The word that the search goes by: the last, in which groups differ most.
std::size_t search_word(Family family) { return family == Family::ipv4 ? 0 : 3; }

std::uint32_t search_key(const WantedTraffic& wanted) {
  return word(wanted.destination, search_word(wanted.destination.family));
}

/// What of the wanted traffic a program for one family and level looks at, sorted for the search
/// and without repetitions.
std::vector<WantedTraffic> relevant(std::span<const WantedTraffic> wanted, Family family,
                                    FilterLevel level) {
  std::vector<WantedTraffic> result;
  for (WantedTraffic entry : wanted) {
    if (entry.destination.family != family) continue;
    entry.source.scope = entry.destination.scope = 0;
    if (level != FilterLevel::exact) {
      entry.source = {};
      entry.port = 0;
    }
    result.push_back(entry);
  }
  const auto order = [](const WantedTraffic& entry) {
    return std::tuple(search_key(entry), entry.destination, entry.port, entry.source);
  };
  std::ranges::sort(result, {}, order);
  const auto repeated = std::ranges::unique(result, {}, order);
  result.erase(repeated.begin(), repeated.end());
  return result;
}

/// Writes the part that decides over one IP family's frames, with X at the IP header and the port
/// slot filled.
class DestinationSearch {
 public:
  DestinationSearch(FilterProgram& program, Family family, FilterLevel level)
      : program_(program), family_(family), level_(level) {}

  void add(std::span<const WantedTraffic> entries) {
    if (entries.empty()) return program_.drop();
    program_.add(kLoadWordAt, offsets_of(family_).destination +
                                  static_cast<std::uint32_t>(search_word(family_) * 4));
    add_subtree(entries);
  }

 private:
  /// With A the searched word: halves the entries until they share it.
  void add_subtree(std::span<const WantedTraffic> entries) {
    const std::uint32_t lowest = search_key(entries.front());
    if (lowest == search_key(entries.back())) return add_leaf(entries);

    // The upper half starts where the middle entry's key does, but never at the lowest key.
    std::uint32_t upper_key = search_key(entries[entries.size() / 2]);
    if (upper_key == lowest) {
      upper_key = search_key(*std::ranges::upper_bound(entries, lowest, {}, search_key));
    }
    const auto upper = std::ranges::lower_bound(entries, upper_key, {}, search_key);
    FilterProgram lower_half;
    DestinationSearch(lower_half, family_, level_).add_subtree({entries.begin(), upper});
    program_.skip_if(BPF_JMP | BPF_JGE | BPF_K, upper_key, lower_half.size());
    program_.append(std::move(lower_half));
    add_subtree({upper, entries.end()});
  }

  /// With A the searched word: all entries share it.
  void add_leaf(std::span<const WantedTraffic> entries) {
    program_.add_condition(kJumpIfEqual, search_key(entries.front()), 1, 0);
    program_.drop();
    while (!entries.empty()) {
      const auto count = leading(entries, &WantedTraffic::destination);
      add_destination(entries.first(count));
      entries = entries.subspan(count);
    }
    if (family_ == Family::ipv6) program_.drop();
  }

  /// How many entries from the first on have the same value there.
  template <class Value>
  static std::size_t leading(std::span<const WantedTraffic> entries,
                             Value WantedTraffic::* member) {
    const auto other = std::ranges::find_if(entries, [&](const WantedTraffic& entry) {
      return entry.*member != entries.front().*member;
    });
    return static_cast<std::size_t>(other - entries.begin());
  }

  /// The frames of one destination end here; others fall through.
  void add_destination(std::span<const WantedTraffic> entries) {
    const std::vector<Jump> to_next = add_address_test(
        entries.front().destination, offsets_of(family_).destination, search_word(family_));
    if (level_ == FilterLevel::destination) {
      program_.accept();
    } else {
      add_ports(entries);
    }
    for (const Jump jump : to_next) program_.aim(jump);
  }

  void add_ports(std::span<const WantedTraffic> entries) {
    std::vector<std::uint32_t> from_any_source{kPortUnknown};
    std::vector<std::span<const WantedTraffic>> from_some_sources;
    while (!entries.empty()) {
      const auto count = leading(entries, &WantedTraffic::port);
      // An unset source sorts first and makes the others unnecessary.
      if (entries.front().source.is_set()) {
        from_some_sources.push_back(entries.first(count));
      } else {
        from_any_source.push_back(entries.front().port);
      }
      entries = entries.subspan(count);
    }
    program_.add(BPF_LD | BPF_MEM, kPortSlot);
    add_ports_from_any_source(from_any_source);
    for (const auto sources : from_some_sources) add_port_from(sources);
    program_.drop();
  }

  /// With A the port: accepts these, others fall through.
  void add_ports_from_any_source(std::span<const std::uint32_t> ports) {
    constexpr std::size_t kPortsInOneGo = 200;  // what a conditional jump can step over, and less
    while (!ports.empty()) {
      const auto some = ports.first(std::min(ports.size(), kPortsInOneGo));
      for (std::size_t index = 0; index < some.size(); ++index) {
        const auto behind = static_cast<unsigned>(some.size() - 1 - index);
        program_.add_condition(kJumpIfEqual, some[index], behind, behind == 0 ? 1 : 0);
      }
      program_.accept();
      ports = ports.subspan(some.size());
    }
  }

  /// With A the port: the datagrams of this one port end here; others fall through.
  void add_port_from(std::span<const WantedTraffic> entries) {
    const Jump to_next = program_.jump_unless_equal(entries.front().port);
    for (const WantedTraffic& entry : entries) {
      if (entry.source.family != family_) continue;
      const std::vector<Jump> to_next_source =
          add_address_test(entry.source, offsets_of(family_).source, kNoWord);
      program_.accept();
      for (const Jump jump : to_next_source) program_.aim(jump);
    }
    program_.drop();
    program_.aim(to_next);
  }

  /// Compares an address in the frame word by word, all but `known_word`. The returned jumps are
  /// taken where it differs.
  std::vector<Jump> add_address_test(const Address& address, std::uint32_t offset,
                                     std::size_t known_word) {
    std::vector<Jump> differs;
    for (std::size_t index = 0; index < address.length_bytes() / 4; ++index) {
      if (index == known_word) continue;
      program_.add(kLoadWordAt, offset + static_cast<std::uint32_t>(index * 4));
      differs.push_back(program_.jump_unless_equal(word(address, index)));
    }
    return differs;
  }

  static constexpr std::size_t kNoWord = 4;

  FilterProgram& program_;
  Family family_;
  FilterLevel level_;
};

/// X = offset of the IP header behind up to two VLAN tags. Returns the jumps to the IPv4 and the
/// IPv6 part; other frames are dropped.
std::array<std::vector<Jump>, 2> add_link_layer(FilterProgram& program) {
  std::array<std::vector<Jump>, 2> to_ip;
  constexpr std::uint32_t kTypeOffset = 12;
  constexpr std::uint32_t kTagBytes = 4;
  constexpr std::uint16_t kOldQinq = 0x9100;
  for (std::uint32_t tags = 0; tags <= 2; ++tags) {
    const std::uint32_t type_offset = kTypeOffset + tags * kTagBytes;
    program.add(BPF_LD | BPF_H | BPF_ABS, type_offset);
    const std::array<std::uint32_t, 2> types{ETH_P_IP, ETH_P_IPV6};
    for (std::size_t family = 0; family < types.size(); ++family) {
      program.add_condition(kJumpIfEqual, types[family], 0, 2);
      program.add(BPF_LDX | BPF_IMM, type_offset + 2);
      to_ip[family].push_back(program.add_jump());
    }
    if (tags == 2) break;
    program.add_condition(kJumpIfEqual, ETH_P_8021Q, 3, 0);
    program.add_condition(kJumpIfEqual, ETH_P_8021AD, 2, 0);
    program.add_condition(kJumpIfEqual, kOldQinq, 1, 0);
    program.drop();
  }
  program.drop();
  return to_ip;
}

/// X points at an IPv4 header. Drops what is not UDP and leaves the port in its slot.
void add_ipv4_header(FilterProgram& program) {
  constexpr std::uint32_t kFragmentBits = 0x3fff;  // more fragments, offset (RFC 791)
  program.add(kLoadByteAt, 9);
  program.add_condition(kJumpIfEqual, IPPROTO_UDP, 1, 0);
  program.drop();
  program.add(BPF_LD | BPF_IMM, kPortUnknown);
  program.add(BPF_ST, kPortSlot);
  program.add(kLoadHalfAt, 6);
  program.add_condition(BPF_JMP | BPF_JSET | BPF_K, kFragmentBits, 0, 1);
  const Jump to_search = program.add_jump();
  constexpr std::uint32_t kHeaderSlot = 1;
  program.add(BPF_STX, kHeaderSlot);
  program.add(kLoadByteAt, 0);
  program.add(BPF_ALU | BPF_AND | BPF_K, 0xf);
  program.add(BPF_ALU | BPF_LSH | BPF_K, 2);
  program.add(BPF_ALU | BPF_ADD | BPF_X);
  program.add(BPF_MISC | BPF_TAX);
  program.add(kLoadHalfAt, 2);
  program.add(BPF_ST, kPortSlot);
  program.add(BPF_LDX | BPF_MEM, kHeaderSlot);
  program.aim(to_search);
}

/// X points at an IPv6 header. Drops what cannot be UDP and leaves the port in its slot.
void add_ipv6_header(FilterProgram& program) {
  program.add(BPF_LD | BPF_IMM, kPortUnknown);
  program.add(BPF_ST, kPortSlot);
  program.add(kLoadByteAt, 6);
  program.add_condition(kJumpIfEqual, IPPROTO_UDP, 5, 0);
  program.add_condition(kJumpIfEqual, IPPROTO_HOPOPTS, 6, 0);
  program.add_condition(kJumpIfEqual, IPPROTO_ROUTING, 5, 0);
  program.add_condition(kJumpIfEqual, IPPROTO_FRAGMENT, 4, 0);
  program.add_condition(kJumpIfEqual, IPPROTO_DSTOPTS, 3, 0);
  program.drop();
  program.add(kLoadHalfAt, 42);
  program.add(BPF_ST, kPortSlot);
}

}  // namespace

const char* name(FilterLevel level) {
  switch (level) {
    case FilterLevel::exact: return "exact";
    case FilterLevel::destination: return "destination";
    case FilterLevel::all_udp: return "all_udp";
  }
  return "?";
}

std::vector<sock_filter> make_socket_filter(std::span<const WantedTraffic> wanted,
                                            FilterLevel level) {
  FilterProgram program;
  if (wanted.empty()) {
    program.drop();
    return program.take();
  }
  const auto [to_ipv4, to_ipv6] = add_link_layer(program);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const bool is_ipv4 = family == Family::ipv4;
    for (const Jump jump : is_ipv4 ? to_ipv4 : to_ipv6) program.aim(jump);
    is_ipv4 ? add_ipv4_header(program) : add_ipv6_header(program);
    if (level == FilterLevel::all_udp) {
      program.accept();
    } else {
      DestinationSearch(program, family, level).add(relevant(wanted, family, level));
    }
  }
  return program.take();
}

engine::Expected<FilterLevel> attach_socket_filter(int descriptor,
                                                   std::span<const WantedTraffic> wanted,
                                                   std::string_view what) {
  int errno_value = 0;
  for (const auto level : {FilterLevel::exact, FilterLevel::destination, FilterLevel::all_udp}) {
    std::vector<sock_filter> code = make_socket_filter(wanted, level);
    if (code.size() > kFilterInstructionsMax) continue;
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0) {
      return level;
    }
    // A long program can also exceed the socket's option memory (net.core.optmem_max).
    errno_value = errno;
    if (errno_value != ENOMEM) break;
  }
  return engine::failure(std::string(what) + ": the kernel refuses the socket filter: " +
                             errno_text(errno_value) + "; raise net.core.optmem_max",
                         errno_value);
}

}  // namespace reprise::posix
