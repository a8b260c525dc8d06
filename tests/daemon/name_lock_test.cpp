#include "reprise/daemon/shield/name_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "reprise/traffic/child.hpp"

namespace reprise::daemon {
namespace {

std::string own_name() { return "reprise-test/" + std::to_string(::getpid()); }

bool is_free(const std::string& name) { return NameLock::try_take(name)->has_value(); }

TEST(NameLock, HasOneHolderAtATime) {
  {
    const auto held = NameLock::try_take(own_name());
    ASSERT_TRUE(held && held->has_value());
    EXPECT_FALSE(is_free(own_name()));
    EXPECT_TRUE(is_free(own_name() + "/other"));
  }
  EXPECT_TRUE(is_free(own_name()));
}

TEST(NameLock, SaysWhatItWaitedForInVain) {
  const auto held = NameLock::try_take(own_name());
  const auto second = NameLock::take(own_name(), engine::milliseconds(3));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().errno_value, EBUSY);
  EXPECT_NE(second.error().message.find(own_name()), std::string::npos);
}

TEST(NameLock, IsGivenUpByAHolderThatIsKilled) {
  const std::string name = own_name();
  auto holder =
      traffic::Child::start({.name = "holder"}, [&](const traffic::ChildContext& context) {
        const auto held = NameLock::try_take(name);
        context.ready();
        while (!context.stop()) ::pause();
        return held ? 0 : 1;
      });
  ASSERT_TRUE(holder);
  ASSERT_TRUE(holder->wait_until_ready(engine::seconds(10)));
  EXPECT_FALSE(is_free(name));
  ::kill(holder->pid(), SIGKILL);
  ASSERT_NE(holder->wait(engine::seconds(10)), nullptr);
  EXPECT_TRUE(is_free(name));
}

}  // namespace
}  // namespace reprise::daemon
