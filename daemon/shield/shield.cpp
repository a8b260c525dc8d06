#include "reprise/daemon/shield/shield.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "reprise/daemon/shield/shield_program.hpp"
#include "reprise/posix/capability.hpp"
#include "reprise/posix/network_interface.hpp"

namespace reprise::daemon {
namespace {

using engine::Expected;

/// Almost the last, so that everybody else's filters see the traffic before it ends here.
constexpr std::uint16_t kFirstPriority = 65'000;
constexpr std::uint16_t kLastPriority = 65'015;
constexpr std::uint32_t kOwnersMax = 4096;
constexpr engine::Duration kPatience = engine::seconds(2);

/// A filter with the shield's mark.
struct OurFilter {
  FilterEntry filter;
  ShieldMark mark;
};

struct Hook {
  std::vector<OurFilter> ours;
  bool has_others = false;

  [[nodiscard]] bool was_made_by_a_relay() const {
    return std::ranges::any_of(ours, [](const OurFilter& our) { return our.mark.made_qdisc; });
  }
};

Expected<Hook> look(TrafficControl& control, int interface_index) {
  Hook hook;
  for (const Direction direction : {Direction::ingress, Direction::egress}) {
    auto filters = control.filters(interface_index, direction);
    if (!filters) return std::unexpected(filters.error());
    for (FilterEntry& filter : *filters) {
      const auto mark = shield_mark_of(filter.program);
      if (mark && direction == Direction::ingress) {
        hook.ours.push_back({std::move(filter), *mark});
      } else if (filter.handle != 0) {
        hook.has_others = true;
      }
    }
  }
  return hook;
}

Expected<NameLock> lock_changes(int interface_index) {
  return NameLock::take(fmt::format("reprise-shield/{}", interface_index), kPatience);
}

/// Held as long as a relay lives.
std::string owner_name(int interface_index, std::uint32_t owner) {
  return fmt::format("reprise-shield/{}/{}", interface_index, owner);
}

struct Removed {
  std::uint32_t filters = 0;
  bool was_on_a_relays_qdisc = false;
};

Expected<Removed> remove_filters_of(TrafficControl& control, int interface_index,
                                    std::uint32_t owner) {
  const auto hook = look(control, interface_index);
  if (!hook) return std::unexpected(hook.error());
  Removed removed;
  for (const OurFilter& our : hook->ours) {
    if (our.mark.owner != owner) continue;
    const auto done = control.remove_ingress_filter(interface_index, our.filter);
    if (!done) return std::unexpected(done.error());
    ++removed.filters;
    removed.was_on_a_relays_qdisc |= our.mark.made_qdisc;
  }
  return removed;
}

/// A queueing discipline that a relay made (S2). Under lock_changes().
Expected<void> remove_qdisc_if_unused(TrafficControl& control, int interface_index) {
  const auto hook = look(control, interface_index);
  if (!hook) return std::unexpected(hook.error());
  if (!hook->ours.empty() || hook->has_others) return {};
  return control.remove_clsact(interface_index);
}

/// Under lock_changes().
Expected<std::uint32_t> remove_filters_of_the_dead(TrafficControl& control, int interface_index) {
  const auto hook = look(control, interface_index);
  if (!hook) return std::unexpected(hook.error());
  std::vector<std::uint32_t> owners;
  for (const OurFilter& our : hook->ours) owners.push_back(our.mark.owner);
  std::ranges::sort(owners);
  const auto repeated = std::ranges::unique(owners);
  owners.erase(repeated.begin(), repeated.end());
  std::uint32_t removed = 0;
  for (const std::uint32_t owner : owners) {
    const auto dead = NameLock::try_take(owner_name(interface_index, owner));
    if (!dead) return std::unexpected(dead.error());
    if (!*dead) continue;
    const auto filters = remove_filters_of(control, interface_index, owner);
    if (!filters) return std::unexpected(filters.error());
    removed += filters->filters;
    if (!filters->was_on_a_relays_qdisc) continue;
    if (const auto done = remove_qdisc_if_unused(control, interface_index); !done)
      return std::unexpected(done.error());
  }
  return removed;
}

struct Owner {
  std::uint32_t number = 0;
  NameLock alive;
};

/// The lowest number that no living relay has on the interface. Under lock_changes().
Expected<Owner> become_owner(int interface_index) {
  for (std::uint32_t number = 1; number <= kOwnersMax; ++number) {
    auto alive = NameLock::try_take(owner_name(interface_index, number));
    if (!alive) return std::unexpected(alive.error());
    if (*alive) return Owner{number, **std::move(alive)};
  }
  return engine::failure(fmt::format("{} relays shield it already; see: ss -xap", kOwnersMax));
}

Expected<void> add_programs(TrafficControl& control, int interface_index,
                            std::span<const std::vector<sock_filter>> programs) {
  std::uint16_t priority = kFirstPriority;
  for (const std::vector<sock_filter>& program : programs) {
    auto added = control.add_ingress_filter(interface_index, priority, program);
    // Somebody else's filters of another kind may have the priority.
    while (!added && added.error().errno_value == EINVAL && priority < kLastPriority)
      added = control.add_ingress_filter(interface_index, ++priority, program);
    if (!added) return added;
  }
  return {};
}

std::unexpected<engine::Error> cannot(const std::string& interface, std::string_view what,
                                      const engine::Error& error, std::string_view next_step) {
  return engine::failure(fmt::format("{}: {}: {}; {}", interface, what, error.message, next_step),
                         error.errno_value);
}

std::unexpected<engine::Error> cannot_shield(const std::string& interface,
                                             const engine::Error& error) {
  // ENOENT is what a kernel says to a kind that it does not have, EOPNOTSUPP one without any.
  const bool lacks_parts = error.errno_value == ENOENT || error.errno_value == EOPNOTSUPP;
  return cannot(interface, "--shield is not possible", error,
                lacks_parts
                    ? "it takes a kernel with sch_ingress and cls_bpf, and an ingress of "
                      "the interface's own; leave --shield out"
                    : "leave --shield out, or see: tc filter show dev " + interface + " ingress");
}

}  // namespace

Expected<Shield> Shield::attach(const std::string& interface,
                                std::span<const engine::WantedTraffic> wanted) {
  const auto found = posix::find_network_interface(interface);
  if (!found) return std::unexpected(found.error());
  if (auto allowed =
          posix::require_capability(posix::Capability::net_admin, "--shield on " + interface);
      !allowed) {
    return std::unexpected(allowed.error());
  }
  auto control = TrafficControl::open();
  if (!control) return cannot_shield(interface, control.error());
  const auto changes = lock_changes(found->index);
  if (!changes) return cannot_shield(interface, changes.error());
  if (const auto removed = remove_filters_of_the_dead(*control, found->index); !removed)
    return cannot_shield(interface, removed.error());
  auto owner = become_owner(found->index);
  if (!owner) return cannot_shield(interface, owner.error());
  Shield shield(*std::move(control), found->index, std::move(owner->alive), owner->number);
  const auto added = shield.add_filters(wanted);
  if (added) return shield;
  shield.owner_ = 0;  // nothing is left to be removed
  return cannot_shield(interface, added.error());
}

Expected<std::uint32_t> Shield::remove_stale(const std::string& interface) {
  const auto found = posix::find_network_interface(interface);
  if (!found) return std::unexpected(found.error());
  auto control = TrafficControl::open();
  if (!control) return 0;  // a sandbox without netlink: what cannot be seen cannot be removed
  const auto hook = look(*control, found->index);
  if (!hook || hook->ours.empty()) return 0;
  const auto changes = lock_changes(found->index);
  if (!changes) return std::unexpected(changes.error());
  const auto removed = remove_filters_of_the_dead(*control, found->index);
  if (removed) return *removed;
  return cannot(interface, "a relay that was killed has left its shield, which cannot be removed",
                removed.error(),
                fmt::format("as root: tc filter del dev {} ingress pref {}", interface,
                            hook->ours.front().filter.priority));
}

Shield::Shield(TrafficControl control, int interface_index, NameLock alive, std::uint32_t owner)
    : control_(std::move(control)),
      interface_index_(interface_index),
      alive_(std::move(alive)),
      owner_(owner) {}

Shield::Shield(Shield&& other) noexcept
    : control_(std::move(other.control_)),
      interface_index_(other.interface_index_),
      alive_(std::move(other.alive_)),
      owner_(std::exchange(other.owner_, 0)) {}

Shield::~Shield() {
  if (owner_ == 0) return;
  const auto changes = lock_changes(interface_index_);
  const auto removed = remove_filters_of(control_, interface_index_, owner_);
  // Without the lock another relay might be about to use it: then it stays.
  if (changes && removed && removed->was_on_a_relays_qdisc)
    static_cast<void>(remove_qdisc_if_unused(control_, interface_index_));
}

/// All or, after an error, nothing. Under lock_changes().
Expected<void> Shield::add_filters(std::span<const engine::WantedTraffic> wanted) {
  const auto hook = look(control_, interface_index_);
  if (!hook) return std::unexpected(hook.error());
  const auto made = control_.add_clsact(interface_index_);
  if (!made) return std::unexpected(made.error());
  const ShieldMark mark{owner_, *made || hook->was_made_by_a_relay()};
  auto added = add_programs(control_, interface_index_, make_shield_programs(wanted, mark));
  if (added) return {};
  static_cast<void>(remove_filters_of(control_, interface_index_, owner_));
  if (*made) static_cast<void>(remove_qdisc_if_unused(control_, interface_index_));
  return added;
}

}  // namespace reprise::daemon
