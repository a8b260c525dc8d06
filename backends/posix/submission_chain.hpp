// How backends read submissions: flags, slices, and where a linked chain ends.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "reprise/engine/io.hpp"

namespace reprise::posix {

[[nodiscard]] inline bool has_flag(const engine::Submission& submission, std::uint8_t flag) {
  return (submission.flags & flag) != 0;
}

/// The submissions from the first up to the one that ends its chain.
[[nodiscard]] inline std::span<const engine::Submission> first_chain(
    std::span<const engine::Submission> submissions) {
  std::size_t length = 1;
  while (length < submissions.size() &&
         has_flag(submissions[length - 1], engine::SubmissionFlags::kLinked)) {
    ++length;
  }
  return submissions.first(length);
}

/// Those of the batch's slices that the submission names.
[[nodiscard]] inline std::span<const engine::Slice> slices_of(
    const engine::Submission& submission, std::span<const engine::Slice> slices) {
  REPRISE_ASSERT(std::uint64_t{submission.slice_first} + submission.slice_count <= slices.size());
  return slices.subspan(submission.slice_first, submission.slice_count);
}

}  // namespace reprise::posix
