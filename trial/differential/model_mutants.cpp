#include "reprise/trial/differential/model_mutants.hpp"

#include <array>

namespace reprise::trial {
namespace {

using sim::KernelProfile;
using sim::TaskRun;

template <bool KernelProfile::* member>
void negate(KernelProfile& profile) {
  profile.*member = !(profile.*member);
}

void swap_task_run(KernelProfile& profile) {
  profile.task_run =
      profile.task_run == TaskRun::deferred ? TaskRun::cooperative : TaskRun::deferred;
}

constexpr std::array kMutants{
    ModelMutant{"task_run: deferred and cooperative swapped", swap_task_run},
    ModelMutant{"writable_percent: 100",
                [](KernelProfile& profile) { profile.writable_percent = 100; }},
    ModelMutant{"writable_percent: 25",
                [](KernelProfile& profile) { profile.writable_percent = 25; }},
    ModelMutant{"payload_max_bytes: 65000",
                [](KernelProfile& profile) { profile.payload_max_bytes = 65'000; }},
    ModelMutant{"segments_max: 32", [](KernelProfile& profile) { profile.segments_max = 32; }},
    ModelMutant{"retries_newest_first: false", negate<&KernelProfile::retries_newest_first>},
    ModelMutant{"room_returns_inside_submit: false",
                negate<&KernelProfile::room_returns_inside_submit>},
    ModelMutant{"chain_stops_at_failure: false", negate<&KernelProfile::chain_stops_at_failure>},
    ModelMutant{"queue_drop_is_told: false", negate<&KernelProfile::queue_drop_is_told>},
    ModelMutant{"carrier_loss_is_told: true", negate<&KernelProfile::carrier_loss_is_told>},
    ModelMutant{"down_is_told: false", negate<&KernelProfile::down_is_told>},
    ModelMutant{"address_loss_is_told: false", negate<&KernelProfile::address_loss_is_told>},
    ModelMutant{"fragments: false", negate<&KernelProfile::fragments>},
    ModelMutant{"refusal_is_consumed: false", negate<&KernelProfile::refusal_is_consumed>},
    ModelMutant{"failed_zero_copy_has_notice: false",
                negate<&KernelProfile::failed_zero_copy_has_notice>},
    ModelMutant{"too_many_fragments_fail: false", negate<&KernelProfile::too_many_fragments_fail>},
    ModelMutant{"keeps_overflow: false", negate<&KernelProfile::keeps_overflow>},
    ModelMutant{"malformed_ends_submit: false", negate<&KernelProfile::malformed_ends_submit>},
    ModelMutant{"chain_goes_on_behind_submit: false",
                negate<&KernelProfile::chain_goes_on_behind_submit>},
    ModelMutant{"receive_ends_with_last_region: false",
                negate<&KernelProfile::receive_ends_with_last_region>},
    ModelMutant{"cuts_long_frames: false", negate<&KernelProfile::cuts_long_frames>},
    ModelMutant{"receives_newest_first: false", negate<&KernelProfile::receives_newest_first>}};

}  // namespace

std::span<const ModelMutant> model_mutants() { return kMutants; }

}  // namespace reprise::trial
