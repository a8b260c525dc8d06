#include "reprise/daemon/occupancy_sampler.hpp"

#include <gtest/gtest.h>

#include "reprise/lab/census.hpp"

namespace reprise::daemon {
namespace {

// They are compared side by side, by name.
TEST(OccupancySampler, HasTheLaboratorysPlaces) { EXPECT_EQ(kPlaceNames, lab::kPlaceNames); }

}  // namespace
}  // namespace reprise::daemon
