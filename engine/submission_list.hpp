// Submissions that a stage has filled and the backend has not taken yet, with the slices they refer
// to. Part of the stage's value.
#pragma once

#include <span>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::engine {

class SubmissionList {
 public:
  void place(FlatLayout& layout, std::uint32_t submissions_max, std::uint32_t slices_max) {
    layout.place(submissions_, submissions_max);
    layout.place(slices_, slices_max);
  }

  /// The submission, without slices yet; add_slice() adds to the newest.
  Submission& add(Operation operation, Token token, SocketIndex socket = kNoSocket) {
    Submission submission;
    submission.operation = operation;
    submission.token = token;
    submission.socket = socket;
    submission.slice_first = slices_.size();
    submissions_.push(submission);
    return submissions_[submissions_.size() - 1];
  }
  void add_slice(Slice slice) {
    slices_.push(slice);
    ++submissions_[submissions_.size() - 1].slice_count;
  }

  /// The same of several at once; `next` returns them one by one.
  template <class Next>
  void add_slices(std::uint32_t count, Next next) {
    for (std::uint32_t i = 0; i < count; ++i) slices_.push(next());
    submissions_[submissions_.size() - 1].slice_count += count;
  }

  [[nodiscard]] bool empty() const { return taken_ == submissions_.size(); }
  [[nodiscard]] std::uint32_t slices_left() const { return slices_.capacity() - slices_.size(); }
  [[nodiscard]] SubmissionView view() const {
    return {submissions_.all().subspan(taken_), slices_.all()};
  }

  /// The backend took the first `count` of view().
  void taken(std::uint32_t count) {
    taken_ += count;
    REPRISE_ASSERT(taken_ <= submissions_.size());
    if (taken_ < submissions_.size()) return;
    submissions_.clear();
    slices_.clear();
    taken_ = 0;
  }

 private:
  FlatList<Submission> submissions_;
  FlatList<Slice> slices_;
  std::uint32_t taken_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::engine
