#include "relay_program.hpp"

#include <gtest/gtest.h>

#include "host_row.hpp"

namespace reprise::tests {
namespace {

traffic::Child start(const traffic::Namespace& host, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{REPRISE_PROGRAM_FOLDER "/reprise", "run", "--json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return value_of(traffic::Child::start_program({.name = "relay", .where = &host}, command));
}

}  // namespace

RelayProgram::RelayProgram(const traffic::Namespace& host,
                           const std::vector<std::string>& arguments)
    : child_(start(host, arguments)) {
  value_of(child_.wait_for_note("relaying", engine::seconds(10)));
}

nlohmann::json RelayProgram::stop(int signal) {
  ::kill(child_.pid(), signal);
  const traffic::ChildEnd* end = child_.wait(engine::seconds(10));
  if (end == nullptr) throw std::runtime_error("the relay did not stop");
  notes_ = end->notes;
  EXPECT_TRUE(end->succeeded()) << describe(*end) << '\n' << end->notes;
  return nlohmann::json::parse(end->report);
}

const traffic::ChildEnd& RelayProgram::end_by(int signal) {
  ::kill(child_.pid(), signal);
  const traffic::ChildEnd* end = child_.wait(engine::seconds(10));
  if (end == nullptr) throw std::runtime_error("the relay did not end");
  return *end;
}

std::uint64_t drops_in(const nlohmann::json& input_or_output) {
  std::uint64_t total = 0;
  for (const auto& [reason, count] : input_or_output["dropped"].items())
    total += count.get<std::uint64_t>();
  return total;
}

void expect_nothing_lost_inside(const nlohmann::json& report) {
  SCOPED_TRACE(report.dump());
  EXPECT_TRUE(report["laws_hold"].get<bool>());
  EXPECT_EQ(report["regions_outstanding"], 0);
  EXPECT_EQ(report["received"], report["accepted"].get<std::uint64_t>() + drops_in(report));
  for (const auto& output : report["outputs"]) {
    EXPECT_EQ(output["assigned"], report["accepted"]);
    EXPECT_EQ(output["pending"], 0);
    EXPECT_EQ(output["assigned"], output["sent"].get<std::uint64_t>() + drops_in(output));
  }
}

}  // namespace reprise::tests
