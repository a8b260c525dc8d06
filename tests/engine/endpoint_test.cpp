#include "reprise/engine/endpoint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

namespace reprise::engine {
namespace {

Endpoint read(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  EXPECT_TRUE(endpoint) << (endpoint ? "" : endpoint.error().message);
  return endpoint.value_or(Endpoint{});
}

/// The finding of the error alone, without the endpoint before it and the help after it.
std::string finding(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  if (endpoint) return "accepted";
  const std::string& message = endpoint.error().message;
  const std::size_t begin = message.find("\": ") + 3;
  return message.substr(begin, message.find("; write ") - begin);
}

TEST(Endpoint, ReadsAllFourParts) {
  const Endpoint endpoint = read("10.0.0.7@232.1.1.1:5000%eth0");
  EXPECT_EQ(endpoint.source, Address::ipv4(10, 0, 0, 7));
  EXPECT_EQ(endpoint.group, Address::ipv4(232, 1, 1, 1));
  EXPECT_EQ(endpoint.port, 5000);
  EXPECT_EQ(endpoint.interface, "eth0");
}

TEST(Endpoint, NeedsNeitherSourceNorInterface) {
  const Endpoint endpoint = read("192.0.2.9:65535");
  EXPECT_FALSE(endpoint.source.is_set());
  EXPECT_EQ(endpoint.port, 65535);
  EXPECT_EQ(endpoint.interface, "");
}

TEST(Endpoint, PrintsTheTextThatItReads) {
  for (const char* text :
       {"239.1.1.1:5000%eth0", "[ff3e::1]:5000%eth0", "10.0.0.7@232.1.1.1:5000%eth0",
        "192.0.2.9:5000", "[fd00::7]@[ff3e::1]:1%a", "[2001:db8::9]:65535",
        "239.1.1.1:5000%fifteen-bytes-1", "239.1.1.1:5000%eth0.100", "239.1.1.1:5000%a@b[c]%d"}) {
    EXPECT_EQ(to_string(read(text)), text);
  }
}

TEST(Endpoint, TakesAnIpv6SourceWithoutBrackets) {
  EXPECT_EQ(read("fd00::7@[ff3e::1]:5000"), read("[fd00::7]@[ff3e::1]:5000"));
}

TEST(Endpoint, RefusesABadGroup) {
  EXPECT_EQ(finding("239.1.1:5000"), "group \"239.1.1\"; expected a numeric IP address");
  EXPECT_EQ(finding(":5000"), "group \"\"; expected a numeric IP address");
  EXPECT_EQ(finding("[]:5000"), "group \"\"; expected a numeric IP address");
  EXPECT_EQ(finding("example.org:5000"), "group \"example.org\"; expected a numeric IP address");
  EXPECT_EQ(finding("0.0.0.0:5000"),
            "group \"0.0.0.0\"; expected a multicast group or the address of one host");
  EXPECT_EQ(finding("[::]:5000"),
            "group \"::\"; expected a multicast group or the address of one host");
}

TEST(Endpoint, RefusesIpv6WithoutBracketsAndIpv4InBrackets) {
  EXPECT_EQ(finding("ff3e::1:5000%eth0"),
            "\"ff3e::1:5000\" has several \":\"; expected an IPv6 address in brackets");
  EXPECT_EQ(finding("[239.1.1.1]:5000"), "group \"239.1.1.1\" is IPv4; expected no brackets");
  EXPECT_EQ(finding("[ff3e::1:5000"),
            "\"[\" without \"]\"; expected brackets around the address alone");
  EXPECT_EQ(finding("[fe80::1%eth0]:5000"),
            "\"[\" without \"]\"; expected brackets around the address alone");
  EXPECT_EQ(finding("[ff3e::1]5000"), "\"5000\" after \"]\"; expected \":\" and a port");
}

TEST(Endpoint, RefusesABadPort) {
  for (const char* port : {"0", "00", "65536", "99999999999999999999", "-1", "+1", "5000 ", " 1",
                           "0x10", "", "http"}) {
    EXPECT_EQ(finding(std::string("239.1.1.1:") + port + "%eth0"),
              std::string("port \"") + port + "\"; expected 1 to 65535");
  }
  EXPECT_EQ(finding("239.1.1.1"), "no port; expected \":\" and 1 to 65535 after the group");
  EXPECT_EQ(finding("[ff3e::1]%eth0"), "no port; expected \":\" and 1 to 65535 after the group");
}

TEST(Endpoint, RefusesANameThatNoInterfaceCanHave) {
  for (const char* name : {"", "sixteen-bytes-16", ".", "..", "a/b", "a:b", "a b", "a\tb"}) {
    EXPECT_TRUE(finding(std::string("239.1.1.1:5000%") + name).starts_with("interface \"")) << name;
  }
  EXPECT_TRUE(finding(std::string_view("239.1.1.1:5000%a\0", 17)).starts_with("interface \""));
}

TEST(Endpoint, RefusesABadSource) {
  EXPECT_EQ(finding("fd00::7@232.1.1.1:5000"),
            "source \"fd00::7\"; expected the family of group 232.1.1.1");
  EXPECT_EQ(finding("10.0.0.7@[ff3e::1]:5000"),
            "source \"10.0.0.7\"; expected the family of group ff3e::1");
  for (const char* source : {"239.1.1.2", "0.0.0.0"}) {
    EXPECT_EQ(finding(std::string(source) + "@232.1.1.1:5000"),
              std::string("source \"") + source + "\"; expected the address of one host, or none");
  }
  for (const char* source : {"", "10.0.0", "[10.0.0.7]", "*", "["}) {
    EXPECT_EQ(finding(std::string(source) + "@232.1.1.1:5000"),
              std::string("source \"") + source + "\"; expected a numeric IP address");
  }
}

TEST(Endpoint, NamesTheEndpointAndTheNextStepInOneLine) {
  EXPECT_EQ(parse_endpoint("239.1.1.1:0%\neth0").error().message,
            "endpoint \"239.1.1.1:0%\\x0aeth0\": port \"0\"; expected 1 to 65535; write "
            "[SOURCE@]GROUP:PORT[%INTERFACE], like 239.1.1.1:5000%eth0 or [ff3e::1]:5000%eth0");
}

TEST(Endpoint, ReadsBackWhateverItAccepts) {
  std::mt19937 random(11);
  constexpr std::string_view kAlphabet = "[]@:%./129f0 e";
  const std::string right = "10.0.0.7@[ff3e::1]:5000%eth0";
  int accepted = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text = round % 2 == 0 ? right.substr(random() % 10) : "239.1.1.1:5000%eth0";
    for (int change = 0; change < 2; ++change) {
      text[random() % text.size()] = kAlphabet[random() % kAlphabet.size()];
    }
    const auto endpoint = parse_endpoint(text);
    if (endpoint) {
      ++accepted;
      ASSERT_EQ(read(to_string(*endpoint)), *endpoint) << text;
    } else {
      ASSERT_EQ(std::ranges::count(endpoint.error().message, '\n'), 0) << text;
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace reprise::engine
