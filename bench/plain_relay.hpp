// What anyone would write first: one thread, a UDP socket in, a UDP socket out, recvmmsg and
// sendmmsg in batches.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <vector>

#include "reprise/engine/rule.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/memberships.hpp"
#include "reprise/posix/send_socket.hpp"

namespace reprise::bench {

class PlainRelay {
 public:
  static engine::Expected<PlainRelay> open(const engine::Rule& rule) {
    PlainRelay relay;
    relay.in_ = posix::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(rule.input.port);
    const int bytes = 4 << 20;
    ::setsockopt(relay.in_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    if (::bind(relay.in_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return engine::failure("the input port cannot be bound", errno);
    }
    relay.memberships_ = std::make_unique<posix::Memberships>();
    auto joined =
        relay.memberships_->join(rule.input.group, rule.input.source, rule.input.interface);
    if (!joined) return std::unexpected(joined.error());
    const engine::Endpoint& output = rule.outputs[0];
    engine::SendSocketSpec to;
    to.destination = output.group;
    to.port = output.port;
    to.interface = output.interface;
    auto out = posix::open_send_socket(to);
    if (!out) return std::unexpected(out.error());
    relay.out_ = std::move(*out);
    return relay;
  }

  /// Until `stop` is raised by a signal, which interrupts the wait.
  void run(const std::atomic<bool>& stop) const {
    std::vector<std::array<std::byte, 2048>> buffers(kBatch);
    std::array<iovec, kBatch> vectors{};
    std::array<mmsghdr, kBatch> messages{};
    while (!stop.load(std::memory_order_relaxed)) {
      for (std::size_t index = 0; index < kBatch; ++index) {
        vectors[index] = {buffers[index].data(), buffers[index].size()};
        messages[index] = {};
        messages[index].msg_hdr.msg_iov = &vectors[index];
        messages[index].msg_hdr.msg_iovlen = 1;
      }
      const int received = ::recvmmsg(in_.get(), messages.data(), kBatch, MSG_WAITFORONE, nullptr);
      for (int index = 0; index < received; ++index) {
        vectors[static_cast<std::size_t>(index)].iov_len =
            messages[static_cast<std::size_t>(index)].msg_len;
      }
      for (int sent = 0; sent < received;) {
        const int more = ::sendmmsg(out_.get(), messages.data() + sent,
                                    static_cast<unsigned>(received - sent), 0);
        if (more <= 0) break;
        sent += more;
      }
    }
  }

 private:
  static constexpr std::size_t kBatch = 64;
  posix::Descriptor in_;
  posix::Descriptor out_;
  std::unique_ptr<posix::Memberships> memberships_;
};

}  // namespace reprise::bench
