#include "standin_relay.hpp"

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <vector>

#include "reprise/traffic/udp_socket.hpp"

namespace reprise::traffic {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kBufferBytes = 2048;
constexpr std::uint32_t kSocketBufferBytes = 8U << 20U;

bool hits(std::uint64_t every, std::uint64_t index) {
  return every != 0 && index % every == every - 1;
}

class Relay {
 public:
  Relay(const StandinFaults& faults, int input, int output)
      : faults_(faults), input_(input), output_(output), bytes_(kBatch * kBufferBytes) {}

  /// Receives what is there, at most a batch, and sends it on.
  void turn() {
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {bytes_.data() + i * kBufferBytes, kBufferBytes};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = recvmmsg(input_, headers.data(), kBatch, MSG_WAITFORONE, nullptr);
    for (int i = 0; i < taken; ++i) {
      const auto index = static_cast<std::size_t>(i);
      vectors[index].iov_len = headers[index].msg_len;
      plan(vectors[index]);
    }
    flush();
  }

  [[nodiscard]] std::uint64_t relayed() const { return count_; }

 private:
  void plan(const iovec& datagram) {
    const std::uint64_t index = count_++;
    if (hits(faults_.drop_every, index)) return;
    if (hits(faults_.corrupt_every, index)) {
      static_cast<std::byte*>(datagram.iov_base)[datagram.iov_len - 1] ^= std::byte{1};
    }
    if (hits(faults_.delay_every, index)) {
      delayed_.emplace(static_cast<std::byte*>(datagram.iov_base),
                       static_cast<std::byte*>(datagram.iov_base) + datagram.iov_len);
      return;
    }
    out_.push_back(datagram);
    if (hits(faults_.duplicate_every, index)) out_.push_back(datagram);
    if (delayed_) out_.push_back({delayed_->data(), delayed_->size()});
    if (delayed_) flush();
    delayed_.reset();
  }

  void flush() {
    std::vector<mmsghdr> headers(out_.size());
    for (std::size_t i = 0; i < out_.size(); ++i) {
      headers[i].msg_hdr.msg_iov = &out_[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    for (std::size_t sent = 0; sent < headers.size();) {
      const int taken =
          sendmmsg(output_, headers.data() + sent, static_cast<unsigned>(headers.size() - sent), 0);
      if (taken > 0) sent += static_cast<std::size_t>(taken);
    }
    out_.clear();
  }

  StandinFaults faults_;
  int input_;
  int output_;
  std::vector<std::byte> bytes_;
  std::vector<iovec> out_;
  std::optional<std::vector<std::byte>> delayed_;
  std::uint64_t count_ = 0;
};

}  // namespace

DemoRelay standin_relay(const StandinFaults& faults) {
  return [faults](const DemoRelayTask& task) {
    const auto input =
        open_udp_sink({.input = task.rule.input, .receive_buffer_bytes = kSocketBufferBytes});
    const auto output = open_udp_sender({.destination = task.rule.outputs.at(0)});
    if (!input || !output) {
      std::fprintf(stderr, "%s\n", (input ? output.error() : input.error()).message.c_str());
      return 2;
    }
    task.ready();
    Relay relay(faults, input->get(), output->get());
    while (!task.stop) relay.turn();
    task.report(nlohmann::ordered_json{{"relayed", relay.relayed()}}.dump());
    return 0;
  };
}

}  // namespace reprise::traffic
