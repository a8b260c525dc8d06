#include "host_stand.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::tests {

std::vector<StandKind> uring_stands() {
  const auto create = [](const StandOptions& options) {
    return HostStand::make([options]() -> engine::Expected<std::unique_ptr<engine::Backend>> {
      return uring::UringBackend::create({.submission_entries = options.submission_entries,
                                          .completion_entries = options.completion_entries});
    });
  };
  return {{"uring", create}};
}

}  // namespace reprise::tests
