#include "offered_load.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/traffic/udp_socket.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;

constexpr std::uint32_t kBurstMax = 32;
constexpr std::uint64_t kBurstsPerSecond = 10'000;

/// All datagrams that are ever sent, laid out once: one for each flow and length in turn.
class Datagrams {
 public:
  explicit Datagrams(const Scenario& scenario)
      : payload_(std::max(scenario.payload_bytes, 2048U)), names_(scenario.flows) {
    for (std::size_t flow = 0; flow < scenario.flows; ++flow) {
      names_[flow].sin_family = AF_INET;
      names_[flow].sin_port = htons(kPort);
      names_[flow].sin_addr.s_addr =
          htonl((239U << 24U) | (1U << 16U) | static_cast<std::uint32_t>(flow + 1));
    }
    const std::size_t lengths = scenario.is_varied ? kVariedCount : 1;
    period_ = lengths * scenario.flows;
    vectors_.resize(period_ + kBurstMax);
    headers_.resize(period_ + kBurstMax);
    for (std::size_t index = 0; index < headers_.size(); ++index) {
      const std::size_t length = scenario.is_varied
                                     ? kVariedFirstBytes + index % kVariedCount * kVariedStepBytes
                                     : scenario.payload_bytes;
      vectors_[index] = {payload_.data(), length};
      headers_[index].msg_hdr.msg_iov = &vectors_[index];
      headers_[index].msg_hdr.msg_iovlen = 1;
      if (scenario.flows == 1) continue;  // the socket is connected
      headers_[index].msg_hdr.msg_name = &names_[index % scenario.flows];
      headers_[index].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
  }
  /// `count` at most kBurstMax. Returns how many the kernel took.
  std::uint64_t send(int socket, std::uint64_t from, std::uint32_t count) {
    const int taken = ::sendmmsg(socket, &headers_[from % period_], count, 0);
    return taken > 0 ? static_cast<std::uint64_t>(taken) : 0;
  }

 private:
  std::vector<std::byte> payload_;
  std::vector<sockaddr_in> names_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> headers_;
  std::size_t period_ = 1;
};

Expected<posix::Descriptor> open_socket(const Scenario& scenario) {
  auto socket = traffic::open_udp_sender(
      {.destination = endpoint_on(0, 0, 0, "out"), .send_buffer_bytes = 4U << 20U});
  if (socket && scenario.flows > 1) {
    sockaddr unconnected{};
    unconnected.sa_family = AF_UNSPEC;
    if (::connect(socket->get(), &unconnected, sizeof unconnected) != 0)
      return traffic::system_failure("the generator's socket");
  }
  return socket;
}

}  // namespace

Expected<Offered> offer(const Scenario& scenario, Duration duration,
                        const std::atomic<bool>& stop) {
  auto socket = open_socket(scenario);
  if (!socket) return std::unexpected(socket.error());
  Datagrams datagrams(scenario);
  prctl(PR_SET_TIMERSLACK, 1UL);
  const std::uint64_t rate = scenario.rate_per_second;
  const auto burst = static_cast<std::uint32_t>(
      rate == 0 ? kBurstMax : std::clamp<std::uint64_t>(rate / kBurstsPerSecond, 1, kBurstMax));
  const Instant start = traffic::monotonic_now();
  Offered offered;
  while (!stop.load(std::memory_order_relaxed)) {
    Instant now = traffic::monotonic_now();
    if (now - start >= duration) break;
    if (rate > 0) {
      const Instant due =
          start + Duration{static_cast<std::int64_t>(offered.sent * 1'000'000'000 / rate)};
      if (due > now) traffic::sleep_until(due);
    }
    offered.sent += datagrams.send(socket->get(), offered.sent, burst);
  }
  offered.duration = traffic::monotonic_now() - start;
  return offered;
}

Expected<Probe> Probe::open(const Scenario& scenario) {
  auto socket = traffic::open_udp_sender(
      {.destination = endpoint_on(0, 0, scenario.flows - 1, "out"), .send_buffer_bytes = 0});
  if (!socket) return std::unexpected(socket.error());
  Probe probe;
  probe.socket_ = std::move(*socket);
  probe.payload_bytes_ = scenario.payload_bytes;
  return probe;
}

void Probe::send() const {
  const std::vector<std::byte> payload(payload_bytes_);
  ::send(socket_.get(), payload.data(), payload.size(), MSG_DONTWAIT);
}

}  // namespace reprise::bench::peers
