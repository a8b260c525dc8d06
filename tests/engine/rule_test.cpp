#include "reprise/engine/rule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

namespace reprise::engine {
namespace {

Rule rule(const char* name, const char* input, std::initializer_list<const char*> outputs) {
  Rule result{.name = name, .input = parse_endpoint(input).value(), .outputs = {}};
  for (const char* output : outputs) result.outputs.push_back(parse_endpoint(output).value());
  return result;
}

std::vector<std::string> findings(const std::vector<Rule>& rules) {
  std::vector<std::string> messages;
  for (const Error& error : check(rules)) messages.push_back(error.message);
  return messages;
}

using Messages = std::vector<std::string>;

TEST(Rule, FindsNothingInRulesThatCanRun) {
  EXPECT_EQ(findings({}), Messages{});
  EXPECT_EQ(findings({rule("fan-out", "239.1.1.1:5000%eth0",
                           {"239.2.1.1:5000%eth1", "239.2.1.2:5000%eth1", "192.0.2.9:5000"}),
                      rule("six", "[ff3e::1]:5000%eth0", {"[ff3e::1]:5000%eth1"})}),
            Messages{});
}

TEST(Rule, AllowsAOneArmedRewrite) {
  EXPECT_EQ(findings({rule("a", "239.1.1.1:5000%eth0", {"239.2.1.1:5000%eth0"})}), Messages{});
  EXPECT_EQ(findings({rule("a", "239.1.1.1:5000%eth0", {"239.1.1.1:5001%eth0"})}), Messages{});
}

TEST(Rule, AllowsTheSameGroupOnAnotherInterface) {
  EXPECT_EQ(findings({rule("a", "239.1.1.1:5000%eth0", {"239.1.1.1:5000%eth1"})}), Messages{});
}

TEST(Rule, AllowsOneGroupFromTwoSources) {
  EXPECT_EQ(findings({rule("a", "10.0.0.7@232.1.1.1:5000%eth0", {"239.1.1.1:5000%eth1"}),
                      rule("b", "10.0.0.8@232.1.1.1:5000%eth0", {"239.1.1.2:5000%eth1"})}),
            Messages{});
}

TEST(Rule, NeedsAnInputInterface) {
  EXPECT_EQ(findings({rule("cam1", "239.1.1.1:5000", {"239.2.1.1:5000%eth1"})}),
            Messages{"rule \"cam1\": input 239.1.1.1:5000 has no interface; expected the one that "
                     "the datagrams arrive on; write 239.1.1.1:5000%INTERFACE"});
}

TEST(Rule, NeedsAnInterfaceForAMulticastOutput) {
  EXPECT_EQ(findings({rule("cam1", "239.1.1.1:5000%eth0", {"192.0.2.9:5000", "239.2.1.1:5000"})}),
            Messages{"rule \"cam1\": output 239.2.1.1:5000 is multicast and has no interface; "
                     "expected the one to send on; write 239.2.1.1:5000%INTERFACE"});
}

TEST(Rule, NeedsAnOutput) {
  EXPECT_EQ(findings({rule("cam1", "239.1.1.1:5000%eth0", {})}),
            Messages{"rule \"cam1\": no output; expected at least one; add one, like "
                     "239.1.1.2:5000%eth1"});
}

TEST(Rule, RefusesTheSameInputTwice) {
  EXPECT_EQ(findings({rule("cam1", "239.1.1.1:5000%eth0", {"239.2.1.1:5000%eth1"}),
                      rule("other", "239.1.1.1:5000%eth1", {"239.2.1.1:5000%eth2"}),
                      rule("cam2", "239.1.1.1:5000%eth0", {"239.2.1.2:5000%eth1"})}),
            Messages{"rule \"cam2\": input 239.1.1.1:5000%eth0 is already the input of rule "
                     "\"cam1\"; expected every input once; give one rule the outputs of both"});
}

TEST(Rule, RefusesAnOutputWrittenTwiceOncePerOutput) {
  EXPECT_EQ(findings({rule("cam1", "239.1.1.1:5000%eth0",
                           {"239.2.1.1:5000%eth1", "239.2.1.2:5000%eth1", "239.2.1.1:5000%eth1",
                            "239.2.1.1:5000%eth1"})}),
            Messages{"rule \"cam1\": output 239.2.1.1:5000%eth1 is written more than once; "
                     "expected every output once; remove the others"});
}

TEST(Rule, RefusesAnOutputThatIsItsOwnInput) {
  EXPECT_EQ(findings({rule("a", "239.1.1.1:5000%eth0", {"239.1.1.1:5000%eth0"})}),
            Messages{"rule \"a\": output 239.1.1.1:5000%eth0 is the input of rule \"a\" and closes "
                     "a loop, rule \"a\" -> rule \"a\"; expected an output that no rule takes in; "
                     "change its group, port or interface"});
}

TEST(Rule, RefusesALoopThroughOtherRulesAtEachOfThem) {
  const Messages found =
      findings({rule("a", "239.1.1.1:5000%eth0", {"239.1.1.2:5000%eth1"}),
                rule("b", "239.1.1.2:5000%eth1", {"239.1.1.9:5000%eth1", "239.1.1.3:5000%eth0"}),
                rule("aside", "239.1.1.9:5000%eth1", {"239.2.1.1:5000%eth1"}),
                rule("c", "239.1.1.3:5000%eth0", {"239.1.1.4:5000%eth0"}),
                rule("d", "239.1.1.4:5000%eth0", {"239.1.1.1:5000%eth0"})});
  ASSERT_EQ(found.size(), 5U);
  EXPECT_NE(found[0].find("rule \"a\" -> rule \"b\" -> rule \"c\" -> rule \"d\" -> rule \"a\";"),
            std::string::npos)
      << found[0];
  EXPECT_TRUE(found[1].starts_with("rule \"b\": output 239.1.1.9:5000%eth1 ")) << found[1];
  EXPECT_NE(found[1].find("a loop within this host"), std::string::npos) << found[1];
  EXPECT_TRUE(found[2].starts_with("rule \"b\": output 239.1.1.3:5000%eth0 ")) << found[2];
  EXPECT_TRUE(found[3].starts_with("rule \"c\": output 239.1.1.4:5000%eth0 ")) << found[3];
  EXPECT_TRUE(found[4].starts_with("rule \"d\": output 239.1.1.1:5000%eth0 ")) << found[4];
}

TEST(Rule, RefusesAnOutputThatFeedsAnotherRuleWithoutComingBack) {
  EXPECT_EQ(findings({rule("a", "239.1.1.1:5000%eth0", {"239.1.1.2:5000%eth1"}),
                      rule("b", "239.1.1.2:5000%eth1", {"239.1.1.3:5000%eth2"})}),
            Messages{"rule \"a\": output 239.1.1.2:5000%eth1 is the input of rule \"b\", a loop "
                     "within this host; expected an output that no rule takes in; write the "
                     "outputs of rule \"b\" into this rule instead"});
}

TEST(Rule, TakesALoopForOneDespiteASourceFilter) {
  EXPECT_EQ(findings({rule("a", "10.0.0.7@232.1.1.1:5000%eth0", {"232.1.1.1:5000%eth0"})}).size(),
            1U);
  EXPECT_EQ(findings({rule("a", "232.1.1.1:5000%eth0", {"10.0.0.7@232.1.1.1:5000%eth0"})}).size(),
            1U);
}

TEST(Rule, TakesAUnicastOutputWithoutInterfaceToLeaveAnywhere) {
  EXPECT_EQ(findings({rule("a", "192.0.2.9:5000%eth0", {"192.0.2.9:5000"})}).size(), 1U);
  EXPECT_EQ(findings({rule("a", "192.0.2.9:5000%eth0", {"192.0.2.9:5000%eth1"})}).size(), 0U);
}

TEST(Rule, EndsOnALoopThatItsOwnRuleOnlyLeadsInto) {
  const Messages found = findings({rule("in", "239.1.1.1:5000%eth0", {"239.1.1.2:5000%eth0"}),
                                   rule("round", "239.1.1.2:5000%eth0", {"239.1.1.2:5000%eth0"})});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0].find("a loop within this host"), std::string::npos) << found[0];
  EXPECT_NE(found[1].find("closes a loop"), std::string::npos) << found[1];
}

