// Tries a property: first on the cases in regressions/ that name it, then on random ones; at last
// it asks whether these saw enough for the property to mean something.
//
// RC_PARAMS is RapidCheck's: max_success=2000 tries more cases, seed=N others, reproduce=… the one
// that failed. Without it the seed is fixed, so that a run on the same code has the same result.
//
// A failed assertion ends the program and prints the case as it was drawn. With
// REPRISE_PROPERTIES_FORK=1 each case runs in a process of its own, and such a case shrinks too.
#pragma once

#include <initializer_list>
#include <string_view>

#include "case_generator.hpp"
#include "properties.hpp"

namespace reprise::proptests {

/// In how many of 100 cases at least a sight has to be seen.
struct Sometimes {
  Sight sight;
  unsigned percent;
};

/// What RC_PARAMS is where nobody set it. To be called before the first rc::check().
void use_default_parameters();

/// Fails the current GoogleTest test where the property does not hold.
void check_property(std::string_view property_name, rc::Gen<Case> generator,
                    std::initializer_list<Sometimes> sometimes);

}  // namespace reprise::proptests
