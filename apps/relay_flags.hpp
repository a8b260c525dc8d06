// The flags that say how a relay works, shared by the commands that run one.
#pragma once

#include <CLI/CLI.hpp>

#include "reprise/daemon/relay.hpp"

namespace reprise::apps {

/// Adds --backend, --policy, --batch, --ring and the rest; `options` must outlive the parse.
void add_relay_flags(CLI::App& command, daemon::RelayOptions& options);

/// Whether the flags go together, in the words of the command line.
engine::Expected<void> check_relay_flags(const daemon::RelayOptions& options);

/// A line on standard error where the host refused io_uring and `auto` took another backend.
void note_fallback(const daemon::BackendChoice& backend);

}  // namespace reprise::apps
