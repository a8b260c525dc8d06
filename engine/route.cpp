#include "reprise/engine/route.hpp"

#include <bit>
#include <cstring>

namespace reprise::engine {

void RouteTable::place(FlatLayout& layout, std::uint32_t routes_max) {
  layout.place(routes_, routes_max);
  layout.place(buckets_, std::bit_ceil(routes_max * 2));
}

void RouteTable::start() {
  for (RouteIndex& head : buckets_.all()) head = kNoRoute;
  for (std::uint32_t index = routes_.size(); index-- > 0;) {
    routes_[index].next = first_free_;
    first_free_ = RouteIndex{index};
  }
}

std::uint32_t RouteTable::bucket(InputIndex input, const Address& destination,
                                 std::uint32_t port) const {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, destination.bytes.data(), 8);
  std::memcpy(&low, destination.bytes.data() + 8, 8);
  // Multiply and fold: every input bit reaches the low bits that choose the bucket.
  std::uint64_t hash =
      (high ^ (static_cast<std::uint64_t>(input) << 32)) * 0x9e37'79b9'7f4a'7c15ULL;
  hash = (hash ^ (hash >> 32) ^ low ^ port) * 0xd6e8'feb8'6659'fd93ULL;
  hash ^= hash >> 32;
  return static_cast<std::uint32_t>(hash) & (buckets_.size() - 1);
}

RouteIndex RouteTable::add(const RouteKey& key, OutputIndex first_output) {
  RouteIndex& head = buckets_[bucket(key.input, key.destination, key.port)];
  for (RouteIndex index = head; index != kNoRoute; index = at(index).next) {
    if (at(index).key == key) return kNoRoute;
  }
  if (first_free_ == kNoRoute) return kNoRoute;
  const RouteIndex added = first_free_;
  Route& route = at(added);
  first_free_ = route.next;
  route.key = key;
  route.first_output = first_output;
  route.state = State::active;
  route.next = head;
  head = added;
  ++version_;
  return added;
}

void RouteTable::remove(RouteIndex removed) {
  Route& route = at(removed);
  REPRISE_ASSERT(route.state == State::active);
  RouteIndex* link = &buckets_[bucket(route.key.input, route.key.destination, route.key.port)];
  while (*link != removed) link = &at(*link).next;
  *link = route.next;
  route.state = State::free;
  route.next = first_free_;
  first_free_ = removed;
  ++version_;
}

RouteMatch RouteTable::match(InputIndex input, const Datagram& datagram) const {
  RouteMatch best;
  for (RouteIndex index = buckets_[bucket(input, datagram.destination, datagram.destination_port)];
       index != kNoRoute; index = at(index).next) {
    const Route& route = at(index);
    if (route.key.input != input || route.key.port != datagram.destination_port ||
        route.key.destination != datagram.destination) {
      continue;
    }
    if (route.key.source == datagram.source) return {index, false};
    if (route.key.source.is_set()) {
      best.wrong_source = best.route == kNoRoute;
    } else {
      best = {index, false};
    }
  }
  return best;
}

}  // namespace reprise::engine
