// A token bucket filter (sch_tbf) with a queue of frames behind it, by rtnetlink.
#pragma once

#include <cstdint>

#include "reprise/engine/error.hpp"

namespace reprise::trial {

/// What leaves at once: one frame of the usual MTU. A longer one is dropped.
inline constexpr std::uint32_t kBurstBytes = 1514;

struct TokenBucket {
  std::uint64_t bytes_per_second = 0;
  std::uint32_t queue = 1000;  ///< frames
};

/// Makes it the root of an interface without one. `netlink`: a NETLINK_ROUTE socket.
engine::Expected<void> add_token_bucket(int netlink, int interface_index,
                                        const TokenBucket& bucket);
/// It starts with a full burst anew.
engine::Expected<void> change_token_bucket(int netlink, int interface_index,
                                           const TokenBucket& bucket);

}  // namespace reprise::trial
