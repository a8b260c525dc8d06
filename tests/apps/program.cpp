#include "program.hpp"

#include <algorithm>

#include "reprise/traffic/child.hpp"

namespace reprise::tests {
namespace {

using traffic::Child;
using traffic::ChildContext;
using traffic::ChildEnd;

constexpr engine::Duration kLongest = engine::seconds(30);

ProgramEnd run_here(const std::vector<std::string>& arguments) {
  auto child = Child::start_program({.name = arguments[0]}, arguments);
  if (!child) return {-1, "", child.error().message};
  const ChildEnd* end = child->wait(kLongest);
  if (end == nullptr) return {-1, "", "still running after half a minute"};
  return {end->signal == 0 ? end->exit_status : -1, end->report, end->notes};
}

/// A process of its own takes the restriction, because nothing gives back what it took.
ProgramEnd run_restricted(const std::vector<std::string>& arguments,
                          const Restriction& restriction) {
  auto child = Child::start({.name = "restricted"}, [&](const ChildContext& context) {
    restriction();
    const ProgramEnd end = run_here(arguments);
    context.report(nlohmann::json{end.exit_status, end.output, end.errors}.dump());
    return 0;
  });
  if (!child) return {-1, "", child.error().message};
  const ChildEnd* end = child->wait(kLongest + engine::seconds(1));
  if (end == nullptr || !end->succeeded()) return {-1, "", "the restricted process failed"};
  const auto report = nlohmann::json::parse(end->report);
  return {report[0], report[1], report[2]};
}

}  // namespace

ProgramEnd run_program(std::vector<std::string> arguments, const Restriction& restriction) {
  if (arguments[0].find('/') == std::string::npos)
    arguments[0] = std::string(REPRISE_PROGRAM_FOLDER "/") + arguments[0];
  return restriction ? run_restricted(arguments, restriction) : run_here(arguments);
}

void expect_refused(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& words, const Restriction& restriction) {
  std::string call;
  for (const std::string& argument : arguments) call += argument + " ";
  SCOPED_TRACE(call);
  const ProgramEnd end = run_program(arguments, restriction);
  EXPECT_EQ(end.exit_status, 2) << end.errors;
  EXPECT_EQ(end.output, "");
  EXPECT_EQ(std::ranges::count(end.errors, '\n'), 1) << end.errors;
  EXPECT_TRUE(end.errors.starts_with(arguments[0] + ": ")) << end.errors;
  EXPECT_TRUE(end.errors.ends_with('\n')) << end.errors;
  for (const std::string& word : words)
    EXPECT_NE(end.errors.find(word), std::string::npos) << word << " is not in: " << end.errors;
}

nlohmann::ordered_json only_object(const ProgramEnd& end) {
  EXPECT_EQ(std::ranges::count(end.output, '\n'), 1) << end.output;
  EXPECT_TRUE(end.output.ends_with('\n')) << end.output;
  auto object = nlohmann::ordered_json::parse(end.output, nullptr, false);
  EXPECT_TRUE(object.is_object()) << end.output << end.errors;
  return object;
}

}  // namespace reprise::tests
