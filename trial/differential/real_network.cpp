#include "reprise/trial/differential/real_network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "reprise/posix/monotonic_clock.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/traffic/veth.hpp"
#include "reprise/trial/differential/token_bucket.hpp"

namespace reprise::trial {
namespace {

using engine::Address;
using engine::Expected;
using traffic::system_failure;

constexpr std::uint16_t kFirstPort = 6000;
constexpr std::uint16_t kClosedPort = 7777;
constexpr std::uint32_t kStandardMtu = 1500;
constexpr int kLargeBuffer = 4 << 20;
constexpr engine::Duration kPatience = engine::seconds(5);

std::string near_name(std::uint32_t link) { return fmt::format("near{}", link); }
std::string far_name(std::uint32_t link) { return fmt::format("far{}", link); }
Address near_address(std::uint32_t link) {
  return Address::ipv4(192, 168, static_cast<std::uint8_t>(link), 1);
}
Address far_address(std::uint32_t link) {
  return Address::ipv4(192, 168, static_cast<std::uint8_t>(link), 2);
}

sockaddr_in address_in(const Address& address, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  std::memcpy(&name.sin_addr, address.bytes.data(), sizeof name.sin_addr);
  return name;
}
sockaddr_in group_of(std::uint32_t link, std::uint16_t port) {
  return address_in(Address::ipv4(239, 77, static_cast<std::uint8_t>(link), 1), port);
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

Expected<posix::Descriptor> open_socket(int family, int type, int protocol) {
  posix::Descriptor socket(::socket(family, type | SOCK_CLOEXEC, protocol));
  if (!socket.is_open()) return system_failure("differential test: cannot open a socket");
  return socket;
}

template <class T>
Expected<void> set_option(int socket, int level, int option, const T& value, const char* what) {
  if (::setsockopt(socket, level, option, &value, sizeof value) == 0) return {};
  return system_failure(fmt::format("differential test: {}", what));
}

Expected<void> bind_to(int socket, const auto& name) {
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return {};
  return system_failure("differential test: bind");
}

/// Absent or read-only: what it would have spared is not spared.
void write_setting(const char* path, const char* value) {
  const posix::Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  if (file.is_open()) [[maybe_unused]]
    const auto written = ::write(file.get(), value, std::strlen(value));
}

Expected<void> quieten(const traffic::Namespace& where) {
  return where.visit([]() -> Expected<void> {
    write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    write_setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    write_setting("/proc/sys/net/ipv4/icmp_ratelimit", "0");
    write_setting("/proc/sys/net/ipv4/icmp_ratemask", "0");
    return {};
  });
}

Expected<posix::Descriptor> open_in(const traffic::Namespace& where, int family, int type,
                                    int protocol) {
  Expected<posix::Descriptor> socket;
  auto visited = where.visit([&]() -> Expected<void> {
    socket = open_socket(family, type, protocol);
    if (!socket) return std::unexpected(socket.error());
    return {};
  });
  if (!visited) return std::unexpected(visited.error());
  return socket;
}

int index_of(int control, const std::string& name) {
  ifreq request = request_for(name);
  return ::ioctl(control, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

/// Unfragmented IPv4 UDP to that port.
Expected<void> attach_port_filter(int socket, std::uint16_t port) {
  std::array<sock_filter, 6> code{{{BPF_LD | BPF_B | BPF_ABS, 0, 0, 23},
                                   {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, IPPROTO_UDP},
                                   {BPF_LD | BPF_H | BPF_ABS, 0, 0, 36},
                                   {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, port},
                                   {BPF_RET | BPF_K, 0, 0, 0x7fff'ffff},
                                   {BPF_RET | BPF_K, 0, 0, 0}}};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return set_option(socket, SOL_SOCKET, SO_ATTACH_FILTER, program, "SO_ATTACH_FILTER");
}

}  // namespace

TraceSetup network_setup() {
  constexpr std::uint32_t kDefault = 212'992;
  TraceSetup setup;
  setup.links = {{.is_shaped = false}, {.is_shaped = true}};
  setup.receivers = {{.link = kPlainLink},
                     {.link = kPlainLink, .is_packet_socket = true},
                     {.link = kShapedLink},
                     {.link = kShapedLink, .is_packet_socket = true}};
  setup.senders = {
      {.link = kPlainLink, .receiver = 0, .buffer_bytes = kDefault},
      {.link = kPlainLink, .receiver = 1, .buffer_bytes = kDefault, .forbids_fragments = true},
      {.link = kPlainLink, .receiver = kNoReceiver, .buffer_bytes = kDefault},
      {.link = kShapedLink, .receiver = 2, .buffer_bytes = kDefault},
      {.link = kShapedLink, .receiver = 2, .buffer_bytes = kDefault, .tells_drops = true},
      {.link = kShapedLink, .receiver = 3, .buffer_bytes = kDefault, .forbids_fragments = true},
  };
  return setup;
}

Expected<RealNetwork> RealNetwork::create() {
  if (auto allowed = traffic::allow_namespaces(); !allowed) return std::unexpected(allowed.error());
  auto near = traffic::Namespace::create();
  if (!near) return std::unexpected(near.error());
  auto far = traffic::Namespace::create();
  if (!far) return std::unexpected(far.error());
  RealNetwork network(*std::move(near), *std::move(far));
  if (auto laid = network.lay_cables(); !laid) return std::unexpected(laid.error());
  if (auto opened = network.open_sockets(); !opened) return std::unexpected(opened.error());
  return network;
}

Expected<void> RealNetwork::lay_cables() {
  for (const traffic::Namespace* where : {&near_, &far_}) {
    if (auto quiet = quieten(*where); !quiet) return quiet;
  }
  // The ends of a cable must not have equal interface indices: the kernel then takes them for one
  // interface and delays what follows a change of carrier by up to a second (linkwatch).
  const traffic::VethEnd spare_end{&far_, "spare0", {}};
  const traffic::VethEnd other_spare_end{&far_, "spare1", {}};
  if (auto made = traffic::create_veth_pair(spare_end, other_spare_end); !made) return made;
  for (std::uint32_t link = 0; link < kNetworkLinks; ++link) {
    const traffic::VethEnd near_end{&near_, near_name(link), {{near_address(link), 24}}};
    const traffic::VethEnd far_end{&far_, far_name(link), {{far_address(link), 24}}};
    if (auto made = traffic::create_veth_pair(near_end, far_end); !made) return made;
  }
  struct Control {
    posix::Descriptor* place;
    const traffic::Namespace* where;
    int family;
    int type;
    int protocol;
  };
  for (const Control& control : {Control{&near_control_, &near_, AF_INET, SOCK_DGRAM, 0},
                                 Control{&far_control_, &far_, AF_INET, SOCK_DGRAM, 0},
                                 Control{&near_netlink_, &near_, AF_NETLINK, SOCK_RAW, 0},
                                 Control{&kick_socket_, &near_, AF_PACKET, SOCK_RAW, 0}}) {
    auto socket = open_in(*control.where, control.family, control.type, control.protocol);
    if (!socket) return std::unexpected(socket.error());
    *control.place = *std::move(socket);
  }
  if (auto added = add_token_bucket(near_netlink_.get(),
                                    index_of(near_control_.get(), near_name(kShapedLink)),
                                    {.bytes_per_second = kShapedBytesPerSecond});
      !added) {
    return added;
  }
  return add_neighbours();
}

// Sockets.

Expected<void> RealNetwork::open_sockets() {
  const TraceSetup setup = network_setup();
  receiver_count_ = static_cast<std::uint32_t>(setup.receivers.size());
  if (auto opened = far_.visit([&] { return open_receivers(setup); }); !opened) return opened;
  return near_.visit([&] { return open_senders(setup); });
}

Expected<void> RealNetwork::open_receivers(const TraceSetup& setup) {
  for (std::uint32_t index = 0; index < setup.receivers.size(); ++index) {
    const ReceiverSetup& receiver = setup.receivers[index];
    const int interface = index_of(far_control_.get(), far_name(receiver.link));
    const auto port = static_cast<std::uint16_t>(kFirstPort + index);
    auto socket = receiver.is_packet_socket ? open_socket(AF_PACKET, SOCK_RAW, 0)
                                            : open_socket(AF_INET, SOCK_DGRAM, 0);
    if (!socket) return std::unexpected(socket.error());
    if (receiver.is_packet_socket) {
      if (auto set = attach_port_filter(socket->get(), port); !set) return set;
      sockaddr_ll name{};
      name.sll_family = AF_PACKET;
      name.sll_protocol = htons(ETH_P_IP);
      name.sll_ifindex = interface;
      if (auto bound = bind_to(socket->get(), name); !bound) return bound;
    } else {
      ip_mreqn membership{};
      membership.imr_multiaddr = group_of(receiver.link, port).sin_addr;
      membership.imr_ifindex = interface;
      if (auto set = set_option(socket->get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, "join");
          !set) {
        return set;
      }
      if (auto bound = bind_to(socket->get(), group_of(receiver.link, port)); !bound) return bound;
      if (auto set = set_option(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, kLargeBuffer, "buffer");
          !set) {
        return set;
      }
    }
    sockets_.push_back(*std::move(socket));
  }
  return {};
}

Expected<void> RealNetwork::open_senders(const TraceSetup& setup) {
  for (const SenderSetup& sender : setup.senders) {
    auto socket = open_socket(AF_INET, SOCK_DGRAM, 0);
    if (!socket) return std::unexpected(socket.error());
    const int descriptor = socket->get();
    ip_mreqn interface{};
    interface.imr_ifindex = index_of(near_control_.get(), near_name(sender.link));
    const int zero = 0;
    const int one = 1;
    const int discovery = IP_PMTUDISC_DO;
    auto set = set_option(descriptor, IPPROTO_IP, IP_MULTICAST_IF, interface, "IP_MULTICAST_IF");
    if (set) set = set_option(descriptor, IPPROTO_IP, IP_MULTICAST_LOOP, zero, "loop");
    if (set && sender.tells_drops) {
      set = set_option(descriptor, IPPROTO_IP, IP_RECVERR, one, "IP_RECVERR");
    }
    if (set && sender.forbids_fragments) {
      set = set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, discovery, "IP_MTU_DISCOVER");
    }
    if (set) set = set_option(descriptor, SOL_SOCKET, SO_ZEROCOPY, one, "SO_ZEROCOPY");
    if (set) set = bind_to(descriptor, address_in(near_address(sender.link), 0));
    if (!set) return set;
    const sockaddr_in to =
        sender.receiver == kNoReceiver
            ? address_in(far_address(sender.link), kClosedPort)
            : group_of(sender.link, static_cast<std::uint16_t>(kFirstPort + sender.receiver));
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      return system_failure("differential test: connect");
    }
    sockets_.push_back(*std::move(socket));
  }
  return {};
}

Expected<void> RealNetwork::adjust(TraceSetup& setup) {
  const auto resize = [](int socket, int option, int reported, std::uint32_t& bytes) {
    const int half = static_cast<int>(bytes / 2);  // the kernel doubles it (socket(7))
    ::setsockopt(socket, SOL_SOCKET, option, &half, sizeof half);
    int now = 0;
    socklen_t length = sizeof now;
    ::getsockopt(socket, SOL_SOCKET, reported, &now, &length);
    bytes = static_cast<std::uint32_t>(now);
  };
  for (std::uint32_t index = 0; index < setup.receivers.size(); ++index) {
    if (setup.receivers[index].is_packet_socket) {
      resize(socket(index), SO_RCVBUFFORCE, SO_RCVBUF, setup.receivers[index].buffer_bytes);
    }
  }
  for (std::uint32_t index = 0; index < setup.senders.size(); ++index) {
    resize(socket(setup.sender_socket(index)), SO_SNDBUFFORCE, SO_SNDBUF,
           setup.senders[index].buffer_bytes);
  }
  for (std::uint32_t link = 0; link < setup.links.size(); ++link) {
    if (!setup.links[link].is_shaped || setup.links[link].queue == links_[link].queue) continue;
    if (auto set = set_rate(link, kShapedBytesPerSecond, setup.links[link].queue); !set) return set;
  }
  return {};
}

bool RealNetwork::is_empty() const {
  for (std::size_t index = receiver_count_; index < sockets_.size(); ++index) {
    int bytes = 0;
    if (::ioctl(sockets_[index].get(), SIOCOUTQ, &bytes) != 0 || bytes != 0) return false;
  }
  return true;
}

void RealNetwork::drain(int descriptor) {
  char byte = 0;
  // An error that is reported once (ENETDOWN, ECONNREFUSED) is not the end.
  for (int failed = 0; failed < 3;) {
    if (::recv(descriptor, &byte, 1, MSG_DONTWAIT) < 0) ++failed;
  }
  while (::recv(descriptor, &byte, 1, MSG_DONTWAIT | MSG_ERRQUEUE) >= 0) {
  }
}

Expected<void> RealNetwork::restore() {
  for (std::uint32_t link = 0; link < kNetworkLinks; ++link) {
    LinkState& state = links_[link];
    Act act{.link = link, .value = 1};
    if (!state.address) {
      act.kind = ActKind::set_address;
      if (auto done = operate(act); !done) return done;
    }
    if (!state.carrier) {
      act.kind = ActKind::set_carrier;
      if (auto done = operate(act); !done) return done;
    }
    if (!state.up) {
      act.kind = ActKind::set_up;
      if (auto done = operate(act); !done) return done;
    }
    if (state.mtu_bytes != kStandardMtu) {
      act = {.kind = ActKind::set_mtu, .link = link, .value = kStandardMtu};
      if (auto done = operate(act); !done) return done;
    }
    if (state.blocked) {
      act = {.kind = ActKind::set_blocked, .link = link, .value = 0};
      if (auto done = operate(act); !done) return done;
    }
  }
  for (const posix::Descriptor& descriptor : sockets_) drain(descriptor.get());
  return {};
}

// What an operator does.

Expected<void> RealNetwork::operate(const Act& act) {
  LinkState& state = links_[act.link];
  const bool on = act.value != 0;
  switch (act.kind) {
    case ActKind::set_up:
      state.up = on;
      if (auto set = set_flag_up(true, act.link, on); !set) return set;
      if (auto settled = settle(act.link); !settled) return settled;
      return on ? add_neighbours() : Expected<void>{};
    case ActKind::set_carrier:
      state.carrier = on;
      if (auto set = set_flag_up(false, act.link, on); !set) return set;
      if (auto settled = settle(act.link); !settled) return settled;
      return on ? add_neighbours() : Expected<void>{};
    case ActKind::set_address:
      state.address = on;
      if (auto set = set_address(act.link, on); !set) return set;
      return on ? add_neighbours() : Expected<void>{};
    case ActKind::set_mtu: state.mtu_bytes = act.value; return set_mtu(act.link, act.value);
    case ActKind::set_blocked:
      state.blocked = on;
      if (auto set = set_rate(act.link, on ? 1 : kShapedBytesPerSecond, state.queue); !set) {
        return set;
      }
      if (!on) kick(act.link);
      return {};
    case ActKind::provide:
    case ActKind::submit:
    case ActKind::wait:
    case ActKind::reap:
    case ActKind::quiesce: break;
  }
  return engine::failure(fmt::format("{}: no operator does that", name(act.kind)));
}

Expected<void> RealNetwork::set_flag_up(bool near, std::uint32_t link, bool up) {
  const std::string interface = near ? near_name(link) : far_name(link);
  const int control = near ? near_control_.get() : far_control_.get();
  ifreq request = request_for(interface);
  if (::ioctl(control, SIOCGIFFLAGS, &request) == 0) {
    const int flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
    request.ifr_flags = static_cast<short>(flags);
    if (::ioctl(control, SIOCSIFFLAGS, &request) == 0) return {};
  }
  return system_failure(fmt::format("{}: cannot bring it {}", interface, up ? "up" : "down"));
}

/// The kernel attaches and detaches queueing disciplines some time after a change (linkwatch).
Expected<void> RealNetwork::settle(std::uint32_t link) {
  const bool runs = links_[link].up && links_[link].carrier;
  const engine::Instant deadline = posix::monotonic_now() + kPatience;
  while (true) {
    ifreq near = request_for(near_name(link));
    ifreq far = request_for(far_name(link));
    const bool asked = ::ioctl(near_control_.get(), SIOCGIFFLAGS, &near) == 0 &&
                       ::ioctl(far_control_.get(), SIOCGIFFLAGS, &far) == 0;
    if (asked && ((near.ifr_flags & IFF_RUNNING) != 0) == runs &&
        ((far.ifr_flags & IFF_RUNNING) != 0) == runs) {
      break;
    }
    if (posix::monotonic_now() > deadline) {
      return engine::failure(near_name(link) + ": does not become operational");
    }
    const timespec pause{0, 20'000};
    ::nanosleep(&pause, nullptr);
  }
  return set_mtu(link, links_[link].mtu_bytes);  // behind whoever holds the kernel's lock now
}

Expected<void> RealNetwork::set_address(std::uint32_t link, bool present) {
  ifreq request = request_for(near_name(link));
  const sockaddr_in name = address_in(present ? near_address(link) : Address::ipv4(0, 0, 0, 0), 0);
  std::memcpy(&request.ifr_addr, &name, sizeof name);
  if (::ioctl(near_control_.get(), SIOCSIFADDR, &request) == 0) return {};
  return system_failure(near_name(link) + ": cannot change its address");
}

Expected<void> RealNetwork::set_mtu(std::uint32_t link, std::uint32_t mtu_bytes) {
  ifreq request = request_for(near_name(link));
  request.ifr_mtu = static_cast<int>(mtu_bytes);
  if (::ioctl(near_control_.get(), SIOCSIFMTU, &request) == 0) return {};
  return system_failure(fmt::format("{}: cannot set its MTU to {}", near_name(link), mtu_bytes));
}

/// Going down forgets them. Only the closed port is unicast.
Expected<void> RealNetwork::add_neighbours() {
  struct Side {
    int control;
    std::string interface;
    int other_control;
    std::string other;
    Address address;
  };
  const Side near{near_control_.get(), near_name(kPlainLink), far_control_.get(),
                  far_name(kPlainLink), far_address(kPlainLink)};
  const Side far{far_control_.get(), far_name(kPlainLink), near_control_.get(),
                 near_name(kPlainLink), near_address(kPlainLink)};
  for (const Side& side : {near, far}) {
    ifreq hardware = request_for(side.other);
    if (::ioctl(side.other_control, SIOCGIFHWADDR, &hardware) != 0) {
      return system_failure(side.other + ": cannot read its address");
    }
    arpreq request{};
    const sockaddr_in name = address_in(side.address, 0);
    std::memcpy(&request.arp_pa, &name, sizeof name);
    request.arp_ha = hardware.ifr_hwaddr;
    request.arp_flags = ATF_PERM | ATF_COM;
    side.interface.copy(request.arp_dev, sizeof request.arp_dev - 1);
    const bool can_fail =
        !links_[kPlainLink].up || !links_[kPlainLink].carrier || !links_[kPlainLink].address;
    if (::ioctl(side.control, SIOCSARP, &request) != 0 && !can_fail) {
      return system_failure(side.interface + ": cannot add a neighbour");
    }
  }
  return {};
}

Expected<void> RealNetwork::set_rate(std::uint32_t link, std::uint64_t bytes_per_second,
                                     std::uint32_t queue) {
  links_[link].queue = queue;
  return change_token_bucket(near_netlink_.get(), index_of(near_control_.get(), near_name(link)),
                             {.bytes_per_second = bytes_per_second, .queue = queue});
}

/// A change does not make the token bucket look at its queue; a frame does, even one that is longer
/// than its burst, which it drops.
void RealNetwork::kick(std::uint32_t link) {
  std::array<char, kBurstBytes + 4> frame{};
  frame[12] = static_cast<char>(ETH_P_8021Q >> 8);
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_8021Q);
  name.sll_ifindex = index_of(near_control_.get(), near_name(link));
  name.sll_halen = ETH_ALEN;
  // It fails: the frame is dropped, or the interface is down.
  [[maybe_unused]] const auto sent =
      ::sendto(kick_socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

}  // namespace reprise::trial
