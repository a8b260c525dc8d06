// What this relay promises beside the others, and whether a run shows it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "results.hpp"

namespace reprise::bench::peers {

struct Promise {
  enum class Verdict { held, missed, not_measured };
  std::string text;
  std::string measured = {};  ///< empty where it was not
  Verdict verdict = Verdict::not_measured;
};

std::vector<Promise> judge(const Results& results);

nlohmann::ordered_json to_json(const std::vector<Promise>& promises);
std::string to_text(const std::vector<Promise>& promises);

}  // namespace reprise::bench::peers
