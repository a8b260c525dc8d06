#include "reprise/engine/counters.hpp"

#include <numeric>

namespace reprise::engine {

const char* name(IngressDrop reason) {
  switch (reason) {
    case IngressDrop::no_buffer: return "no_buffer";
    case IngressDrop::backlog_full: return "backlog_full";
    case IngressDrop::no_rule: return "no_rule";
    case IngressDrop::wrong_source: return "wrong_source";
    case IngressDrop::not_ip: return "not_ip";
    case IngressDrop::not_udp: return "not_udp";
    case IngressDrop::fragment: return "fragment";
    case IngressDrop::malformed: return "malformed";
    case IngressDrop::truncated: return "truncated";
    case IngressDrop::bad_checksum: return "bad_checksum";
    case IngressDrop::other_host: return "other_host";
    case IngressDrop::other_vlan: return "other_vlan";
    case IngressDrop::own: return "own";
    case IngressDrop::stopping: return "stopping";
  }
  return "?";
}

const char* name(EgressDrop reason) {
  switch (reason) {
    case EgressDrop::queue_full: return "queue_full";
    case EgressDrop::stopped: return "stopped";
    case EgressDrop::too_large: return "too_large";
    case EgressDrop::unreachable: return "unreachable";
    case EgressDrop::connection_refused: return "connection_refused";
    case EgressDrop::not_permitted: return "not_permitted";
    case EgressDrop::no_buffer: return "no_buffer";
    case EgressDrop::invalid: return "invalid";
    case EgressDrop::failed: return "failed";
  }
  return "?";
}

std::uint64_t IngressCounters::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

std::uint64_t OutputCounters::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

void OutputCounters::count_error(std::int32_t errno_value, std::uint64_t count) {
  for (ErrnoCount& error : errors) {
    if (error.count == 0) error.errno_value = errno_value;
    if (error.errno_value == errno_value) {
      error.count += count;
      return;
    }
  }
  errors.back().errno_value = 0;  // several kinds from here on
  errors.back().count += count;
}

IngressCounters& IngressCounters::operator+=(const IngressCounters& other) {
  received += other.received;
  received_bytes += other.received_bytes;
  accepted += other.accepted;
  for (std::size_t reason = 0; reason < dropped.size(); ++reason)
    dropped[reason] += other.dropped[reason];
  receives_exhausted += other.receives_exhausted;
  receives_failed += other.receives_failed;
  return *this;
}

OutputCounters& OutputCounters::operator+=(const OutputCounters& other) {
  assigned += other.assigned;
  sent += other.sent;
  sends += other.sends;
  sent_bytes += other.sent_bytes;
  refused += other.refused;
  unsegmented += other.unsegmented;
  for (std::size_t reason = 0; reason < dropped.size(); ++reason)
    dropped[reason] += other.dropped[reason];
  for (const ErrnoCount& error : other.errors) {
    if (error.count > 0) count_error(static_cast<std::int32_t>(error.errno_value), error.count);
  }
  return *this;
}

}  // namespace reprise::engine
