#include "reprise/sim/kernel_profile.hpp"

namespace reprise::sim {

std::vector<engine::Error> check(const KernelProfile& profile) {
  std::vector<engine::Error> errors;
  const auto need = [&errors](bool holds, const char* text) {
    if (!holds) errors.push_back({text});
  };
  need(profile.writable_percent >= 1 && profile.writable_percent <= 100,
       "writable_percent: expected 1 to 100");
  need(profile.payload_max_bytes >= 16 && profile.payload_max_bytes <= 65'507,
       "payload_max_bytes: expected 16 to 65507");
  need(profile.segments_max >= 1 && profile.segments_max <= 128, "segments_max: expected 1 to 128");
  need(profile.chain_pauses_per_million <= 1'000'000,
       "chain_pauses_per_million: expected 0 to 1000000");
  return errors;
}

}  // namespace reprise::sim
