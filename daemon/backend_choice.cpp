#include "reprise/daemon/backend_choice.hpp"

#include <algorithm>

#include "reprise/asio/asio_backend.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::daemon {
namespace {

/// The two backends have options of the same names and meanings.
template <class Backend>
engine::Expected<OpenedBackend> open(const engine::StageConfig& stage,
                                     const BackendChoice& choice) {
  typename Backend::Options options;
  options.submission_entries = stage.submissions_max;
  options.completion_entries =
      std::clamp(4 * stage.region_count(), 2 * options.submission_entries, 65'536U);
  auto backend = Backend::create(options);
  if (!backend) return std::unexpected(backend.error());
  return OpenedBackend{*std::move(backend), choice};
}

engine::Expected<OpenedBackend> open_uring_or_asio(const engine::StageConfig& stage) {
  auto opened = open<uring::UringBackend>(
      stage, {BackendKind::uring, false, "the host lets io_uring be used"});
  if (opened) return opened;
  const engine::Error& refused = opened.error();
  auto fallback = open<asio::AsioBackend>(stage, {BackendKind::asio, true, refused.message});
  if (fallback) return fallback;
  return engine::failure(refused.message + "; and " + fallback.error().message,
                         fallback.error().errno_value);
}

}  // namespace

engine::Expected<OpenedBackend> open_backend(BackendKind wanted, const engine::StageConfig& stage) {
  switch (wanted) {
    case BackendKind::automatic: return open_uring_or_asio(stage);
    case BackendKind::uring: break;
    case BackendKind::asio:
      return open<asio::AsioBackend>(stage, {BackendKind::asio, false, "asked for"});
  }
  return open<uring::UringBackend>(stage, {BackendKind::uring, false, "asked for"});
}

}  // namespace reprise::daemon
