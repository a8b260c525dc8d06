// Two hosts of the calibration's own with a cable between them. What is measured has its sockets on
// the near one; the far one sends to it and takes what it sends.
#pragma once

#include <cstdint>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/traffic/namespaces.hpp"

namespace reprise::trial {

struct Cable {
  traffic::Namespace near;
  traffic::Namespace far;
  engine::Endpoint to_far;   ///< as the near host sends to it
  engine::Endpoint at_far;   ///< as the far host receives it
  engine::Endpoint to_near;  ///< as the far host sends to it
  engine::Endpoint at_near;  ///< as the near host receives it
};

/// Errors: the host allows no namespaces.
engine::Expected<Cable> lay_cable();

}  // namespace reprise::trial
