// Random plans of acts: a draft is small numbers, which RapidCheck makes up and shrinks; plan_of()
// makes of any draft acts that the model knows.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

inline constexpr std::uint32_t kOperationsMax = 40;
inline constexpr std::uint32_t kOperationsBetweenRests = 16;

struct EntryDraft {
  std::uint8_t kind = 0;
  std::uint8_t socket = 0;
  std::uint8_t size = 0;
  std::uint8_t flags = 0;
  std::uint8_t fault = 0;
  std::uint8_t target = 0;
};

struct StepDraft {
  std::uint8_t kind = 0;
  std::uint8_t value = 0;
  std::vector<EntryDraft> entries;
};

struct Draft {
  std::uint8_t task_run = 0;
  std::uint8_t completions = 0;
  std::uint8_t regions = 0;
  std::uint8_t queue = 0;
  std::vector<std::uint8_t> send_buffers;
  std::vector<std::uint8_t> receive_buffers;
  std::vector<StepDraft> steps;
};

Trace plan_of(const Draft& draft);

}  // namespace reprise::trial
