// The Asio backend in the harness for backends.
#pragma once

#include "backend_harness.hpp"
#include "reprise/asio/asio_backend.hpp"

namespace reprise::tests {

class AsioHarness : public BackendHarness {
 protected:
  void start_with_defaults() override { start({}); }

  void start(const asio::AsioBackend::Options& options, std::uint32_t region_bytes = kRegionBytes) {
    auto created = asio::AsioBackend::create(options);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    use(*std::move(created), region_bytes);
  }
};

}  // namespace reprise::tests
