// What anyone would write first: one UDP socket in, one out, recvmmsg and sendmmsg in batches of
// 64. With several flows the group that a datagram was sent to comes beside it (IP_PKTINFO), and
// each send names its destination; with one of each the socket is connected.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "prototype.hpp"
#include "reprise/posix/send_socket.hpp"
#include "reprise/posix/socket_address.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Expected;

constexpr std::size_t kBatch = 64;
constexpr std::size_t kBufferBytes = 9216;
constexpr unsigned kMessagesMax = 1024;  ///< of one sendmmsg call

class MmsgRelay {
 public:
  Expected<void> open(std::span<const engine::Rule> rules) {
    flows_ = rules.size();
    outputs_ = rules[0].outputs.size();
    if (auto opened = open_input(rules); !opened) return opened;
    engine::SendSocketSpec spec;
    spec.destination = rules[0].outputs[0].group;
    spec.port = rules[0].outputs[0].port;
    spec.interface = rules[0].outputs[0].interface;
    spec.send_buffer_bytes = 4U << 20U;
    auto out = posix::open_send_socket(spec);
    if (!out) return std::unexpected(out.error());
    out_ = std::move(*out);
    if (flows_ * outputs_ == 1) return {};
    sockaddr unconnected{};
    unconnected.sa_family = AF_UNSPEC;
    if (::connect(out_.get(), &unconnected, sizeof unconnected) != 0)
      return traffic::system_failure("the output's socket");
    for (const engine::Rule& rule : rules) {
      for (const engine::Endpoint& output : rule.outputs)
        destinations_.push_back(posix::socket_address(output.group, output.port));
    }
    return {};
  }

  void relay(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) {
      for (std::size_t index = 0; index < kBatch; ++index) {
        vectors_[index] = {buffers_[index].data(), kBufferBytes};
        received_[index].msg_hdr = {};
        received_[index].msg_hdr.msg_iov = &vectors_[index];
        received_[index].msg_hdr.msg_iovlen = 1;
        if (flows_ == 1) continue;
        received_[index].msg_hdr.msg_control = controls_[index].data();
        received_[index].msg_hdr.msg_controllen = controls_[index].size();
      }
      const int count = ::recvmmsg(in_.get(), received_.data(), kBatch, MSG_WAITFORONE, nullptr);
      sends_.clear();
      for (std::size_t index = 0; static_cast<int>(index) < count; ++index) add_sends(index);
      send();
    }
  }

 private:
  Expected<void> open_input(std::span<const engine::Rule> rules) {
    in_ = posix::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int bytes = 4 << 20;
    ::setsockopt(in_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    const timeval look{0, kLookMs * 1000};
    ::setsockopt(in_.get(), SOL_SOCKET, SO_RCVTIMEO, &look, sizeof look);
    const int on = 1;
    if (flows_ > 1) ::setsockopt(in_.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(rules[0].input.port);
    if (::bind(in_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return traffic::system_failure("the input's socket");
    for (const engine::Rule& rule : rules) {
      auto joined = memberships_.join(rule.input.group, {}, rule.input.interface);
      if (!joined) return joined;
    }
    return {};
  }

  [[nodiscard]] std::size_t flow_of(std::size_t index) {
    if (flows_ == 1) return 0;
    msghdr& message = received_[index].msg_hdr;
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
      if (at->cmsg_level != IPPROTO_IP || at->cmsg_type != IP_PKTINFO) continue;
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(at), sizeof info);
      return (ntohl(info.ipi_addr.s_addr) & 0xffU) - 1;
    }
    return flows_;
  }

  void add_sends(std::size_t index) {
    const std::size_t flow = flow_of(index);
    if (flow >= flows_) return;
    vectors_[index].iov_len = received_[index].msg_len;
    for (std::size_t output = 0; output < outputs_; ++output) {
      mmsghdr& message = sends_.emplace_back();
      message.msg_hdr.msg_iov = &vectors_[index];
      message.msg_hdr.msg_iovlen = 1;
      if (destinations_.empty()) continue;
      posix::SocketAddress& to = destinations_[flow * outputs_ + output];
      message.msg_hdr.msg_name = &to.storage;
      message.msg_hdr.msg_namelen = to.length_bytes;
    }
  }

  void send() {
    for (std::size_t sent = 0; sent < sends_.size();) {
      const auto count =
          static_cast<unsigned>(std::min<std::size_t>(sends_.size() - sent, kMessagesMax));
      const int taken = ::sendmmsg(out_.get(), sends_.data() + sent, count, 0);
      if (taken <= 0) break;
      sent += static_cast<std::size_t>(taken);
    }
  }

  std::size_t flows_ = 0;
  std::size_t outputs_ = 0;
  posix::Descriptor in_;
  posix::Descriptor out_;
  posix::Memberships memberships_;
  std::vector<posix::SocketAddress> destinations_;  ///< at flow × outputs + output
  std::vector<std::array<std::byte, kBufferBytes>> buffers_ =
      std::vector<std::array<std::byte, kBufferBytes>>(kBatch);
  std::array<std::array<std::byte, CMSG_SPACE(sizeof(in_pktinfo))>, kBatch> controls_{};
  std::array<iovec, kBatch> vectors_{};
  std::array<mmsghdr, kBatch> received_{};
  std::vector<mmsghdr> sends_;
};

}  // namespace

Expected<void> relay_with_mmsg(std::span<const engine::Rule> rules,
                               const std::function<void()>& ready, const std::atomic<bool>& stop) {
  MmsgRelay relay;
  if (auto opened = relay.open(rules); !opened) return opened;
  ready();
  relay.relay(stop);
  return {};
}

}  // namespace reprise::bench::peers
