// What the flags of a relay's threads and hazards say where they do not go together.
#include "program.hpp"

namespace reprise::tests {
namespace {

void expect_flags_refused(const std::vector<std::string>& flags,
                          const std::vector<std::string>& words) {
  for (const char* command : {"run", "demo"}) {
    std::vector<std::string> call{"reprise", command};
    if (call[1] == "run") call.insert(call.end(), {"239.1.1.1:5000%lo", "239.2.2.2:5000%lo"});
    call.insert(call.end(), flags.begin(), flags.end());
    expect_refused(call, words);
  }
}

TEST(RelayFlags, ThatNeedTwoThreadsSaySo) {
  expect_flags_refused({"--wake-up", "spin"}, {"--wake-up", "--threads 2"});
  expect_flags_refused({"--drain", "all"}, {"--drain all", "--threads 2"});
  expect_flags_refused({"--one-core"}, {"--one-core", "--threads 2"});
}

TEST(RelayFlags, OfModesAndWorkersThatContradictEachOtherSaySo) {
  expect_flags_refused({"--mode", "throughput", "--threads", "2"}, {"mode throughput", "1 thread"});
  expect_flags_refused({"--mode", "throughput", "--exhaustion", "drop"},
                       {"mode throughput", "exhaustion wait"});
  expect_flags_refused({"--workers", "2", "--threads", "2"}, {"2 workers", "1 thread"});
  expect_flags_refused({"--cores", "0,1"}, {"2 cores for 1 threads"});
  expect_flags_refused({"--mode", "fast"}, {"--mode", "auto, throughput or latency"});
  expect_flags_refused({"--workers", "0"}, {"--workers", "1 to 64"});
  expect_flags_refused({"--packet-ring", "1000"}, {"--packet-ring", "524288"});
  expect_flags_refused({"--segmentation", "yes"}, {"--segmentation", "auto, on or off"});
}

TEST(RelayFlags, ThatNeedAnotherHazardSaySo) {
  expect_flags_refused({"--item-bytes", "96"}, {"--item-bytes", "--backlog erase_front"});
  expect_flags_refused({"--threads", "2", "--wake-up", "spin", "--nap-us", "50"},
                       {"--wake-up", "--nap-us"});
}

TEST(RelayFlags, WithAnUnknownWordOrNumberNameThoseThereAre) {
  expect_flags_refused({"--backend", "epoll"}, {"--backend", "auto, uring or asio"});
  expect_flags_refused({"--threads", "3"}, {"--threads", "\"3\"", "1 to 2"});
  expect_flags_refused({"--wake-up", "alarm"}, {"--wake-up", "spin, event or hybrid"});
  expect_flags_refused({"--backlog", "heap"}, {"--backlog", "ring or erase_front"});
  expect_flags_refused({"--item-bytes", "8"}, {"--item-bytes", "16 to 256"});
  expect_flags_refused({"--drain", "some"}, {"--drain", "batch or all"});
  expect_flags_refused({"--send-order", "any"}, {"--send-order", "linked or unlinked"});
  expect_flags_refused({"--log-lines", "all"}, {"--log-lines", "none, drops or datagrams"});
  expect_flags_refused({"--nap-us", "1000001"}, {"--nap-us", "0 to 1000000"});
}

TEST(RelayFlags, OfHazardsAreShownByTheLongHelpOnly) {
  const ProgramEnd brief = run_program({"reprise", "run", "--help"});
  const ProgramEnd all = run_program({"reprise", "run", "--help-all"});
  EXPECT_EQ(brief.exit_status, 0);
  EXPECT_EQ(all.exit_status, 0);
  EXPECT_EQ(brief.output.find("erase_front"), std::string::npos) << brief.output;
  EXPECT_NE(brief.output.find("--threads"), std::string::npos) << brief.output;
  EXPECT_NE(all.output.find("erase_front"), std::string::npos) << all.output;
  EXPECT_NE(all.output.find("--threads"), std::string::npos) << all.output;
}

}  // namespace
}  // namespace reprise::tests
