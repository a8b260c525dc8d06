#include "reprise/engine/address.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace reprise::engine {
namespace {

Address read(std::string_view text) {
  const auto address = parse_address(text);
  EXPECT_TRUE(address) << (address ? "" : address.error().message);
  return address.value_or(Address{});
}

TEST(Address, ReadsIpv4IntoTheFirstFourBytes) {
  EXPECT_EQ(read("239.1.2.255"), Address::ipv4(239, 1, 2, 255));
  EXPECT_EQ(read("0.0.0.0"), Address::ipv4(0, 0, 0, 0));
  EXPECT_EQ(read("239.1.2.255").length_bytes(), 4U);
}

TEST(Address, ReadsIpv6) {
  Address expected;
  expected.family = Family::ipv6;
  expected.bytes = {0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34};
  EXPECT_EQ(read("ff3e::1234"), expected);
  EXPECT_EQ(read("FF3E:0:0:0:0:0:0:1234"), expected);
  EXPECT_EQ(read("0000:0000:0000:0000:0000:ffff:255.255.255.255"), read("::ffff:ffff:ffff"));
  EXPECT_EQ(read("ff3e::1234").length_bytes(), 16U);
}

TEST(Address, RefusesWhatIsNoNumericAddress) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text :
       {""sv,
        "*"sv,
        "239.1.1"sv,
        "239.1.1.1.1"sv,
        "239.1.1.256"sv,
        "239.1.1.-1"sv,
        "239.1.1.01"sv,
        "239.1.1.1 "sv,
        " 239.1.1.1"sv,
        "0xef.1.1.1"sv,
        "239.1.1.1\0"sv,
        "239.1.1.1\0.2"sv,
        "239.1.1.1:5000"sv,
        "localhost"sv,
        "ff3e:::1"sv,
        "ff3e::1::2"sv,
        "[ff3e::1]"sv,
        "fe80::1%eth0"sv,
        "1:2:3:4:5:6:7"sv,
        "1:2:3:4:5:6:7:8:9"sv,
        "12345::"sv,
        "::g"sv,
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"sv}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Address, RefusesATextOfAnyLengthThatIsNoAddress) {
  for (std::size_t length = 0; length < 100; ++length) {
    EXPECT_FALSE(parse_address(std::string(length, '1'))) << length;
  }
}

TEST(Address, NamesWhatItRefusesInOneLine) {
  EXPECT_EQ(parse_address("239.1.1\n").error().message,
            "address \"239.1.1\\x0a\": expected a numeric IPv4 or IPv6 address; write it like "
            "239.1.1.1 or ff3e::1");
}

TEST(Address, PrintsAsRfc5952Recommends) {
  for (const char* text : {"239.1.1.1", "0.0.0.0", "ff3e::1", "::", "::1", "2001:db8::1:0:0:1",
                           "2001:db8:0:1:1:1:1:1", "2001:db8::aaaa:0:0:1", "::ffff:192.0.2.1"}) {
    EXPECT_EQ(to_string(read(text)), text);
  }
  EXPECT_EQ(to_string(read("2001:0DB8:0:0:0:0:2:1")), "2001:db8::2:1");
}

TEST(Address, PrintsAnUnsetAddressAsAStar) { EXPECT_EQ(to_string(Address{}), "*"); }

TEST(Address, ReadsBackWhatItPrints) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Address address;
    address.family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
    for (std::size_t i = 0; i < address.length_bytes(); ++i) {
      // Many zeros, so that there is something to shorten.
      address.bytes[i] = random() % 2 == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(random());
    }
    ASSERT_EQ(read(to_string(address)), address) << to_string(address);
  }
}

TEST(Address, KnowsMulticast) {
  for (const char* text : {"224.0.0.0", "239.255.255.255", "ff00::", "ff3e::1", "ffff::"}) {
    EXPECT_TRUE(read(text).is_multicast()) << text;
  }
  for (const char* text :
       {"223.255.255.255", "240.0.0.0", "255.255.255.255", "feff::", "::", "::ffff:239.1.1.1"}) {
    EXPECT_FALSE(read(text).is_multicast()) << text;
  }
  EXPECT_FALSE(Address{}.is_multicast());
}

TEST(Address, TellsUnspecifiedFromUnset) {
  EXPECT_TRUE(read("0.0.0.0").is_unspecified());
  EXPECT_TRUE(read("::").is_unspecified());
  EXPECT_FALSE(read("0.0.0.1").is_unspecified());
  EXPECT_FALSE(read("::1").is_unspecified());
  EXPECT_FALSE(Address{}.is_unspecified());
  EXPECT_FALSE(Address{}.is_set());
}

TEST(Address, DiffersByFamilyAndScope) {
  EXPECT_NE(read("0.0.0.0"), read("::"));
  Address scoped = read("ff02::1");
  scoped.scope = 3;
  EXPECT_NE(scoped, read("ff02::1"));
}

}  // namespace
}  // namespace reprise::engine