TEST(Rule, ReturnsEveryFindingInRuleOrder) {
  const Messages found =
      findings({rule("a", "239.1.1.1:5000", {}),
                rule("b", "239.1.1.1:5000", {"239.2.1.1:5000", "239.2.1.1:5000"}),
                rule("", "239.3.1.1:5000%eth0", {})});
  const Messages expected_beginnings{
      "rule \"a\": input 239.1.1.1:5000 has no interface",
      "rule \"a\": no output",
      "rule \"b\": input 239.1.1.1:5000 has no interface",
      "rule \"b\": input 239.1.1.1:5000 is already the input of rule \"a\"",
      "rule \"b\": output 239.2.1.1:5000 is multicast",
      "rule \"b\": output 239.2.1.1:5000 is multicast",
      "rule \"b\": output 239.2.1.1:5000 is written more than once",
      "rule 3: no output",
  };
  ASSERT_EQ(found.size(), expected_beginnings.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(found[i].starts_with(expected_beginnings[i])) << found[i];
  }
}

TEST(Rule, KeepsEveryFindingOnOneLine) {
  const Messages found = findings({rule("two\nlines \"quoted\"", "239.1.1.1:5000%eth0", {})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("rule \"two\\x0alines \\x22quoted\\x22\": no output"))
      << found[0];
}

TEST(Rule, ChecksThousandsOfRulesWithoutComparingEachWithEach) {
  std::vector<Rule> rules;
  for (std::uint8_t high = 0; high < 40; ++high) {
    for (std::uint8_t low = 0; low < 250; ++low) {
      Rule next = rule("many", "239.1.1.1:5000%eth0", {"239.1.1.1:5000%eth1"});
      next.input.group = next.outputs[0].group = Address::ipv4(239, 1, high, low);
      rules.push_back(next);
    }
  }
  EXPECT_TRUE(check(rules).empty());
}

}  // namespace
}  // namespace reprise::engine
