// Kernel profiles: how one kernel behaves, with where that is known from (profiles/*.toml;
// docs/SCENARIOS.md).
//
// A file has every member of sim::KernelProfile, so that no profile changes when a default does.
#pragma once

#include <cstdint>
#include <string>

#include "reprise/engine/error.hpp"
#include "reprise/sim/kernel_profile.hpp"

namespace reprise::lab {

/// The format's version, written as `version = 1`.
inline constexpr std::int64_t kKernelProfileVersion = 1;

struct KernelProfileFile {
  std::string name;        ///< of the file, without folder and extension
  std::string kernel;      ///< "6.18"
  std::string provenance;  ///< how and where it is known
  bool measured = false;
  sim::KernelProfile profile;
};

/// The profile that the simulator has built in, which is profiles/linux-6.18-cooperative.toml.
inline constexpr const char* kBuiltInProfile = "linux-6.18-cooperative";

/// The error names file and line, the key, and what was expected: for a key that is unknown,
/// missing, wrong, or contradicts another one.
engine::Expected<KernelProfileFile> load_kernel_profile(const std::string& path);

}  // namespace reprise::lab
