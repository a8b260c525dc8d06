// What an operator writes for one side of a rule: [SOURCE@]GROUP:PORT[%INTERFACE], IPv6 in
// brackets.
//
//   239.1.1.1:5000%eth0            [ff3e::1]:5000%eth0
//   10.0.0.7@232.1.1.1:5000%eth0   192.0.2.9:5000           (unicast)
//
// Around an IPv6 source the brackets may be left out, because "@" ends it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"

namespace reprise::engine {

struct Endpoint {
  Address source;          ///< unset: any source
  Address group;           ///< the destination: a multicast group or a unicast address; always set
  std::uint16_t port = 0;  ///< host byte order, 1…65535
  std::string interface;   ///< empty where none was written

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// The same text that parse_endpoint reads.
std::string to_string(const Endpoint& endpoint);

/// Reads an endpoint. The error names the text, the part that is wrong and what was expected: a bad
/// address, an unspecified one (0.0.0.0, ::), port 0 or above 65535, an interface name that the
/// kernel would not take (empty, above 15 bytes, with "/", ":" or blanks), a source of another
/// family or a multicast source, an IPv6 group without brackets.
Expected<Endpoint> parse_endpoint(std::string_view text);

}  // namespace reprise::engine
