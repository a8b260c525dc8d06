// A line on standard error that shows how far a long simulation is; silent where that is no
// terminal.
#pragma once

#include <cstdint>
#include <string>

namespace reprise::apps {

class LabProgress {
 public:
  explicit LabProgress(std::string what);
  LabProgress(const LabProgress&) = delete;
  LabProgress& operator=(const LabProgress&) = delete;
  ~LabProgress();
  void show(std::uint64_t done, std::uint64_t of);

 private:
  std::string what_;
  int shown_percent_ = -1;
};

}  // namespace reprise::apps
