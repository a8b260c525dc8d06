#include "reprise/posix/fanout.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "reprise/posix/filter_program.hpp"
#include "reprise/posix/socket_option.hpp"

namespace reprise::posix {

using engine::Expected;
using engine::Steering;

namespace {

/// PACKET_FANOUT_FLAG_IGNORE_OUTGOING (Linux 6.2); older headers do not have it, and older kernels
/// take it without effect: there the engine drops what this host sent, and counts it as `own`.
constexpr unsigned kIgnoreOutgoing = 0x4000;

constexpr std::uint32_t kVlanBytes = 4;
constexpr std::uint32_t kMultiplier = 0x9e37'79b1;  ///< odd, from the golden ratio
constexpr std::uint32_t kHashSlot = 0;

constexpr unsigned kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned kLoadHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr unsigned kLoadByte = BPF_LD | BPF_B | BPF_ABS;

using Jump = FilterProgram::Jump;

std::uint32_t network(std::uint32_t offset_bytes) {
  return static_cast<std::uint32_t>(SKF_NET_OFF) + offset_bytes;
}

/// Hash = (hash + A) * kMultiplier.
void mix_in(FilterProgram& program) {
  program.add(BPF_LDX | BPF_MEM, kHashSlot);
  program.add(BPF_ALU | BPF_ADD | BPF_X);
  program.add(BPF_ALU | BPF_MUL | BPF_K, kMultiplier);
  program.add(BPF_ST, kHashSlot);
}

void mix_in_words(FilterProgram& program, std::uint32_t offset_bytes, std::uint32_t count) {
  for (std::uint32_t word = 0; word < count; ++word) {
    program.add(kLoadWord, network(offset_bytes + 4 * word));
    mix_in(program);
  }
}

/// The hash's upper half is the better one: the lower bits of a product hang on lower bits only.
void finish(FilterProgram& program, Steering steering) {
  program.add(BPF_LD | BPF_MEM, kHashSlot);
  program.add(BPF_ALU | BPF_RSH | BPF_K, 16);
  program.add(BPF_ALU | BPF_MOD | BPF_K, steering.count);
  program.add(BPF_ALU | BPF_ADD | BPF_K, steering.first);
  program.add(BPF_RET | BPF_A);
}

/// `at`: where the IP header begins, from the network header on.
void add_ipv4(FilterProgram& program, std::uint32_t at, Steering steering) {
  constexpr std::uint32_t kMoreFragmentsAndOffset = 0x3fff;
  mix_in_words(program, at + 12, 2);
  program.add(kLoadByte, network(at + 9));
  const Jump other_protocol = program.jump_unless_equal(IPPROTO_UDP);
  program.add(kLoadHalf, network(at + 6));
  program.add(BPF_ALU | BPF_AND | BPF_K, kMoreFragmentsAndOffset);
  const Jump fragment = program.jump_unless_equal(0);
  program.add(BPF_LDX | BPF_B | BPF_MSH, network(at));
  program.add(BPF_LD | BPF_W | BPF_IND, network(at));
  mix_in(program);
  program.aim(other_protocol);
  program.aim(fragment);
  finish(program, steering);
}

void add_ipv6(FilterProgram& program, std::uint32_t at, Steering steering) {
  mix_in_words(program, at + 8, 8);
  program.add(kLoadByte, network(at + 6));
  const Jump other_protocol = program.jump_unless_equal(IPPROTO_UDP);
  mix_in_words(program, at + 40, 1);
  program.aim(other_protocol);
  finish(program, steering);
}

/// A holds the frame's type. Goes on behind where it is neither.
void add_internet(FilterProgram& program, std::uint32_t at, Steering steering) {
  const Jump not_ipv4 = program.jump_unless_equal(ETH_P_IP);
  add_ipv4(program, at, steering);
  program.aim(not_ipv4);
  const Jump not_ipv6 = program.jump_unless_equal(ETH_P_IPV6);
  add_ipv6(program, at, steering);
  program.aim(not_ipv6);
}

}  // namespace

std::vector<sock_filter> make_fanout_program(Steering steering) {
  FilterProgram program;
  if (steering.count > 1) {
    program.add(BPF_LD | BPF_IMM, 0);
    program.add(BPF_ST, kHashSlot);
    program.add(kLoadHalf, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL));
    add_internet(program, 0, steering);
    program.add_condition(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 2,
                          0);  // over the next comparison
    const Jump not_tagged = program.jump_unless_equal(ETH_P_8021AD);
    program.add(kLoadHalf, network(kVlanBytes - 2));
    add_internet(program, kVlanBytes, steering);
    program.aim(not_tagged);
  }
  program.add(BPF_RET | BPF_K, steering.first);
  return program.take();
}

/// A number that the host finds is nobody else's: neither another relay's nor one's in another
/// container on the same network.
Expected<void> join_fanout(int descriptor, const engine::FanoutSpec& fanout,
                           std::string_view what) {
  const unsigned unique = fanout.is_new ? PACKET_FANOUT_FLAG_UNIQUEID : 0U;
  const std::uint32_t group = fanout.is_new ? 0 : fanout.group;
  const std::uint32_t value = group | (PACKET_FANOUT_CBPF | kIgnoreOutgoing | unique) << 16U;
  return set_option(descriptor, SOL_PACKET, PACKET_FANOUT, value, what,
                    fanout.is_new ? "a new fanout group (the interface must be up)"
                                  : "fanout group " + std::to_string(group) +
                                        " (it must be of this kind, and the interface up)");
}

std::uint16_t fanout_group_of(int descriptor) {
  int value = 0;
  socklen_t length_bytes = sizeof(value);
  if (::getsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &value, &length_bytes) != 0) return 0;
  return static_cast<std::uint16_t>(value);
}

Expected<void> steer_fanout(int descriptor, Steering steering, std::string_view what) {
  REPRISE_ASSERT(steering.count > 0);
  std::vector<sock_filter> code = make_fanout_program(steering);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return set_option(descriptor, SOL_PACKET, PACKET_FANOUT_DATA, program, what,
                    "PACKET_FANOUT_DATA");
}

}  // namespace reprise::posix
