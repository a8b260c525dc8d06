// Results of the generator and the sink as JSON, for --json and for the way from child to parent.
//
// Field names are those of the structures; durations end in _ns.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/receiver.hpp"

namespace reprise::traffic {

/// `refused` is an object from errno names ("ENOBUFS") to counts.
nlohmann::ordered_json to_json(const GeneratorResult& result);

/// `end` is "count_reached", "idle" or "stopped"; `streams` is an array.
nlohmann::ordered_json to_json(const ReceiverResult& result);

}  // namespace reprise::traffic
