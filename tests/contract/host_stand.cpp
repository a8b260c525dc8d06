#include "host_stand.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "reprise/posix/socket_address.hpp"

namespace reprise::tests {

engine::Expected<std::unique_ptr<Stand>> HostStand::make(Create create) {
  const auto network = HostNetwork::get();
  if (!network) return std::unexpected(network.error());
  auto backend = create();
  if (!backend) return std::unexpected(backend.error());
  return std::unique_ptr<Stand>(new HostStand(**network, std::move(create), *std::move(backend)));
}

HostStand::HostStand(HostNetwork& network, Create create, std::unique_ptr<engine::Backend> backend)
    : network_(&network), create_(std::move(create)), backend_(std::move(backend)) {
  network_->restore();
}

HostStand::~HostStand() {
  if (waker_.joinable()) waker_.join();
  backend_.reset();
  network_->restore();
}

Stand::Adoptable HostStand::adoptable() {
  const engine::Address loopback = engine::Address::ipv4(127, 0, 0, 1);
  const auto address = posix::socket_address(loopback, 0);
  Adoptable result;
  result.descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_bound = ::bind(result.descriptor, address.get(), address.length_bytes) == 0;
  REPRISE_ASSERT(is_bound);
  sockaddr_in bound{};
  socklen_t length_bytes = sizeof(bound);
  ::getsockname(result.descriptor, reinterpret_cast<sockaddr*>(&bound), &length_bytes);
  result.sender.destination = loopback;
  result.sender.source = loopback;
  result.sender.port = ntohs(bound.sin_port);
  return result;
}

std::unique_ptr<engine::Backend> HostStand::second_backend() {
  auto created = create_();
  REPRISE_ASSERT(created.has_value());
  return *std::move(created);
}

void HostStand::wake_from_outside() {
  if (waker_.joinable()) waker_.join();
  waker_ = std::thread([this] { backend_->wake(); });
}

}  // namespace reprise::tests
