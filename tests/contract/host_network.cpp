#include "host_network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "reprise/engine/assert.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::tests {
namespace {

constexpr int kPatienceMs = 10'000;
constexpr std::size_t kLinkBytes = 14;
constexpr std::size_t kHeadersBytes = kLinkBytes + 20 + 8;
constexpr std::size_t kSegmentHeaderBytes = 10;  ///< PACKET_VNET_HDR
constexpr std::uint16_t kKickType = 0x88b5;      ///< for experiments (IEEE 802)

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// As root a network namespace is enough; otherwise a user namespace comes with it.
bool enter_namespace() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  const auto user = ::getuid();
  const auto group = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  return true;
}

/// `out` and `in_peer`, which send, come up behind their peers: the end that comes up first gets
/// its queue later, and until then drops what it is given.
bool add_cables() {
  FILE* ip = ::popen("ip -batch - >/dev/null 2>&1", "w");
  if (ip == nullptr) return false;
  std::fputs(
      "link set lo up\n"
      "link add in type veth peer name in_peer\n"
      "link add out type veth peer name out_peer\n"
      "address add 10.9.0.1/24 dev out\n"
      "link set in up\n"
      "link set out_peer up\n"
      "link set in_peer up\n"
      "link set out up\n",
      ip);
  return ::pclose(ip) == 0;
}

posix::Descriptor packet_socket(std::uint16_t type, const char* interface) {
  posix::Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int buffer_bytes = 16 << 20;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
  ::setsockopt(socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(type);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  const bool is_bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  REPRISE_ASSERT(is_bound);
  return socket;
}

std::uint16_t read16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}
void write16(std::uint8_t* bytes, std::size_t value) {
  bytes[0] = static_cast<std::uint8_t>(value >> 8);
  bytes[1] = static_cast<std::uint8_t>(value);
}

/// An Ethernet frame from 10.9.0.9 to 239.1.1.1; the UDP checksum says "none".
std::vector<std::uint8_t> frame_of(const Payload& payload, std::uint16_t port) {
  std::vector<std::uint8_t> frame = {
      0x01, 0x00, 0x5e, 1, 1, 1, 0x02, 0,    0,  0,  0, 1, 0x08, 0,  //
      0x45, 0,    0,    0, 0, 1, 0,    0,    64, 17, 0, 0, 10,   9,
      0,    9,    239,  1, 1, 1, 0x0f, 0xa0, 0,  0,  0, 0, 0,    0};
  write16(&frame[kLinkBytes + 2], 28 + payload.length_bytes);
  write16(&frame[kLinkBytes + 22], port);
  write16(&frame[kLinkBytes + 24], 8 + payload.length_bytes);
  for (std::uint32_t place = 0; place < payload.length_bytes; ++place) {
    frame.push_back(payload_byte(payload.number, place));
  }
  return frame;
}

/// Fills in what a device with offloads would be given: linux/virtio_net.h.
void write_segment_header(std::uint8_t* header, const OfferedFrame& offered,
                          std::size_t tag_bytes) {
  constexpr std::uint8_t kNeedsChecksum = 1;
  constexpr std::uint8_t kUdpSegments = 5;
  const auto write = [header](std::size_t at, std::size_t value) {
    const auto number = static_cast<std::uint16_t>(value);
    std::memcpy(header + at, &number, sizeof(number));
  };
  header[0] = kNeedsChecksum;
  if (offered.datagrams > 1) {
    header[1] = kUdpSegments;
    write(2, kHeadersBytes + tag_bytes);
    write(4, offered.first.length_bytes);
  }
  write(6, kLinkBytes + tag_bytes + 20);  // the checksum covers all from here on
  write(8, 6);                            // and goes here
}

/// The segment header and the frame behind it.
std::vector<std::uint8_t> frame_of(const OfferedFrame& offered, std::uint16_t port) {
  constexpr std::size_t kAddressesBytes = 12;
  std::vector<std::uint8_t> frame = frame_of(offered.first, port);
  for (std::uint32_t more = 1; more < offered.datagrams; ++more) {
    const bool is_last = more + 1 == offered.datagrams;
    const std::uint32_t length_bytes =
        is_last && offered.last_bytes > 0 ? offered.last_bytes : offered.first.length_bytes;
    for (std::uint32_t place = 0; place < length_bytes; ++place) {
      frame.push_back(payload_byte(offered.first.number + more, place));
    }
  }
  write16(&frame[kLinkBytes + 2], frame.size() - kLinkBytes);
  write16(&frame[kLinkBytes + 24], frame.size() - kLinkBytes - 20);
  std::size_t tag_bytes = 0;
  if (offered.vlan_tci != 0) {
    std::uint8_t tag[4] = {0x81, 0x00, 0, 0};
    tag_bytes = sizeof(tag);
    write16(&tag[2], offered.vlan_tci);
    frame.insert(frame.begin() + kAddressesBytes, std::begin(tag), std::end(tag));
  }
  frame.insert(frame.begin(), kSegmentHeaderBytes, 0);
  if (offered.datagrams > 1 || offered.has_partial_checksum) {
    write_segment_header(frame.data(), offered, tag_bytes);
  }
  return frame;
}

void send_frame(int socket, const std::vector<std::uint8_t>& frame, const char* interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  const ssize_t sent = ::sendto(socket, frame.data(), frame.size(), 0,
                                reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  REPRISE_ASSERT(sent == static_cast<ssize_t>(frame.size()));
}

bool wait_readable(int socket) {
  pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, kPatienceMs) > 0;
}

}  // namespace

