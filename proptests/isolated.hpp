// Trying a case in a process of its own, so that a failed assertion of the engine is a verdict like
// any other, and RapidCheck can shrink the case.
#pragma once

#include "properties.hpp"

namespace reprise::proptests {

/// The property's verdict; or the assertion that failed; or the signal that ended the process.
Verdict try_in_child(const Property& property, const Case& tried);

}  // namespace reprise::proptests
