// Drafts as RapidCheck makes them up.
#pragma once

#include <rapidcheck.h>

#include "reprise/trial/differential/plan.hpp"

namespace reprise::trial {

rc::Gen<Draft> drafts();

}  // namespace reprise::trial
