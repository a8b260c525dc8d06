// The model with one wrong row each: what a belief set that can tell must reject on real traces.
#pragma once

#include <span>
#include <string_view>

#include "reprise/sim/kernel_profile.hpp"

namespace reprise::trial {

struct ModelMutant {
  std::string_view name;  ///< of the member, and what it says wrongly
  void (*alter)(sim::KernelProfile&);
};

/// One for each member of KernelProfile that sequences of acts can see.
std::span<const ModelMutant> model_mutants();

}  // namespace reprise::trial
