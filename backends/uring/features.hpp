// What the running kernel's io_uring can do; probed, never derived from its version.
#pragma once

#include <liburing.h>

#include "reprise/engine/error.hpp"

namespace reprise::uring {

struct Features {
  bool has_zero_copy_send = false;  ///< IORING_OP_SEND_ZC, Linux 6.0
};

/// Probes on a ring without anything in flight and leaves nothing behind. The error names all that
/// the backend cannot do without and this kernel lacks, with the first kernel that has it.
engine::Expected<Features> probe_features(io_uring* ring);

}  // namespace reprise::uring
