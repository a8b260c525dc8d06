#include "reprise/sim/simulated_host.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reprise/engine/packet.hpp"

namespace reprise::sim {

using engine::Duration;
using engine::Expected;
using engine::Instant;
using engine::SocketIndex;
using engine::SubmitResult;

namespace {

/// Slices behind the first ones of all sends under way.
constexpr std::uint32_t kSlicesMax = 4096;

}  // namespace

SimulatedHost::SimulatedHost(const Options& options)
    : options_(options),
      kernel_(kernel_config(options)),
      choices_(options.seed),
      sockets_(options.packet_sockets_max + options.send_sockets_max),
      outside_(options.interfaces),
      now_{1'000'000'000} {}

KernelConfig SimulatedHost::kernel_config(const Options& options) {
  KernelConfig config;
  config.profile = options.profile;
  config.rings = {options.ring};
  if (options.ring.slices_max == 0) config.rings.front().slices_max = kSlicesMax;
  config.packet_sockets.resize(options.packet_sockets_max);
  for (PacketSocketConfig& socket : config.packet_sockets) {
    socket.ring = {.blocks = options.blocks, .block_bytes = options.block_bytes, .is_open = false};
  }
  config.send_sockets.resize(options.send_sockets_max);
  config.links.assign(options.interfaces, options.link);
  // Each packet socket has one flow: the first that it wants.
  for (std::uint32_t flow = 0; flow < options.packet_sockets_max; ++flow) {
    config.headers.push_back(make_header(0, flow, kTagBytes));
  }
  config.regions = options.regions;
  config.region_bytes = options.region_bytes;
  config.blocks = options.blocks;
  config.block_bytes = options.block_bytes;
  config.notices = options.ring.operations_max;
  config.faults = options.faults;
  return config;
}

Expected<std::uint32_t> SimulatedHost::interface_of(const std::string& name) const {
  for (std::uint32_t interface = 0; interface < options_.interfaces; ++interface) {
    if (name == "sim" + std::to_string(interface)) return interface;
  }
  return engine::failure(
      "interface " + name + ": expected sim0 to sim" + std::to_string(options_.interfaces - 1),
      ENODEV);
}

// Set-up.

Expected<engine::PacketMemory> SimulatedHost::register_memory(const engine::MemorySpec& spec) {
  const bool is_as_made = spec.buffers == options_.regions &&
                          spec.buffer_bytes == options_.region_bytes &&
                          spec.blocks == options_.blocks &&
                          (spec.blocks == 0 || spec.block_bytes == options_.block_bytes);
  if (is_as_made) return kernel_->kernel.memory();
  return engine::failure("simulated host: it has " + std::to_string(options_.regions) +
                             " buffers of " + std::to_string(options_.region_bytes) +
                             " bytes and " + std::to_string(options_.blocks) + " blocks of " +
                             std::to_string(options_.block_bytes) + "; expected the same numbers",
                         EINVAL);
}

Expected<std::uint32_t> SimulatedHost::free_blocks(std::uint32_t count) const {
  for (std::uint32_t first = 0; first + count <= options_.blocks; ++first) {
    const auto overlaps = [&](const OpenSocket& socket) {
      return socket.first_block < first + count && first < socket.first_block + socket.block_count;
    };
    if (std::ranges::none_of(sockets_, overlaps)) return first;
  }
  return engine::failure("simulated host: a ring of " + std::to_string(count) +
                             " blocks: expected at most those that are registered and that no "
                             "other ring has",
                         ENOMEM);
}

Expected<void> SimulatedHost::use_memory(const engine::PacketMemory&) {
  return engine::failure("simulated host: it has regions of its own", EINVAL);
}

Expected<void> SimulatedHost::set_up() {
  if (!kernel_->kernel.faults().happens(FaultKind::setup_failure, now_, choices_)) return {};
  return engine::failure("simulated host: no buffer space for another socket", ENOBUFS);
}

Expected<SocketIndex> SimulatedHost::open(const engine::PacketSocketSpec& spec) {
  const auto interface = interface_of(spec.interface);
  if (!interface) return std::unexpected(interface.error());
  if (auto done = set_up(); !done) return std::unexpected(done.error());
  const auto first_block = free_blocks(spec.ring_blocks);
  if (!first_block) return std::unexpected(first_block.error());
  for (std::uint32_t index = 0; index < options_.packet_sockets_max; ++index) {
    if (sockets_[index].is_open) continue;
    sockets_[index] = {true, *interface, spec.wanted, *first_block, spec.ring_blocks};
    PacketSocketConfig config;
    config.ring = {.blocks = spec.ring_blocks,
                   .first_region = options_.regions + *first_block,
                   .timeout_ns = spec.ring_timeout.ns};
    // The kernel doubles what it is asked for (socket(7)).
    if (spec.receive_buffer_bytes != 0) config.buffer_bytes = 2 * spec.receive_buffer_bytes;
    HeaderBytes header = make_header(0, index, kTagBytes);
    if (!spec.wanted.empty()) {
      const engine::WantedTraffic& wanted = spec.wanted.front();
      engine::FrameHeader fields;
      fields.source = wanted.source.is_set() ? wanted.source : engine::Address::ipv4(10, 0, 0, 1);
      fields.destination = wanted.destination;
      fields.source_port = 40'000;
      fields.destination_port = wanted.port;
      engine::build_headers(fields, kTagBytes, header);
    }
    kernel_->kernel.reopen(SocketIndex{index}, config, index, header, now_);
    return SocketIndex{index};
  }
  return engine::failure("simulated host: all its packet sockets are open", EMFILE);
}

Expected<SocketIndex> SimulatedHost::open(const engine::SendSocketSpec& spec) {
  const auto interface = interface_of(spec.interface);
  if (!interface) return std::unexpected(interface.error());
  if (auto done = set_up(); !done) return std::unexpected(done.error());
  for (std::uint32_t place = 0; place < options_.send_sockets_max; ++place) {
    const std::uint32_t index = options_.packet_sockets_max + place;
    if (sockets_[index].is_open) continue;
    sockets_[index] = {true, *interface, {}};
    SendSocketConfig config;
    config.link = *interface;
    config.forbids_fragments = true;  // as the sockets of the backends: what exceeds the MTU fails
    if (spec.send_buffer_bytes != 0) {
      // Doubled, and not below SOCK_MIN_SNDBUF (socket(7)).
      config.buffer_bytes = std::max(2 * spec.send_buffer_bytes, 4608U);
    }
    kernel_->kernel.reopen(SocketIndex{index}, config);
    return SocketIndex{index};
  }
  return engine::failure("simulated host: all its send sockets are open", EMFILE);
}

Expected<SocketIndex> SimulatedHost::adopt(int) {
  return engine::failure("simulated host: there are no descriptors to adopt", EOPNOTSUPP);
}

void SimulatedHost::close(SocketIndex socket) {
  sockets_[static_cast<std::uint32_t>(socket)] = {};
  kernel_->kernel.close(socket);
}

// The hot path.

std::uint32_t SimulatedHost::prepare(engine::SubmissionView view) {
  detail_.clear();
  // A socket that is closed is none.
  std::vector<engine::Submission> submissions(view.submissions.begin(), view.submissions.end());
  for (engine::Submission& submission : submissions) {
    const auto index = static_cast<std::uint32_t>(submission.socket);
    if (index < sockets_.size() && !sockets_[index].is_open) submission.socket = engine::kNoSocket;
  }
  const std::uint32_t taken = backend().prepare({submissions, view.slices});
  provides_unsubmitted_ += static_cast<std::uint32_t>(std::ranges::count(
      view.submissions.first(taken), engine::Operation::provide, &engine::Submission::operation));
  move_to(now_ + Duration{detail_.cost_ns});
  return taken;
}

SubmitResult SimulatedHost::submit() { return enter(0); }

SubmitResult SimulatedHost::enter(std::uint32_t count) {
  detail_.clear();
  SubmitResult result = backend().submit_and_wait(count, engine::kNever);
  result.submitted += std::exchange(provides_unsubmitted_, 0);
  move_to(now_ + Duration{detail_.cost_ns});
  return result;
}

SubmitResult SimulatedHost::submit_and_wait(std::uint32_t count, Instant deadline) {
  SubmitResult result = enter(count);
  Kernel& kernel = kernel_->kernel;
  while (!is_woken_ && kernel.ready_count(kRing) < count && now_ < deadline) {
    const Instant next = std::min(next_instant(), deadline);
    if (next == engine::kNever) {
      is_stuck_ = true;
      break;
    }
    move_to(std::max(next, now_));
    if (kernel.profile().task_run == TaskRun::cooperative) run_due_work();
  }
  run_due_work();
  result.woken = std::exchange(is_woken_, false);
  return result;
}

void SimulatedHost::run_due_work() {
  detail_.clear();
  backend().run_task_work();
}

std::uint32_t SimulatedHost::reap(engine::CompletionBatch& batch) {
  detail_.clear();
  return backend().reap(batch);
}

// Time.

Instant SimulatedHost::next_instant() const {
  const Kernel& kernel = kernel_->kernel;
  Instant next = std::min(kernel.next_deadline(kRing), kernel.next_block_tick());
  for (std::uint32_t link = 0; link < kernel.link_count(); ++link) {
    next = std::min(next, kernel.next_link_instant(link));
  }
  return acts_.empty() ? next : std::min(next, acts_.front().at);
}

void SimulatedHost::move_to(Instant at) {
  Kernel& kernel = kernel_->kernel;
  for (Instant next = next_instant(); next <= at; next = next_instant()) {
    now_ = std::max(now_, next);
    for (std::uint32_t link = 0; link < kernel.link_count(); ++link) {
      while (kernel.next_link_instant(link) <= now_) {
        const Kernel::LinkEvent event = kernel.step_link(link);
        if (!event.delivered) continue;
        outside_[link].push_back(event.packet);
        if (kernel.port_is_closed(event.packet.socket)) kernel.refuse(event.packet.socket);
      }
    }
    kernel.expire(kRing, now_);
    kernel.tick_blocks(now_);
    while (!acts_.empty() && acts_.front().at <= now_) {
      const std::function<void()> act = std::move(acts_.front().act);
      acts_.erase(acts_.begin());
      act();
    }
    if (kernel.profile().task_run == TaskRun::plain) run_due_work();
  }
  now_ = std::max(now_, at);
}

void SimulatedHost::schedule(Duration after, std::function<void()> act) {
  const Instant at = now_ + after;
  const auto place = std::ranges::upper_bound(acts_, at, {}, &Act::at);
  acts_.insert(place, Act{at, std::move(act)});
}

void SimulatedHost::pass(Duration time) { move_to(now_ + time); }

// Outside.

std::uint32_t SimulatedHost::offer(std::uint32_t interface, const Packet& packet,
                                   std::uint16_t port) {
  std::uint32_t taken = 0;
  for (std::uint32_t index = 0; index < options_.packet_sockets_max; ++index) {
    if (!sockets_[index].is_open || sockets_[index].interface != interface) continue;
    const auto is_to = [port](const engine::WantedTraffic& wanted) { return wanted.port == port; };
    if (port != 0 && std::ranges::none_of(sockets_[index].wanted, is_to)) continue;
    Packet frame = packet;
    frame.flow = index;
    if (kernel_->kernel.arrive(SocketIndex{index}, frame, now_)) ++taken;
  }
  if (kernel_->kernel.profile().task_run == TaskRun::plain) run_due_work();
  return taken;
}

std::vector<Packet> SimulatedHost::sent_to(std::uint32_t interface) {
  return std::exchange(outside_[interface], {});
}

void SimulatedHost::close_port_outside(SocketIndex socket, bool closed) {
  kernel_->kernel.set_port_closed(socket, closed);
}

}  // namespace reprise::sim
