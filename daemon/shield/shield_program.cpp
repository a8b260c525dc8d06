#include "reprise/daemon/shield/shield_program.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "reprise/posix/filter_program.hpp"

namespace reprise::daemon {
namespace {

using engine::Address;
using engine::Family;
using engine::WantedTraffic;
using posix::FilterProgram;

constexpr unsigned kLoadByte = BPF_LD | BPF_B | BPF_ABS;
constexpr unsigned kLoadHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr unsigned kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned kLoadMemory = BPF_LD | BPF_MEM;
constexpr unsigned kLoadImmediate = BPF_LD | BPF_IMM;
constexpr unsigned kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned kReturn = BPF_RET | BPF_K;

constexpr auto kLeaveAlone = static_cast<std::uint32_t>(TC_ACT_UNSPEC);
constexpr std::uint32_t kDrop = TC_ACT_SHOT;

// Scratch memory of the program.
constexpr std::uint32_t kPortSlot = 0;
constexpr std::uint32_t kDestinationSlot = 1;  ///< its last word, in which groups differ most

constexpr std::uint32_t kIpOffset = ETH_HLEN;  ///< a tag is never in the frame here, see below
constexpr std::uint32_t kUdpPortOffset = 2;

constexpr std::array<std::uint32_t, 2> kMagic{0x5265'7072, 0x6973'6531};  // "Reprise1"
constexpr std::size_t kMarkLength = kMagic.size() + 1;
constexpr std::uint32_t kMadeQdiscBit = 1U << 31U;

std::uint32_t word(const Address& address, std::size_t index) {
  const std::uint8_t* bytes = address.bytes.data() + index * 4;
  return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
         std::uint32_t{bytes[2]} << 8U | std::uint32_t{bytes[3]};
}

std::uint32_t ancillary(int field) { return static_cast<std::uint32_t>(SKF_AD_OFF + field); }

void add_mark(FilterProgram& program, const ShieldMark& mark) {
  for (const std::uint32_t magic : kMagic) program.add(kLoadImmediate, magic);
  program.add(kLoadImmediate, mark.owner | (mark.made_qdisc ? kMadeQdiscBit : 0));
}

/// With A loaded.
void leave_alone_unless_equal(FilterProgram& program, std::uint32_t operand) {
  program.add_condition(kJumpIfEqual, operand, 1, 0);
  program.add(kReturn, kLeaveAlone);
}

/// Copies of what this host sends to a group come without an Ethernet header: no offset would be
/// right.
/// The kernel has taken the outermost tag out of the frame by now (skb_vlan_untag). VLAN 0 only
/// gives a priority; every other one belongs to an interface of its own.
void add_link_layer(FilterProgram& program, std::uint32_t ether_type) {
  program.add(kLoadWord, ancillary(SKF_AD_PKTTYPE));
  program.add_condition(kJumpIfEqual, PACKET_LOOPBACK, 0, 1);
  program.add(kReturn, kLeaveAlone);
  program.add(kLoadWord, ancillary(SKF_AD_VLAN_TAG));
  program.add(BPF_ALU | BPF_AND | BPF_K, 0x0fff);
  leave_alone_unless_equal(program, 0);
  program.add(kLoadHalf, 12);
  leave_alone_unless_equal(program, ether_type);
}

void add_ipv4_header(FilterProgram& program) {
  constexpr std::uint32_t kFragmentBits = 0x3fff;  // more fragments, offset (RFC 791)
  add_link_layer(program, ETH_P_IP);
  program.add(kLoadByte, kIpOffset + 9);
  leave_alone_unless_equal(program, IPPROTO_UDP);
  program.add(kLoadHalf, kIpOffset + 6);
  program.add_condition(BPF_JMP | BPF_JSET | BPF_K, kFragmentBits, 0, 1);
  program.add(kReturn, kLeaveAlone);
  program.add(BPF_LDX | BPF_B | BPF_MSH, kIpOffset);  // X = header length
  program.add(BPF_LD | BPF_H | BPF_IND, kIpOffset + kUdpPortOffset);
  program.add(BPF_ST, kPortSlot);
  program.add(kLoadWord, kIpOffset + 16);
  program.add(BPF_ST, kDestinationSlot);
}

void add_ipv6_header(FilterProgram& program) {
  constexpr std::uint32_t kHeaderBytes = 40;
  add_link_layer(program, ETH_P_IPV6);
  program.add(kLoadByte, kIpOffset + 6);
  leave_alone_unless_equal(program, IPPROTO_UDP);
  program.add(kLoadHalf, kIpOffset + kHeaderBytes + kUdpPortOffset);
  program.add(BPF_ST, kPortSlot);
  program.add(kLoadWord, kIpOffset + 24 + 12);
  program.add(BPF_ST, kDestinationSlot);
}

/// A load, and what it must give.
struct Test {
  unsigned load;
  std::uint32_t place;
  std::uint32_t value;
};

std::vector<Test> tests_of(const WantedTraffic& entry) {
  const bool is_ipv4 = entry.destination.family == Family::ipv4;
  const std::size_t last_word = is_ipv4 ? 0 : 3;
  std::vector<Test> tests{{kLoadMemory, kDestinationSlot, word(entry.destination, last_word)},
                          {kLoadMemory, kPortSlot, entry.port}};
  const auto add_words = [&tests](const Address& address, std::uint32_t offset, std::size_t count) {
    for (std::size_t index = 0; index < count; ++index) {
      tests.push_back({kLoadWord, kIpOffset + offset + static_cast<std::uint32_t>(index * 4),
                       word(address, index)});
    }
  };
  add_words(entry.destination, is_ipv4 ? 16 : 24, last_word);
  if (entry.source.is_set()) add_words(entry.source, is_ipv4 ? 12 : 8, last_word + 1);
  return tests;
}

std::size_t length_of(std::span<const Test> tests) { return 2 * tests.size() + 1; }

/// Drops the frame if all tests hold; the others fall through.
void add_tests(FilterProgram& program, std::span<const Test> tests) {
  for (std::size_t index = 0; index < tests.size(); ++index) {
    const auto rest = static_cast<unsigned>(length_of(tests.subspan(index + 1)));
    program.add(tests[index].load, tests[index].place);
    program.add_condition(kJumpIfEqual, tests[index].value, 0, rest);
  }
  program.add(kReturn, kDrop);
}

/// One family's entries, each once.
std::vector<WantedTraffic> relevant(std::span<const WantedTraffic> wanted, Family family) {
  std::vector<WantedTraffic> result;
  for (WantedTraffic entry : wanted) {
    if (entry.destination.family != family) continue;
    if (entry.source.is_set() && entry.source.family != family) continue;
    entry.source.scope = entry.destination.scope = 0;
    result.push_back(entry);
  }
  const auto order = [](const WantedTraffic& entry) {
    return std::tuple(entry.destination, entry.port, entry.source);
  };
  std::ranges::sort(result, {}, order);
  const auto repeated = std::ranges::unique(result, {}, order);
  result.erase(repeated.begin(), repeated.end());
  return result;
}

}  // namespace

std::vector<std::vector<sock_filter>> make_shield_programs(std::span<const WantedTraffic> wanted,
                                                           const ShieldMark& mark) {
  std::vector<std::vector<sock_filter>> programs;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const std::vector<WantedTraffic> entries = relevant(wanted, family);
    for (auto entry = entries.begin(); entry != entries.end();) {
      FilterProgram program;
      add_mark(program, mark);
      family == Family::ipv4 ? add_ipv4_header(program) : add_ipv6_header(program);
      for (; entry != entries.end(); ++entry) {
        const std::vector<Test> tests = tests_of(*entry);
        if (program.size() + length_of(tests) + 1 > kShieldInstructionsMax) break;
        add_tests(program, tests);
      }
      program.add(kReturn, kLeaveAlone);
      programs.push_back(program.take());
    }
  }
  return programs;
}

std::optional<ShieldMark> shield_mark_of(std::span<const sock_filter> program) {
  if (program.size() < kMarkLength) return std::nullopt;
  for (std::size_t index = 0; index < kMarkLength; ++index) {
    if (program[index].code != kLoadImmediate) return std::nullopt;
    if (index < kMagic.size() && program[index].k != kMagic[index]) return std::nullopt;
  }
  const std::uint32_t value = program[kMagic.size()].k;
  return ShieldMark{value & ~kMadeQdiscBit, (value & kMadeQdiscBit) != 0};
}

}  // namespace reprise::daemon
