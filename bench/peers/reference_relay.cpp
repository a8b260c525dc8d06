// A loop like the one that the regression report calls fast: 32 one-shot receives on a packet
// socket, each into a buffer of its own, sends in batches that are submitted and waited for, one
// send a datagram.
#include <liburing.h>

#include <array>

#include "prototype.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Expected;

constexpr std::size_t kReceives = 32;
constexpr unsigned kBatch = 32;
constexpr std::size_t kBufferBytes = 9216;

class ReferenceRelay {
 public:
  ReferenceRelay() : buffers_(kReceives) {}
  ReferenceRelay(const ReferenceRelay&) = delete;
  ReferenceRelay& operator=(const ReferenceRelay&) = delete;
  ~ReferenceRelay() {
    for (std::size_t index = 0; index < rings_; ++index)
      io_uring_queue_exit(index == 0 ? &receives_ : &sends_);
  }

  Expected<void> open(std::span<const engine::Rule> rules) {
    auto sockets = open_prototype_sockets(rules, [](int) { return Expected<void>{}; });
    if (!sockets) return std::unexpected(sockets.error());
    sockets_ = std::move(*sockets);
    flows_ = rules.size();
    for (io_uring* const ring : {&receives_, &sends_}) {
      if (const int error = io_uring_queue_init(64, ring, 0); error < 0)
        return traffic::system_failure("io_uring", -error);
      ++rings_;
    }
    return {};
  }

  void relay(const std::atomic<bool>& stop) {
    for (std::size_t index = 0; index < kReceives; ++index) receive(index);
    while (!stop.load(std::memory_order_relaxed)) {
      io_uring_cqe* first = nullptr;
      __kernel_timespec longest{0, kLookMs * 1'000'000};
      if (io_uring_submit_and_wait_timeout(&receives_, &first, 1, &longest, nullptr) < 0) continue;
      std::array<io_uring_cqe*, kReceives> completions{};
      const unsigned count = io_uring_peek_batch_cqe(&receives_, completions.data(), kReceives);
      std::array<std::size_t, kReceives> free_again{};
      for (unsigned index = 0; index < count; ++index) {
        free_again[index] = completions[index]->user_data;
        if (completions[index]->res > 0) send(buffers_[free_again[index]].data());
      }
      io_uring_cq_advance(&receives_, count);
      flush();
      for (unsigned index = 0; index < count; ++index) receive(free_again[index]);
    }
  }

 private:
  void receive(std::size_t buffer) {
    io_uring_sqe* const entry = io_uring_get_sqe(&receives_);
    io_uring_prep_recv(entry, sockets_.in.get(), buffers_[buffer].data(), kBufferBytes, 0);
    entry->user_data = buffer;
  }
  void send(std::byte* bytes) {
    const ReadFrame frame = read_frame(bytes);
    if (frame.flow >= flows_) return;
    for (std::size_t output = 0; output < sockets_.outputs; ++output) {
      const std::size_t socket = frame.flow * sockets_.outputs + output;
      io_uring_prep_send(io_uring_get_sqe(&sends_), sockets_.out[socket].get(), frame.payload,
                         frame.bytes, 0);
      if (++pending_ == kBatch) flush();
    }
  }
  void flush() {
    while (pending_ > 0) {
      io_uring_submit_and_wait(&sends_, pending_);
      const unsigned ready = io_uring_cq_ready(&sends_);
      io_uring_cq_advance(&sends_, ready);
      pending_ -= ready;
    }
  }

  PrototypeSockets sockets_;
  std::size_t flows_ = 0;
  std::vector<std::array<std::byte, kBufferBytes>> buffers_;
  io_uring receives_{};
  io_uring sends_{};
  std::size_t rings_ = 0;
  unsigned pending_ = 0;
};

}  // namespace

Expected<void> relay_like_reference(std::span<const engine::Rule> rules,
                                    const std::function<void()>& ready,
                                    const std::atomic<bool>& stop) {
  ReferenceRelay relay;
  if (auto opened = relay.open(rules); !opened) return opened;
  ready();
  relay.relay(stop);
  return {};
}

}  // namespace reprise::bench::peers
