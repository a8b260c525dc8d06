#include "reprise/uring/uring_backend.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <array>
#include <thread>

#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::HasSubstr;

using UringBackend = UringHarness;

TEST_F(UringBackend, CanBeUsedByAThreadThatDidNotMakeIt) {
  const SocketIndex sender = open_sender();
  std::thread owner([&] {
    add_send(0, sender);
    prepare_and_submit();
    EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
    std::thread waker([this] { backend_->wake(); });
    while (!backend_->submit_and_wait(1, engine::kNever).woken) {
    }
    waker.join();
  });
  owner.join();
}

TEST_F(UringBackend, PrepareStopsWhenTooManyOperationsAreInFlight) {
  start({.submission_entries = 8, .completion_entries = 64, .operations_in_flight_max = 12});
  const SocketIndex receiver = open_receiver();
  for (std::uint32_t slot = 0; slot < 8; ++slot) add(Operation::wait_readable, slot, receiver);
  prepare_and_submit();
  for (std::uint32_t slot = 8; slot < 16; ++slot) add(Operation::wait_readable, slot, receiver);
  EXPECT_EQ(prepare(), 4U);
  EXPECT_EQ(backend_->submit().submitted, 4U);
}

TEST_F(UringBackend, AdoptsAndClosesOnlySocketsThatItCanUse) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const auto adopted = backend_->adopt(pipe_ends[0]);
  ASSERT_FALSE(adopted.has_value());
  EXPECT_THAT(adopted.error().message, HasSubstr("expected an open packet socket or UDP socket"));
  EXPECT_EQ(::fcntl(pipe_ends[0], F_GETFD), -1);
  ::close(pipe_ends[1]);
}

TEST_F(UringBackend, NamesAnUnknownInterface) {
  engine::PacketSocketSpec spec;
  spec.interface = "eth9";
  const auto opened = backend_->open(spec);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message, HasSubstr("\"eth9\": no such interface"));
  EXPECT_THAT(opened.error().message, HasSubstr("left"));
}

TEST(UringOptions, RefusesASizeThatTheKernelDoesNotHave) {
  const auto none = uring::UringBackend::create({.submission_entries = 0});
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("0 submission entries; expected 1 to 32768"));
  const auto few = uring::UringBackend::create({.submission_entries = 64, .completion_entries = 8});
  ASSERT_FALSE(few.has_value());
  EXPECT_THAT(few.error().message, HasSubstr("8 completion entries"));
}

TEST(UringSetupError, NamesTheSettingThatRefuses) {
  EXPECT_THAT(uring::ring_setup_error(EPERM, "2").message,
              HasSubstr("kernel.io_uring_disabled = 2"));
  EXPECT_THAT(uring::ring_setup_error(EPERM, "1").message, HasSubstr("kernel.io_uring_group"));
  EXPECT_THAT(uring::ring_setup_error(EPERM, "0").message, HasSubstr("seccomp"));
  EXPECT_THAT(uring::ring_setup_error(ENOSYS, "").message, HasSubstr("CONFIG_IO_URING"));
  EXPECT_THAT(uring::ring_setup_error(EINVAL, "").message, HasSubstr("Linux 6.0 or later"));
}

}  // namespace
}  // namespace reprise::tests