engine::Expected<HostNetwork*> HostNetwork::get() {
  static std::unique_ptr<HostNetwork> network;
  if (network != nullptr) return network.get();
  auto made = std::unique_ptr<HostNetwork>(new HostNetwork);
  made->namespace_before_ = posix::Descriptor(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!enter_namespace()) {
    const int errno_value = errno;
    return engine::failure("no network namespace: " + posix::errno_text(errno_value), errno_value);
  }
  if (!add_cables()) return engine::failure("no veth pair: ip link add failed", ENODEV);
  made->injector_ = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  made->offload_injector_ = packet_socket(0, "in_peer");
  made->witness_ = packet_socket(ETH_P_IP, "in");
  made->collector_ = packet_socket(ETH_P_IP, "out_peer");
  network = std::move(made);
  return network.get();
}

HostNetwork::~HostNetwork() { static_cast<void>(::setns(namespace_before_.get(), CLONE_NEWNET)); }

void HostNetwork::offer(const Payload& payload, std::uint16_t port) {
  send_frame(injector_.get(), frame_of(payload, port), "in_peer");
  ++offered_;
}

void HostNetwork::offer_frame(const OfferedFrame& offered, std::uint16_t port) {
  send_frame(offload_injector_.get(), frame_of(offered, port), "in_peer");
  ++offered_;
}

void HostNetwork::settle() {
  for (; offered_ > 0 && wait_readable(witness_.get()); --offered_) {
    static_cast<void>(::recv(witness_.get(), nullptr, 0, MSG_DONTWAIT));
  }
  REPRISE_ASSERT(offered_ == 0);
}

std::vector<Payload> HostNetwork::collect(std::size_t count) {
  std::vector<Payload> collected;
  std::vector<std::uint8_t> bytes(1 << 17);
  for (;;) {
    const ssize_t length = ::recv(collector_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (length < 0) {
      if (collected.size() < count && wait_readable(collector_.get())) continue;
      return collected;
    }
    constexpr std::uint8_t kUdpSegments = 5;  // VIRTIO_NET_HDR_GSO_UDP_L4
    std::uint16_t segment_bytes = 0;
    if (bytes[1] == kUdpSegments) std::memcpy(&segment_bytes, &bytes[4], sizeof(segment_bytes));
    split(&bytes[kSegmentHeaderBytes], static_cast<std::size_t>(length) - kSegmentHeaderBytes,
          segment_bytes, collected);
  }
}

/// A frame may hold many datagrams of one segmented send; one that is not for us holds none.
void HostNetwork::split(const std::uint8_t* frame, std::size_t length_bytes,
                        std::uint32_t segment_bytes, std::vector<Payload>& into) const {
  constexpr std::size_t kProtocolAt = kLinkBytes + 9;
  constexpr std::size_t kPortAt = kLinkBytes + 22;
  if (length_bytes < kHeadersBytes || frame[kProtocolAt] != 17 || read16(frame + kPortAt) != kPort)
    return;
  // The Ethernet frame may be padded: the UDP length counts, unless an offload is to fill it in.
  std::size_t left = segment_bytes > 0 ? length_bytes - kHeadersBytes
                                       : std::size_t{read16(frame + kPortAt + 2)} - 8U;
  const std::uint8_t* payload = frame + kHeadersBytes;
  do {
    const std::size_t length = segment_bytes > 0 && left > segment_bytes ? segment_bytes : left;
    into.push_back(read_payload(std::as_bytes(std::span(payload, length)),
                                static_cast<std::uint32_t>(length)));
    payload += length;
    left -= length;
  } while (left > 0);
}

void HostNetwork::restore() {
  if (has_queue_) run("tc qdisc del dev out root");
  is_blocked_ = has_queue_ = false;
  set_output_up(true);
  set_input_up(true);
  settle();
  static_cast<void>(collect(0));
}

void HostNetwork::block_output() {
  is_blocked_ = run("tc qdisc replace dev out root tbf rate 80bit burst 2000 limit 9000000");
  REPRISE_ASSERT(is_blocked_);
  has_queue_ = true;
}

void HostNetwork::unblock_output() {
  if (!is_blocked_) return;
  // The queue itself stays, so that nothing in it is lost; it looks at the new rate with the next
  // frame that it is given.
  const bool is_changed =
      run("tc qdisc change dev out root tbf rate 10gbit burst 4mb limit 9000000");
  REPRISE_ASSERT(is_changed);
  is_blocked_ = false;
  kick_output();
}

void HostNetwork::kick_output() {
  std::vector<std::uint8_t> frame(64);
  write16(&frame[12], kKickType);
  send_frame(injector_.get(), frame, "out");
}

void HostNetwork::set_output_up(bool is_up) {
  if (is_down_ != is_up) return;
  const bool is_set = run(is_up ? "ip link set out up" : "ip link set out down");
  REPRISE_ASSERT(is_set);
  is_down_ = !is_up;
}

void HostNetwork::set_input_up(bool is_up) {
  if (is_input_down_ != is_up) return;
  // The other end comes up behind it, as in add_cables().
  const bool is_set = is_up ? run("ip link set in up && ip link set in_peer down && "
                                  "ip link set in_peer up")
                            : run("ip link set in down");
  REPRISE_ASSERT(is_set);
  is_input_down_ = !is_up;
  // That the interface went down is an error to be read, which settle() would take for a frame.
  int error = 0;
  socklen_t length_bytes = sizeof(error);
  ::getsockopt(witness_.get(), SOL_SOCKET, SO_ERROR, &error, &length_bytes);
}

}  // namespace reprise::tests
