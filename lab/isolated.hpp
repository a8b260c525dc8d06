// A job in a process of its own, so that a failed assertion or a crash ends the job and not who
// wants to know about it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::lab {

/// Hands over a job's answer and ends its process, from wherever it is called.
using Answer = std::function<void(std::string_view)>;

/// The job's answer; an error, which says how its process ended, where it gave none. The caller has
/// one thread only. What the job writes to standard error is lost where it `is_silent`.
engine::Expected<std::string> answer_of(const std::function<void(const Answer&)>& job,
                                        bool is_silent);

}  // namespace reprise::lab
