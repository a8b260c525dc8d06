#include "reprise/traffic/child.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include "namespace_test.hpp"
#include "reprise/traffic/monotonic_clock.hpp"

namespace reprise::traffic {
namespace {

constexpr engine::Duration kPatience = engine::seconds(30);

int until_stopped(const ChildContext& context) {
  context.ready();
  while (!context.stop()) sleep_until(monotonic_now() + engine::milliseconds(1));
  return 0;
}

TEST(Child, BringsBackReportAndStatus) {
  Child child = value_of(Child::start({.name = "worker"}, [](const ChildContext& context) {
    context.report("half ");
    context.report("done");
    return 7;
  }));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 7);
  EXPECT_EQ(end->signal, 0);
  EXPECT_EQ(end->report, "half done");
}

TEST(Child, BringsBackAReportThatNoPipeHolds) {
  const std::string large(3'000'000, 'x');
  Child child = value_of(Child::start({.name = "worker"}, [&](const ChildContext& context) {
    context.report(large);
    return 0;
  }));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->report.size(), large.size());
}

TEST(Child, RunsUntilItIsAskedToStop) {
  Child child = value_of(Child::start({.name = "worker"}, until_stopped));
  ASSERT_TRUE(child.wait_until_ready(kPatience));
  EXPECT_EQ(child.wait({}), nullptr);
  EXPECT_TRUE(child.stop(kPatience).succeeded());
}

TEST(Child, TakesAStopThatComesBeforeItIsReady) {
  Child child = value_of(Child::start({.name = "worker"}, until_stopped));
  EXPECT_TRUE(child.stop(kPatience).succeeded());
}

TEST(Child, IgnoresAnInterruptWhichIsTheParentsToAnswer) {
  Child child = value_of(Child::start({.name = "worker"}, until_stopped));
  ASSERT_TRUE(child.wait_until_ready(kPatience));
  kill(child.pid(), SIGINT);
  EXPECT_TRUE(child.stop(kPatience).succeeded());
}

TEST(Child, IsKilledWhenItDoesNotListen) {
  Child child = value_of(Child::start({.name = "worker"}, [](const ChildContext& context) -> int {
    context.ready();
    while (true) pause();
  }));
  ASSERT_TRUE(child.wait_until_ready(kPatience));
  EXPECT_EQ(child.stop(engine::milliseconds(1)).signal, SIGKILL);
}

TEST(Child, ThatEndsBeforeItIsReadyIsAnError) {
  Child child = value_of(Child::start({.name = "worker"}, [](const ChildContext&) { return 3; }));
  const auto ready = child.wait_until_ready(kPatience);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message, "worker: ended with status 3 before it was ready");
}

TEST(Child, DiesWithAParentThatIsKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  Child parent = value_of(Child::start({.name = "parent"}, [&](const ChildContext& context) {
    Child grandchild = value_of(Child::start({.name = "grandchild"}, until_stopped));
    if (!grandchild.wait_until_ready(kPatience)) return 1;
    close(ends[1]);
    context.ready();
    while (true) pause();
  }));
  close(ends[1]);
  ASSERT_TRUE(parent.wait_until_ready(kPatience));
  kill(parent.pid(), SIGKILL);
  // The grandchild alone holds the write end now: its end is the pipe's end.
  pollfd hang_up{ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&hang_up, 1, static_cast<int>(kPatience.ns / 1'000'000)), 1);
  close(ends[0]);
}

TEST(Child, RunsAProgramAndKeepsItsTwoOutputsApart) {
  Child child = value_of(
      Child::start_program({.name = "sh"}, {"sh", "-c", "echo result; echo trouble >&2; exit 4"}));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 4);
  EXPECT_EQ(end->report, "result\n");
  EXPECT_EQ(end->notes, "trouble\n");
}

TEST(Child, WaitsForWhatAProgramSays) {
  Child child = value_of(Child::start_program(
      {.name = "sh"}, {"sh", "-c", "trap 'exit 0' TERM; echo started >&2; while :; do :; done"}));
  ASSERT_TRUE(child.wait_for_note("started", kPatience));
  EXPECT_TRUE(child.stop(kPatience).succeeded());
}

TEST(Child, NamesAProgramThatIsNotThere) {
  Child child = value_of(Child::start_program({.name = "x"}, {"no-such-program-here"}));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 127);
  EXPECT_EQ(end->notes, "no-such-program-here: cannot run: No such file or directory\n");
}

}  // namespace
}  // namespace reprise::traffic
