// The stand of a backend that runs on this host's kernel.
#pragma once

#include <thread>

#include "host_network.hpp"

namespace reprise::tests {

class HostStand final : public Stand {
 public:
  using Create = std::function<engine::Expected<std::unique_ptr<engine::Backend>>()>;

  /// Error: no network namespace, no backend, and why.
  static engine::Expected<std::unique_ptr<Stand>> make(Create create);

  ~HostStand() override;

  engine::Backend& backend() override { return *backend_; }
  [[nodiscard]] bool has_descriptors() const override { return true; }
  Adoptable adoptable() override;
  [[nodiscard]] bool has_packet_rings() override {
    return backend_->limits().supports(engine::Operation::packet_ring_receive);
  }
  [[nodiscard]] bool has_second_backend() const override { return true; }
  std::unique_ptr<engine::Backend> second_backend() override;
  void offer(const Payload& payload, std::uint16_t port) override {
    network_->offer(payload, port);
  }
  void offer_frame(const OfferedFrame& frame, std::uint16_t port) override {
    network_->offer_frame(frame, port);
  }
  void set_input_up(bool is_up) override { network_->set_input_up(is_up); }
  void settle() override { network_->settle(); }
  std::vector<Payload> collect(std::size_t count) override { return network_->collect(count); }
  void block_output() override { network_->block_output(); }
  void unblock_output() override { network_->unblock_output(); }
  void set_output_up(bool is_up) override { network_->set_output_up(is_up); }
  void wake_from_outside() override;

 private:
  HostStand(HostNetwork& network, Create create, std::unique_ptr<engine::Backend> backend);

  HostNetwork* network_;
  Create create_;
  std::unique_ptr<engine::Backend> backend_;
  std::thread waker_;
};

}  // namespace reprise::tests
