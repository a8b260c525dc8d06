// What the two real backends cost beside the plain system call: a batch of 32 sends in one linked
// chain, prepared, submitted and reaped, and a call with nothing to do.
//
// The sends go to a socket on the loopback interface that drops them in its filter, so that a send
// costs as little as it can and the backend's share shows. Read the ratios.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "reprise/asio/asio_backend.hpp"
#include "reprise/posix/send_socket.hpp"
#include "reprise/posix/socket_address.hpp"
#include "reprise/posix/socket_option.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise {
namespace {

constexpr std::uint32_t kBatch = 32;
constexpr std::uint32_t kPayloadBytes = 1400;

/// A UDP socket that receives nothing.
class Drain {
 public:
  Drain() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto here = posix::socket_address(engine::Address::ipv4(127, 0, 0, 1), 0);
    sockaddr_in bound{};
    socklen_t length_bytes = sizeof(bound);
    if (::bind(socket_.get(), here.get(), here.length_bytes) == 0 &&
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &length_bytes) == 0 &&
        posix::discard_received(socket_.get(), "a drain")) {
      spec_.destination = engine::Address::ipv4(127, 0, 0, 1);
      spec_.port = ntohs(bound.sin_port);
    }
  }
  [[nodiscard]] const engine::SendSocketSpec& spec() const { return spec_; }

 private:
  posix::Descriptor socket_;
  engine::SendSocketSpec spec_;
};

void count_sends(benchmark::State& state) {
  state.counters["per_send"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBatch,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// Nothing where the host refuses the backend: the benchmark is skipped and says why.
template <class Backend>
std::unique_ptr<Backend> open(benchmark::State& state) {
  auto created = Backend::create({});
  if (!created) {
    state.SkipWithError(created.error().message.c_str());
    return nullptr;
  }
  if (const auto memory =
          (*created)->register_memory({.buffers = kBatch, .buffer_bytes = kPayloadBytes});
      !memory) {
    state.SkipWithError(memory.error().message.c_str());
    return nullptr;
  }
  return *std::move(created);
}

void PlainSends(benchmark::State& state) {
  const Drain drain;
  const auto socket = posix::open_send_socket(drain.spec());
  if (!socket) return state.SkipWithError(socket.error().message.c_str());
  const std::array<char, kPayloadBytes> payload{};
  for (auto _ : state) {
    for (std::uint32_t count = 0; count < kBatch; ++count) {
      benchmark::DoNotOptimize(
          ::send(socket->get(), payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
  }
  count_sends(state);
}
BENCHMARK(PlainSends);

template <class Backend>
void ChainOfSends(benchmark::State& state) {
  const Drain drain;
  const auto backend = open<Backend>(state);
  if (!backend) return;
  const auto socket = backend->open(drain.spec());
  if (!socket) return state.SkipWithError(socket.error().message.c_str());
  std::array<engine::Submission, kBatch> submissions{};
  std::array<engine::Slice, kBatch> slices{};
  for (std::uint32_t index = 0; index < kBatch; ++index) {
    slices[index] = {engine::RegionIndex{index}, 0, kPayloadBytes};
    submissions[index].operation = engine::Operation::send;
    submissions[index].token = {index, 1};
    submissions[index].socket = *socket;
    submissions[index].slice_first = index;
    submissions[index].slice_count = 1;
    submissions[index].flags = engine::SubmissionFlags::kDoNotWait;
    if (index + 1 < kBatch) submissions[index].flags |= engine::SubmissionFlags::kLinked;
  }
  engine::CompletionBatch batch(kBatch, kBatch);
  std::uint32_t ended = 0;
  for (auto _ : state) {
    backend->prepare({submissions, slices});
    backend->submit();
    for (ended = backend->reap(batch); ended < kBatch; ended += backend->reap(batch)) {
      backend->submit_and_wait(1, engine::kNever);
    }
  }
  count_sends(state);
}
BENCHMARK(ChainOfSends<uring::UringBackend>);
BENCHMARK(ChainOfSends<asio::AsioBackend>);

template <class Backend>
void CallWithNothingToDo(benchmark::State& state) {
  const auto backend = open<Backend>(state);
  if (!backend) return;
  engine::CompletionBatch batch(kBatch, kBatch);
  for (auto _ : state) {
    backend->submit_and_wait(0, engine::kNever);
    backend->reap(batch);
  }
}
BENCHMARK(CallWithNothingToDo<uring::UringBackend>);
BENCHMARK(CallWithNothingToDo<asio::AsioBackend>);

}  // namespace
}  // namespace reprise

BENCHMARK_MAIN();
