// Which I/O backend a relay works with: io_uring, or Boost.Asio where the host refuses that.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/policy.hpp"
#include "reprise/engine/stage.hpp"

namespace reprise::daemon {

enum class BackendKind : std::uint8_t {
  automatic,  ///< uring where the host lets it, else asio
  uring,
  asio,
};
inline constexpr std::array<std::string_view, 3> kBackendKindNames{"auto", "uring", "asio"};

constexpr std::string_view name(BackendKind kind) {
  return kBackendKindNames[static_cast<std::size_t>(kind)];
}
constexpr std::optional<BackendKind> backend_kind_from(std::string_view text) {
  return engine::value_from<BackendKind>(kBackendKindNames, text);
}

struct BackendChoice {
  BackendKind kind = BackendKind::uring;  ///< not automatic
  bool is_fallback = false;               ///< the host refused io_uring
  std::string reason;                     ///< one line; of a fallback: what refused
};

struct OpenedBackend {
  std::unique_ptr<engine::Backend> backend;
  BackendChoice choice;
};

/// Opens a backend that has room for all of a stage's operations. Error: the host refuses the one
/// that is wanted, or both.
engine::Expected<OpenedBackend> open_backend(BackendKind wanted, const engine::StageConfig& stage);

}  // namespace reprise::daemon
