#include "reprise/lab/kernel_keys.hpp"

namespace reprise::lab {
namespace {

using sim::KernelProfile;

Key<KernelProfile> number(std::string_view name, std::string_view unit, Range range,
                          std::uint32_t KernelProfile::* member) {
  return integer<KernelProfile>(
      name, unit, range,
      [member](KernelProfile& profile) -> std::uint32_t& { return profile.*member; });
}

Key<KernelProfile> flag(std::string_view name, bool KernelProfile::* member) {
  return boolean<KernelProfile>(
      name, [member](KernelProfile& profile) -> bool& { return profile.*member; });
}

Key<KernelProfile> task_run() {
  return word<KernelProfile, sim::TaskRun>(
      "task_run", sim::kTaskRunNames,
      [](KernelProfile& profile) -> sim::TaskRun& { return profile.task_run; });
}

}  // namespace

const std::vector<Key<KernelProfile>>& kernel_keys() {
  using P = KernelProfile;
  static const std::vector<Key<P>> keys{
      task_run(),
      number("writable_percent", "percent", {1, 100}, &P::writable_percent),
      number("payload_max_bytes", "bytes", {16, 65'507}, &P::payload_max_bytes),
      number("segments_max", "segments", {1, 128}, &P::segments_max),
      number("chain_pauses_per_million", "", kPerMillion, &P::chain_pauses_per_million),
      flag("retries_newest_first", &P::retries_newest_first),
      flag("room_returns_inside_submit", &P::room_returns_inside_submit),
      flag("chain_stops_at_failure", &P::chain_stops_at_failure),
      flag("queue_drop_is_told", &P::queue_drop_is_told),
      flag("carrier_loss_is_told", &P::carrier_loss_is_told),
      flag("down_is_told", &P::down_is_told),
      flag("address_loss_is_told", &P::address_loss_is_told),
      flag("fragments", &P::fragments),
      flag("refusal_is_consumed", &P::refusal_is_consumed),
      flag("failed_zero_copy_has_notice", &P::failed_zero_copy_has_notice),
      flag("too_many_fragments_fail", &P::too_many_fragments_fail),
      flag("keeps_overflow", &P::keeps_overflow),
      flag("malformed_ends_submit", &P::malformed_ends_submit),
      flag("chain_goes_on_behind_submit", &P::chain_goes_on_behind_submit),
      flag("receive_ends_with_last_region", &P::receive_ends_with_last_region),
      flag("cuts_long_frames", &P::cuts_long_frames),
      flag("receives_newest_first", &P::receives_newest_first),
      flag("blocks_in_order", &P::blocks_in_order),
      flag("hands_over_empty_blocks", &P::hands_over_empty_blocks),
      flag("block_timer_restarts", &P::block_timer_restarts)};
  return keys;
}

}  // namespace reprise::lab
