#include "host_stand.hpp"
#include "reprise/asio/asio_backend.hpp"

namespace reprise::tests {

std::vector<StandKind> asio_stands() {
  const auto create = [](const StandOptions& options) {
    return HostStand::make([options]() -> engine::Expected<std::unique_ptr<engine::Backend>> {
      return asio::AsioBackend::create({.submission_entries = options.submission_entries,
                                        .completion_entries = options.completion_entries});
    });
  };
  return {{"asio", create}};
}

}  // namespace reprise::tests
