// The user data that no record of the operation table has.
#pragma once

#include <cstdint>

namespace reprise::uring {

inline constexpr std::uint64_t kWakeUserData = ~std::uint64_t{0};  ///< the backend's own poll
inline constexpr std::uint64_t kNoOperation = kWakeUserData - 1;   ///< never submitted

}  // namespace reprise::uring
