// Routes: what rules became once their interfaces and sockets were found. Looked up once per
// datagram.
//
// A route is keyed by input, destination and port; several may share a key with different sources.
// An exact source wins over "any source". Look-up costs one hash and a short chain, whatever the
// number of routes.
#pragma once

#include <cstdint>

#include "reprise/engine/address.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::engine {

enum class InputIndex : std::uint32_t {};
enum class RouteIndex : std::uint32_t {};
enum class OutputIndex : std::uint32_t {};
inline constexpr RouteIndex kNoRoute{0xffff'ffff};
inline constexpr OutputIndex kNoOutput{0xffff'ffff};

/// What a rule's input resolves to.
struct RouteKey {
  Address source;  ///< unset: any
  Address destination;
  InputIndex input{};
  std::uint32_t port = 0;
  friend bool operator==(const RouteKey&, const RouteKey&) = default;
};

struct RouteMatch {
  RouteIndex route = kNoRoute;
  bool wrong_source = false;  ///< no route, but one wants this destination from another source
};

class RouteTable {
 public:
  void place(FlatLayout& layout, std::uint32_t routes_max);
  void start();

  /// kNoRoute when the table is full or holds the key already.
  RouteIndex add(const RouteKey& key, OutputIndex first_output);
  /// No datagram matches it any more; its slot may be used again.
  void remove(RouteIndex route);

  [[nodiscard]] RouteMatch match(InputIndex input, const Datagram& datagram) const;
  /// Changes whenever what match() returns may have.
  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] OutputIndex first_output(RouteIndex route) const { return at(route).first_output; }
  void set_first_output(RouteIndex route, OutputIndex first) {
    at(route).first_output = first;
    ++version_;
  }
  [[nodiscard]] bool is_active(RouteIndex route) const {
    return static_cast<std::uint32_t>(route) < routes_.size() && at(route).state == State::active;
  }
  [[nodiscard]] const RouteKey& key(RouteIndex route) const { return at(route).key; }

 private:
  enum class State : std::uint32_t { free, active };
  struct Route {
    RouteKey key;
    OutputIndex first_output = kNoOutput;
    RouteIndex next = kNoRoute;  ///< in the bucket, or in the free list
    State state = State::free;
    std::uint32_t reserved = 0;
  };
  [[nodiscard]] Route& at(RouteIndex route) { return routes_[static_cast<std::uint32_t>(route)]; }
  [[nodiscard]] const Route& at(RouteIndex route) const {
    return routes_[static_cast<std::uint32_t>(route)];
  }
  [[nodiscard]] std::uint32_t bucket(InputIndex input, const Address& destination,
                                     std::uint32_t port) const;

  FlatArray<Route> routes_;
  FlatArray<RouteIndex> buckets_;  ///< a power of two of them
  RouteIndex first_free_ = kNoRoute;
  std::uint32_t version_ = 1;
};

}  // namespace reprise::engine
