// What wrong calls of `reprise-lab`, and wrong scenario files, get.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>

#include "program.hpp"
#include "scenario_file.hpp"

namespace reprise::tests {
namespace {

const std::string kPoisson = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";

/// A file with this text is refused at this line, by both commands.
void expect_text_refused(std::string_view text, int line, std::vector<std::string> words) {
  const ScenarioFile file(text);
  SCOPED_TRACE(text);
  words.push_back(file.line(line) + ": ");
  expect_refused({"reprise-lab", "run", file.path()}, words);
  expect_refused({"reprise-lab", "compare", file.path(), "--vary", "policy=eager"}, words);
}

TEST(RepriseLabCalls, WithoutACommandNameThoseThereAre) {
  expect_refused({"reprise-lab"},
                 {"no command", "validate, differential or admits", "reprise-lab --help"});
  expect_refused({"reprise-lab", "fly"}, {"\"fly\"", "validate, differential or admits"});
}

TEST(RepriseLabCalls, WithMissingArgumentsNameThem) {
  expect_refused({"reprise-lab", "run"}, {"SCENARIO", "reprise-lab run --help"});
  expect_refused({"reprise-lab", "compare"}, {"SCENARIO", "reprise-lab compare --help"});
  expect_refused({"reprise-lab", "compare", kPoisson}, {"--vary"});
}

TEST(RepriseLabCalls, WithABadSeedNameIt) {
  for (const char* seed : {"-1", "x", "1.5", "99999999999999999999"})
    expect_refused({"reprise-lab", "run", kPoisson, "--seed", seed},
                   {"--seed", std::string("\"") + seed + "\"", "whole number"});
}

TEST(RepriseLabCalls, WithAScenarioThatIsNoFileSayWhy) {
  const std::string folder = std::filesystem::temp_directory_path();
  expect_refused({"reprise-lab", "run", "nosuch.toml"},
                 {"nosuch.toml: cannot be read: No such file", "examples/scenarios"});
  expect_refused({"reprise-lab", "run", folder}, {folder + ": is a folder", "examples/scenarios"});
}

TEST(RepriseLabCalls, WithAWrongCaptureOrExpectationNameTheLine) {
  const std::string traffic = "version = 1\n[traffic]\narrivals = \"pcap\"\n";
  expect_text_refused(traffic + "pcap = \"nosuch.pcap\"\n", 4,
                      {"nosuch.pcap: cannot be read: No such file", "pcapng"});
  expect_text_refused(traffic + "pcap = \"" + kPoisson + "\"\n", 4,
                      {kPoisson + ": cannot be read: unknown file format"});
  expect_text_refused("version = 1\n[expect]\nwings = 2\n", 3, {"wings", "no such field"});
}

TEST(RepriseLabCalls, WithADamagedFileNameTheLine) {
  expect_text_refused("version = 1\n[relay\npool = 3\n", 2, {"']'"});
  expect_text_refused("version = 1\nversion = 1\n", 2, {"version"});
  expect_text_refused("version = 1\n[relay]\npool = \n", 3, {});
  expect_text_refused("\xff\xfe\n", 1, {"utf-8"});
  expect_text_refused("%PDF-1.5", 1, {});
}

TEST(RepriseLabCalls, WithoutTheRightVersionNameIt) {
  expect_text_refused("", 1, {"no version", "version = 1"});
  expect_text_refused("[relay]\npool = 3\n", 1, {"no version", "version = 1"});
  expect_text_refused("version = 2\n", 1, {"version = 2", "expected 1"});
  expect_text_refused("# newer\nversion = 2\n[relay]\nwings = 2\n", 2, {"version = 2"});
  expect_text_refused("version = \"one\"\n", 1, {"version = \"one\"", "expected 1"});
  expect_text_refused("[version]\n", 1, {"a table", "expected 1"});
}

TEST(RepriseLabCalls, WithAnUnknownKeyNameItsLine) {
  expect_text_refused("version = 1\n[relay]\npool = 64\nwings = 2\n", 4,
                      {"relay.wings", "unknown key", "docs/SCENARIOS.md"});
  expect_text_refused("version = 1\nwings = 2\n", 2, {"wings", "unknown key"});
  expect_text_refused("version = 1\n[relay]\nwings = [1]\n", 3, {"relay.wings", "unknown key"});
  expect_text_refused("version = 1\n\n[wings]\n", 3, {"[wings]", "unknown table"});
  expect_text_refused("version = 1\n[traffic]\nwings = 2\n", 3, {"traffic.wings", "unknown key"});
  expect_text_refused("version = 1\n[[traffic]]\n[[traffic]]\nwings = 2\n", 4, {"traffic.wings"});
}

TEST(RepriseLabCalls, WithAWrongTypeNameTheValueAndWhatWasExpected) {
  expect_text_refused("version = 1\n[relay]\npool = \"ten\"\n", 3,
                      {"pool = \"ten\"", "1 to 32768"});
  expect_text_refused("version = 1\n[relay]\npool = 1.5\n", 3, {"pool = 1.5", "1 to 32768"});
  expect_text_refused("version = 1\n[relay]\npool = [1, 2]\n", 3, {"a list", "1 to 32768"});
  expect_text_refused("version = 1\n[relay]\npool = true\n", 3, {"pool = true", "1 to 32768"});
  expect_text_refused("version = 1\n[relay]\npolicy = 3\n", 3, {"policy = 3", "\"deferred\""});
  expect_text_refused("version = 1\n[relay]\nshared_core = 1\n", 3, {"true or false"});
  expect_text_refused("version = 1\nrelay = 3\n", 2, {"relay = 3", "[relay]"});
  expect_text_refused("version = 1\ntraffic = 3\n", 2, {"traffic", "[[traffic]]"});
  expect_text_refused("version = 1\ntraffic = [3]\n", 2, {"traffic", "a table"});
  expect_text_refused("version = 1\ntitle = 3\n", 2, {"title = 3", "a text"});
  expect_text_refused("version = 1\nseed = -3\n", 2, {"seed = -3", "0 or more"});
}

TEST(RepriseLabCalls, WithAValueOutOfRangeNameItsLine) {
  expect_text_refused("version = 1\n[relay]\npool = 0\n", 3, {"pool = 0", "1 to 32768"});
  expect_text_refused("version = 1\n[traffic]\nrate = 0\n", 3, {"rate = 0", "1 to 1000000000"});
  expect_text_refused("version = 1\n[[traffic]]\npayload_bytes = 3\n[[traffic]]\n", 3,
                      {"payload_bytes = 3", "16 to 65507"});
  expect_text_refused("version = 1\n[link]\nqueue = 0\n", 3, {"queue = 0", "1 to 1000000"});
  expect_text_refused("version = 1\n[costs]\ncall_ns = -1\n", 3, {"call_ns = -1"});
}

TEST(RepriseLabCalls, WithKeysThatContradictEachOtherNameThem) {
  expect_text_refused("version = 1\n[relay]\nbatch = 100\n", 3, {"batch = 100", "64", "ring"});
  expect_text_refused("version = 1\n[relay]\nring = 16\n", 3, {"ring = 16", "32", "batch"});
  expect_text_refused("version = 1\n[traffic]\nflows = 10\nrate = 9\n", 2,
                      {"flows = 10", "rate and count"});
  expect_text_refused("version = 1\n[link]\nstall_start_ns = 5\n", 3,
                      {"stall_start_ns", "stall_length_ns"});
  expect_text_refused("version = 1\n[relay]\nexhaustion = \"drop\"\npool = 32768\n", 4,
                      {"pool plus landing", "32768"});
}

TEST(RepriseLabCalls, WithABadSettingNameIt) {
  for (const char* setting : {"pool", "=3", "pool="})
    expect_refused({"reprise-lab", "run", kPoisson, "--set", setting},
                   {std::string("--set \"") + setting + "\"", "key=value"});
  expect_refused({"reprise-lab", "run", kPoisson, "--set", "wings=2"},
                 {"--set wings=2", "unknown key", "docs/SCENARIOS.md"});
  expect_refused({"reprise-lab", "run", kPoisson, "--set", "relay.wings=2"},
                 {"relay.wings", "unknown key"});
  expect_refused({"reprise-lab", "run", kPoisson, "--set", "pool=ten"},
                 {"--set pool=ten", "1 to 32768"});
  expect_refused({"reprise-lab", "run", kPoisson, "--set", "flows=0"}, {"--set flows=0", "1 to"});
}

TEST(RepriseLabCalls, WithABadVariationNameIt) {
  for (const char* variation : {"policy", "policy=", "=eager"})
    expect_refused({"reprise-lab", "compare", kPoisson, "--vary", variation},
                   {std::string("--vary \"") + variation + "\"", "key=value,value"});
  for (const char* variation : {"policy=eager,", "policy=,eager", "policy=eager,,deferred"})
    expect_refused({"reprise-lab", "compare", kPoisson, "--vary", variation},
                   {std::string("--vary \"") + variation + "\"", "empty value"});
  expect_refused({"reprise-lab", "compare", kPoisson, "--vary", "pool=64,64"}, {"64 twice"});
  expect_refused({"reprise-lab", "compare", kPoisson, "--vary", "pool=64", "--vary", "pool=128"},
                 {"--vary pool", "more than once"});
  expect_refused({"reprise-lab", "compare", kPoisson, "--vary", "wings=1,2"},
                 {"--vary wings=1", "unknown key"});
  // Every point is checked before the first one runs.
  expect_refused({"reprise-lab", "compare", kPoisson, "--vary", "policy=eager,fast"},
                 {"--vary policy=fast", "\"deferred\""});
}

TEST(RepriseLabCalls, WithACostsFileThatIsWrongNameItAndItsLine) {
  const ScenarioFile costs("[costs]\nsend_ns = 1\nwings_ns = 2\n");
  for (const std::string& path : {costs.path(), std::string("nosuch.toml")}) {
    const std::string words = path == costs.path() ? costs.line(3) + ": costs.wings_ns: unknown key"
                                                   : "nosuch.toml: cannot be read";
    expect_refused({"reprise-lab", "run", kPoisson, "--costs", path}, {words});
    expect_refused({"reprise-lab", "compare", kPoisson, "--vary", "policy=eager", "--costs", path},
                   {words});
  }
}

TEST(RepriseLabCalls, WithAKernelProfileThatIsWrongNameItAndItsLine) {
  const ScenarioFile profile("version = 1\n[profile]\nwings = 2\n");
  for (const std::string& path : {profile.path(), std::string("nosuch.toml")}) {
    const std::string words = path == profile.path()
                                  ? profile.line(3) + ": profile.wings: unknown key"
                                  : "nosuch.toml: cannot be read";
    expect_refused({"reprise-lab", "run", kPoisson, "--profile", path}, {words});
    expect_refused(
        {"reprise-lab", "compare", kPoisson, "--vary", "policy=eager", "--profile", path}, {words});
  }
}

TEST(RepriseLabCalls, ToCalibrateWithAWrongArgumentNameIt) {
  for (const char* rounds : {"0", "41", "x"})
    expect_refused({"reprise-lab", "calibrate", "--rounds", rounds},
                   {"--rounds", std::string("\"") + rounds + "\"", "1 to 40"});
  expect_refused({"reprise-lab", "calibrate", "--toml", "nosuch/here.toml"},
                 {"--toml nosuch/here.toml", "cannot be written", "No such file"});
}

/// One core, on which nothing can be measured between two.
void stay_on_one_core() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  unsigned core = 0;
  while (!CPU_ISSET(core, &allowed)) ++core;
  CPU_ZERO(&allowed);
  CPU_SET(core, &allowed);
  ::sched_setaffinity(0, sizeof allowed, &allowed);
}

/// Refuses unshare(2), as hosts do without the privilege and without user namespaces.
void refuse_namespaces() {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::abort();
  }
}

TEST(RepriseLabCalls, ToCalibrateWhereTheHostDoesNotAllowItSayWhatIsMissing) {
  expect_refused({"reprise-lab", "calibrate"}, {"expected two", "taskset"}, stay_on_one_core);
  expect_refused({"reprise-lab", "calibrate"}, {"network namespaces", "CAP_SYS_ADMIN", "root"},
                 refuse_namespaces);
}

TEST(RepriseLabCalls, ForHelpSucceedAndShowTheUsage) {
  for (const char* command : {"run", "compare", "calibrate"}) {
    const ProgramEnd end = run_program({"reprise-lab", command, "--help"});
    EXPECT_EQ(end.exit_status, 0) << command;
    EXPECT_NE(end.output.find(std::string("Usage: reprise-lab ") + command), std::string::npos)
        << end.output;
    EXPECT_EQ(end.errors, "") << command;
  }
  EXPECT_EQ(run_program({"reprise-lab", "--help"}).exit_status, 0);
  EXPECT_EQ(run_program({"reprise-lab", "--version"}).exit_status, 0);
}

}  // namespace
}  // namespace reprise::tests
