// The io_uring backend in the harness for backends.
#pragma once

#include "backend_harness.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::tests {

class UringHarness : public BackendHarness {
 protected:
  void start_with_defaults() override { start({}); }

  void start(const uring::UringBackend::Options& options,
             std::uint32_t region_bytes = kRegionBytes) {
    auto created = uring::UringBackend::create(options);
    if (!created) GTEST_SKIP() << created.error().message;
    use(*std::move(created), region_bytes);
  }
};

}  // namespace reprise::tests
