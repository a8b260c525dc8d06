#include "reprise/sim/choices.hpp"

#include "reprise/engine/assert.hpp"

namespace reprise::sim {

const char* name(Site site) {
  switch (site) {
    case Site::tie: return "tie";
    case Site::schedule: return "schedule";
    case Site::interarrival: return "interarrival";
    case Site::send_error: return "send_error";
    case Site::chain_pause: return "chain_pause";
    case Site::arrivals: return "arrivals";
    case Site::service: return "service";
    case Site::worker: return "worker";
    case Site::cancel: return "cancel";
    case Site::fault_plan: return "fault_plan";
    case Site::send_refused: return "send_refused";
    case Site::send_no_memory: return "send_no_memory";
    case Site::queue_drop: return "queue_drop";
    case Site::wire_loss: return "wire_loss";
    case Site::duplicate: return "duplicate";
    case Site::reorder: return "reorder";
    case Site::receive_end: return "receive_end";
    case Site::port_refused: return "port_refused";
    case Site::setup_failure: return "setup_failure";
    case Site::receive_burst: return "receive_burst";
    case Site::carrier_loss: return "carrier_loss";
    case Site::down: return "down";
    case Site::address_loss: return "address_loss";
    case Site::small_mtu: return "small_mtu";
    case Site::starvation: return "starvation";
    case Site::departure: return "departure";
    case Site::woken_while_arming: return "woken_while_arming";
    case Site::on_off: return "on_off";
  }
  return "?";
}

std::optional<Site> site_named(std::string_view text) {
  for (std::size_t index = 0; index < kSiteCount; ++index) {
    const auto site = static_cast<Site>(index);
    if (text == name(site)) return site;
  }
  return std::nullopt;
}

std::uint32_t Choices::pick(Site site, std::uint32_t count) {
  REPRISE_ASSERT(count > 0);
  if (count == 1) return 0;
  const std::uint32_t picked = choose(site, count);
  REPRISE_ASSERT(picked < count);
  return picked;
}

std::uint32_t Listed::choose(Site, std::uint32_t count) {
  return position_ < picks_.size() ? picks_[position_++] % count : 0;
}

std::uint32_t ListedBySite::choose(Site site, std::uint32_t count) {
  const auto index = static_cast<std::size_t>(site);
  const std::size_t place = asked_[index]++;
  return place < picks_[index].size() ? picks_[index][place] % count : 0;
}

Hashed::Hashed(std::uint64_t seed) {
  for (std::size_t index = 0; index < kSiteCount; ++index) keys_[index] = mix(mix(seed) ^ index);
}

std::uint32_t Hashed::choose(Site site, std::uint32_t count) {
  const auto index = static_cast<std::size_t>(site);
  const std::uint64_t hash = mix(keys_[index] ^ asked_[index]++);
  // The high half of a 32 × 32 bit product: uniform up to 2^-32.
  return static_cast<std::uint32_t>(((hash >> 32) * count) >> 32);
}

std::uint32_t Recorded::choose(Site site, std::uint32_t count) {
  const std::uint32_t picked = source_->pick(site, count);
  picks_.push_back(picked);
  return picked;
}

}  // namespace reprise::sim
