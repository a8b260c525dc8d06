#include "reprise/engine/endpoint.hpp"

#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "reprise/engine/quoted.hpp"

namespace reprise::engine {
namespace {

constexpr std::size_t kInterfaceNameBytesMax = IFNAMSIZ - 1;

/// The parts of an endpoint as they were written. What was not written is not there; what was
/// written empty is.
struct Parts {
  std::optional<std::string_view> source;
  std::string_view group;
  bool group_in_brackets = false;
  std::optional<std::string_view> port;
  std::optional<std::string_view> interface;
};

std::unexpected<Error> refused(std::string_view text, const std::string& finding) {
  return failure("endpoint " + quoted(text) + ": " + finding +
                 "; write [SOURCE@]GROUP:PORT[%INTERFACE], like 239.1.1.1:5000%eth0 or "
                 "[ff3e::1]:5000%eth0");
}

/// Cuts off and returns what stands before the first `separator`; nothing where there is none.
std::optional<std::string_view> take_until(std::string_view& rest, char separator) {
  const std::size_t position = rest.find(separator);
  if (position == std::string_view::npos) return std::nullopt;
  const std::string_view before = rest.substr(0, position);
  rest.remove_prefix(position + 1);
  return before;
}

Expected<Parts> split(std::string_view text) {
  Parts parts;
  std::string_view rest = text;
  // The interface goes first: its name may hold "@" and brackets.
  if (const auto before = take_until(rest, '%')) {
    parts.interface = rest;
    rest = *before;
  }
  parts.source = take_until(rest, '@');
  if (rest.starts_with('[')) {
    rest.remove_prefix(1);
    const auto inside = take_until(rest, ']');
    if (!inside) {
      return refused(text, "\"[\" without \"]\"; expected brackets around the address alone");
    }
    parts.group = *inside;
    parts.group_in_brackets = true;
    if (rest.starts_with(':')) {
      parts.port = rest.substr(1);
    } else if (!rest.empty()) {
      return refused(text, quoted(rest) + " after \"]\"; expected \":\" and a port");
    }
    return parts;
  }
  if (std::ranges::count(rest, ':') > 1) {
    return refused(text, quoted(rest) + " has several \":\"; expected an IPv6 address in brackets");
  }
  const std::size_t colon = rest.find(':');
  parts.group = rest.substr(0, colon);
  if (colon != std::string_view::npos) parts.port = rest.substr(colon + 1);
  return parts;
}

Expected<Address> read_group(std::string_view text, const Parts& parts) {
  const auto group = parse_address(parts.group);
  if (!group) {
    return refused(text, "group " + quoted(parts.group) + "; expected a numeric IP address");
  }
  if (parts.group_in_brackets && group->family == Family::ipv4) {
    return refused(text, "group " + quoted(parts.group) + " is IPv4; expected no brackets");
  }
  if (group->is_unspecified()) {
    return refused(text, "group " + quoted(parts.group) +
                             "; expected a multicast group or the address of one host");
  }
  return *group;
}

Expected<Address> read_source(std::string_view text, std::string_view written,
                              const Address& group) {
  std::string_view digits = written;
  const bool in_brackets = digits.starts_with('[') && digits.ends_with(']');
  if (in_brackets) digits = digits.substr(1, digits.size() - 2);
  const auto source = parse_address(digits);
  if (!source || (in_brackets && source->family == Family::ipv4)) {
    return refused(text, "source " + quoted(written) + "; expected a numeric IP address");
  }
  if (source->family != group.family) {
    return refused(
        text, "source " + quoted(written) + "; expected the family of group " + to_string(group));
  }
  if (source->is_multicast() || source->is_unspecified()) {
    return refused(text,
                   "source " + quoted(written) + "; expected the address of one host, or none");
  }
  return *source;
}

Expected<std::uint16_t> read_port(std::string_view text,
                                  const std::optional<std::string_view>& written) {
  if (!written) return refused(text, "no port; expected \":\" and 1 to 65535 after the group");
  std::uint16_t port = 0;
  const char* const end = written->data() + written->size();
  const auto [stopped_at, error] = std::from_chars(written->data(), end, port);
  if (error != std::errc{} || stopped_at != end || port == 0) {
    return refused(text, "port " + quoted(*written) + "; expected 1 to 65535");
  }
  return port;
}

/// What the kernel takes for a name (dev_valid_name in net/core/dev.c).
bool is_interface_name(std::string_view name) {
  constexpr std::string_view kForbidden("/: \t\n\v\f\r\0", 9);
  return !name.empty() && name.size() <= kInterfaceNameBytesMax && name != "." && name != ".." &&
         name.find_first_of(kForbidden) == std::string_view::npos;
}

std::string in_brackets_where_needed(const Address& address) {
  return address.family == Family::ipv6 ? "[" + to_string(address) + "]" : to_string(address);
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  std::string text;
  if (endpoint.source.is_set()) text += in_brackets_where_needed(endpoint.source) + "@";
  text += in_brackets_where_needed(endpoint.group) + ":" + std::to_string(endpoint.port);
  if (!endpoint.interface.empty()) text += "%" + endpoint.interface;
  return text;
}

Expected<Endpoint> parse_endpoint(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::unexpected(parts.error());
  Endpoint endpoint;

  const auto group = read_group(text, *parts);
  if (!group) return std::unexpected(group.error());
  endpoint.group = *group;

  if (parts->source) {
    const auto source = read_source(text, *parts->source, *group);
    if (!source) return std::unexpected(source.error());
    endpoint.source = *source;
  }

  const auto port = read_port(text, parts->port);
  if (!port) return std::unexpected(port.error());
  endpoint.port = *port;

  if (parts->interface) {
    if (!is_interface_name(*parts->interface)) {
      return refused(text, "interface " + quoted(*parts->interface) + "; expected a name of 1 to " +
                               std::to_string(kInterfaceNameBytesMax) +
                               " bytes without \"/\", \":\" and blanks");
    }
    endpoint.interface = *parts->interface;
  }
  return endpoint;
}

}  // namespace reprise::engine
