// What wrong calls of `reprise` get. Nothing here sends or receives: each call ends before.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "program.hpp"

namespace reprise::tests {
namespace {

const std::string kIn = "239.1.1.1:5000%lo";
const std::string kOut = "239.2.2.2:5000%lo";

void expect_run_refused(const std::vector<std::string>& more,
                        const std::vector<std::string>& words) {
  std::vector<std::string> arguments{"reprise", "run", kIn, kOut};
  arguments.insert(arguments.end(), more.begin(), more.end());
  expect_refused(arguments, words);
}

TEST(RepriseCalls, WithoutACommandNameThoseThereAre) {
  expect_refused({"reprise"}, {"no command", "run, gen, recv or demo", "reprise --help"});
  expect_refused({"reprise", "fly"}, {"\"fly\"", "run, gen, recv or demo", "reprise --help"});
  expect_refused({"reprise", "--fly"}, {"\"--fly\"", "run, gen, recv or demo"});
}

TEST(RepriseCalls, WithMissingArgumentsNameThem) {
  expect_refused({"reprise", "run"}, {"IN", "reprise run --help"});
  expect_refused({"reprise", "run", kIn}, {"OUT", "reprise run --help"});
  expect_refused({"reprise", "gen"}, {"TO", "reprise gen --help"});
  expect_refused({"reprise", "recv"}, {"FROM", "reprise recv --help"});
  expect_run_refused({"--pool"}, {"--pool", "value", "reprise run --help"});
}

TEST(RepriseCalls, WithAnotherRuleThatIsNotWholeSayWhatIsMissing) {
  expect_run_refused({"+"}, {"\"+\"", "IN OUT"});
  expect_run_refused({"+", "239.1.1.2:5000%lo"}, {"\"+\"", "IN OUT"});
  expect_run_refused({"+", "+"}, {"endpoint \"+\""});
}

TEST(RepriseCalls, WithUnknownOptionsNameThem) {
  expect_run_refused({"--fly"}, {"\"--fly\"", "reprise run --help"});
  expect_refused({"reprise", "demo", "--fly"}, {"\"--fly\"", "reprise demo --help"});
  expect_refused({"reprise", "demo", "fly"}, {"\"fly\"", "reprise demo --help"});
}

TEST(RepriseCalls, WithABadEndpointNameItAndItsForm) {
  const std::string form = "[SOURCE@]GROUP:PORT[%INTERFACE]";
  const std::vector<std::pair<std::string, std::string>> bad{
      {"239.1.1:5000%lo", "\"239.1.1\""},
      {"elephant:5000%lo", "\"elephant\""},
      {"239.1.1.1:0%lo", "port \"0\""},
      {"239.1.1.1:65536%lo", "port \"65536\""},
      {"239.1.1.1%lo", "no port"},
      {"ff3e::1:5000%lo", "brackets"},
      {"239.0.0.1@239.1.1.1:5000%lo", "source \"239.0.0.1\""},
      {"2001:db8::1@239.1.1.1:5000%lo", "source"},
      {"", "\"\""},
  };
  for (const auto& [endpoint, finding] : bad) {
    expect_refused({"reprise", "run", endpoint, kOut}, {finding, form});
    expect_refused({"reprise", "run", kIn, endpoint}, {finding, form});
    expect_refused({"reprise", "gen", endpoint}, {finding, form});
    expect_refused({"reprise", "recv", endpoint}, {finding, form});
  }
}

TEST(RepriseCalls, WithAnUnknownInterfaceNameItAndThoseThereAre) {
  expect_refused({"reprise", "run", "239.1.1.1:5000%nosuch0", kOut}, {"\"nosuch0\"", "lo"});
  expect_refused({"reprise", "run", kIn, "239.1.1.2:5000%nosuch0"}, {"\"nosuch0\"", "lo"});
  expect_refused({"reprise", "run", kIn, kOut, "127.0.0.1:9%nosuch0"}, {"\"nosuch0\"", "lo"});
  expect_refused({"reprise", "gen", "239.1.1.1:5000%nosuch0"}, {"nosuch0", "ip link"});
  expect_refused({"reprise", "recv", "239.1.1.1:5000%nosuch0"}, {"nosuch0", "ip link"});
}

TEST(RepriseCalls, WithoutANeededInterfaceSayHowToWriteIt) {
  expect_refused({"reprise", "run", "239.1.1.1:5000", kOut},
                 {"input 239.1.1.1:5000", "239.1.1.1:5000%INTERFACE"});
  expect_refused({"reprise", "run", "127.0.0.1:5000", kOut}, {"127.0.0.1:5000%INTERFACE"});
  expect_refused({"reprise", "run", kIn, "239.2.2.2:5000"},
                 {"output 239.2.2.2:5000", "239.2.2.2:5000%INTERFACE"});
  expect_refused({"reprise", "recv", "239.1.1.1:5000"}, {"239.1.1.1:5000%INTERFACE"});
}

TEST(RepriseCalls, WithALoopNameTheOutputThatClosesIt) {
  expect_refused({"reprise", "run", kIn, kIn}, {"output 239.1.1.1:5000%lo", "loop"});
  expect_refused({"reprise", "run", kIn, kOut, kIn}, {"output 239.1.1.1:5000%lo", "loop"});
  expect_refused({"reprise", "run", "127.0.0.1@" + kIn, kIn}, {"loop"});
  expect_refused({"reprise", "run", "127.0.0.1:5000%lo", "127.0.0.1:5000"}, {"loop"});
}

TEST(RepriseCalls, WithAnOutputWrittenTwiceNameIt) {
  expect_refused({"reprise", "run", kIn, kOut, kOut}, {kOut, "once"});
}

TEST(RepriseCalls, WithANumberOutOfRangeNameItAndTheRange) {
  expect_run_refused({"--pool", "0"}, {"--pool", "\"0\"", "1 to 32768"});
  expect_run_refused({"--pool", "many"}, {"--pool", "\"many\"", "1 to 32768"});
  expect_run_refused({"--pool", "-1"}, {"--pool", "\"-1\"", "1 to 32768"});
  expect_run_refused({"--pool", "99999999999999999999"}, {"--pool", "1 to 32768"});
  expect_run_refused({"--ring", "0"}, {"--ring", "\"0\"", "1 to 32768"});
  expect_run_refused({"--batch", "0"}, {"--batch", "\"0\"", "1 to 32768"});
  expect_run_refused({"--ttl", "0"}, {"--ttl", "\"0\"", "1 to 255"});
  expect_run_refused({"--ttl", "256"}, {"--ttl", "\"256\"", "1 to 255"});
  expect_run_refused({"--interval", "0"}, {"--interval", "\"0\"", "seconds"});
  expect_run_refused({"--send-buffer", "0"}, {"--send-buffer", "\"0\""});
  expect_refused({"reprise", "gen", kIn, "--payload", "39"}, {"--payload", "\"39\"", "40 to"});
  expect_refused({"reprise", "gen", kIn, "--rate", "-5"}, {"--rate", "\"-5\""});
  expect_refused({"reprise", "gen", kIn, "--count", "-5"}, {"--count", "\"-5\""});
  expect_refused({"reprise", "recv", kIn, "--count", "1.5"}, {"--count", "\"1.5\""});
  expect_refused({"reprise", "demo", "--count", "0"}, {"--count", "\"0\""});
  expect_refused({"reprise", "demo", "--payload", "1453"}, {"--payload", "\"1453\"", "40 to 1452"});
  expect_refused({"reprise", "demo", "--window", "0"}, {"--window", "\"0\""});
}

TEST(RepriseCalls, WithNumbersThatContradictEachOtherNameBoth) {
  for (const char* command : {"run", "demo"}) {
    std::vector<std::string> call{"reprise", command};
    if (call[1] == "run") call.insert(call.end(), {kIn, kOut});
    const auto with = [&call](const std::vector<std::string>& more) {
      std::vector<std::string> longer = call;
      longer.insert(longer.end(), more.begin(), more.end());
      return longer;
    };
    expect_refused(with({"--batch", "65"}), {"--batch 65", "64", "--ring"});
    expect_refused(with({"--ring", "16"}), {"--batch 32", "16", "--ring"});
    expect_refused(with({"--pool", "32768", "--exhaustion", "drop"}),
                   {"--pool 32768", "32704", "--exhaustion drop"});
  }
}

TEST(RepriseCalls, WithAnUnknownWordNameThoseThereAre) {
  expect_run_refused({"--policy", "fast"},
                     {"--policy", "\"fast\"", "synchronous, deferred, eager or adaptive"});
  expect_run_refused({"--exhaustion", "panic"}, {"--exhaustion", "\"panic\"", "wait or drop"});
}

TEST(RepriseCalls, ForHelpSucceedAndShowTheUsage) {
  for (const char* command : {"run", "gen", "recv", "demo"}) {
    const ProgramEnd end = run_program({"reprise", command, "--help"});
    EXPECT_EQ(end.exit_status, 0) << command;
    EXPECT_NE(end.output.find(std::string("Usage: reprise ") + command), std::string::npos)
        << end.output;
    EXPECT_EQ(end.errors, "") << command;
  }
  EXPECT_EQ(run_program({"reprise", "--help"}).exit_status, 0);
  EXPECT_EQ(run_program({"reprise", "--version"}).exit_status, 0);
}

/// A process without CAP_NET_RAW, which not even root's programs get back.
void drop_net_raw() {
  if (::geteuid() == 0 && ::prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0) != 0) std::abort();
}

TEST(RepriseCalls, WithoutThePrivilegeNameTheCapability) {
  expect_refused({"reprise", "run", kIn, kOut}, {"packet socket on lo", "cap_net_raw", "setcap"},
                 drop_net_raw);
}

/// Refuses io_uring_setup, as container runtimes do.
void refuse_io_uring(std::uint32_t errno_value) {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errno_value),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::abort();
  }
}

TEST(RepriseCalls, WhereIoUringIsRefusedNameTheSetting) {
  const Restriction by_profile = [] { refuse_io_uring(EPERM); };
  const Restriction by_kernel = [] { refuse_io_uring(ENOSYS); };
  expect_refused({"reprise", "demo", "--backend", "uring"},
                 {"io_uring", "seccomp profile", "EPERM"}, by_profile);
  expect_refused({"reprise", "demo", "--backend", "uring"},
                 {"io_uring", "CONFIG_IO_URING", "ENOSYS"}, by_kernel);
  if (::geteuid() != 0) GTEST_SKIP() << "without root the missing capability is named first";
  expect_refused({"reprise", "run", kIn, kOut, "--backend", "uring"},
                 {"io_uring", "seccomp profile"}, by_profile);
}

}  // namespace
}  // namespace reprise::tests
