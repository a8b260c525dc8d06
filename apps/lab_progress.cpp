#include "lab_progress.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "command.hpp"

namespace reprise::apps {

LabProgress::LabProgress(std::string what) : what_(std::move(what)) {}

LabProgress::~LabProgress() {
  if (shown_percent_ >= 0) fmt::print(stderr, "\r\033[K");
}

void LabProgress::show(std::uint64_t done, std::uint64_t of) {
  if (!has_terminal() || of == 0) return;
  const int percent = static_cast<int>(done * 100 / of);
  if (percent == shown_percent_) return;
  shown_percent_ = percent;
  fmt::print(stderr, "\r\033[K{}: {} %", what_, percent);
  std::fflush(stderr);
}

}  // namespace reprise::apps
