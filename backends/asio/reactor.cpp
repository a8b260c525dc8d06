#include "reprise/asio/reactor.hpp"

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "reprise/asio/handler_memory.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::asio {
namespace {

using boost::system::error_code;
using Executor = boost::asio::io_context::executor_type;
// With the plain executor: the type-erased one allocates.
using StreamDescriptor = boost::asio::posix::basic_stream_descriptor<Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// Two in turn: a wait that was called off gives its memory back only when its handler has run.
struct TimerMemory {
  std::array<HandlerMemory, 2> blocks;
  std::size_t next = 0;
};

struct Place {
  explicit Place(boost::asio::io_context& context) : stream(context) {}

  StreamDescriptor stream;  ///< has the descriptor while epoll knows it, and does not own it
  int descriptor = -1;
  std::array<HandlerMemory, 2> memory;   ///< by Readiness
  std::array<bool, 2> is_wanted{};       ///< by Readiness
  std::array<std::uint32_t, 2> waits{};  ///< by Readiness: counts them, to know a late end
};

std::size_t index_of(Readiness readiness) { return static_cast<std::size_t>(readiness); }

}  // namespace

struct Reactor::State {
  /// What Asio calls when a descriptor is ready.
  struct ReadyHandler {
    using allocator_type = HandlerAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const {
      return allocator_type(state->places[place]->memory[index_of(readiness)]);
    }
    void operator()(const error_code& error) const { state->ready(*this, error); }

    State* state;
    std::uint32_t place;
    Readiness readiness;
    std::uint32_t wait;
  };

  struct AlarmHandler {
    using allocator_type = HandlerAllocator<void>;
    [[nodiscard]] allocator_type get_allocator() const { return allocator_type(*memory); }
    void operator()(const error_code& error) const {
      if (!error) state->alarm_at = engine::kNever;
    }

    State* state;
    HandlerMemory* memory;
  };

  State() {
    // Asio's timer queue grows with its first wait.
    set_alarm(engine::Instant{engine::kNever.ns - 1});
    timer.cancel();
    context.poll();
    alarm_at = engine::kNever;
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void ready(const ReadyHandler& handler, const error_code& error) {
    Place& place = *places[handler.place];
    const std::size_t which = index_of(handler.readiness);
    if (place.waits[which] != handler.wait) return;
    place.is_wanted[which] = false;
    if (!error) events.push_back({handler.place, handler.readiness});  // within what is reserved
  }

  void set_alarm(engine::Instant instant) {
    // One that comes too early is no harm: who waits looks at the clock and waits again.
    if (alarm_at <= instant) return;
    alarm_at = instant;
    HandlerMemory& memory = timer_memory.blocks[timer_memory.next];
    timer_memory.next = 1 - timer_memory.next;
    timer.expires_at(Timer::time_point(std::chrono::nanoseconds(instant.ns)));
    timer.async_wait(AlarmHandler{this, &memory});
  }

  /// Runs every handler that is left: their memory is in the places.
  ~State() {
    for (const auto& place : places) leave(*place);
    timer.cancel();
    context.poll();
  }

  /// Makes epoll know the descriptor. Returns 0 or an errno.
  static int enter(Place& place) {
    error_code error;
    if (!place.stream.is_open()) error = place.stream.assign(place.descriptor, error);
    return error.value();
  }

  static void leave(Place& place) {
    if (place.stream.is_open()) place.stream.release();  // calls its waits off
  }

  TimerMemory timer_memory;
  std::vector<ReadinessEvent> events;
  boost::asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  boost::asio::executor_work_guard<Executor> work{context.get_executor()};
  std::vector<std::unique_ptr<Place>> places;
  Timer timer{context};
  engine::Instant alarm_at = engine::kNever;
};

engine::Expected<Reactor> Reactor::create() {
  try {
    return Reactor(std::make_unique<State>());
  } catch (const boost::system::system_error& error) {
    return engine::failure(
        "asio: the host gives no event loop: " + std::string(error.what()) + "; raise ulimit -n",
        error.code().value());
  }
}

Reactor::Reactor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reactor::Reactor(Reactor&&) noexcept = default;
Reactor& Reactor::operator=(Reactor&&) noexcept = default;
Reactor::~Reactor() = default;

engine::Expected<void> Reactor::add(std::uint32_t place, int descriptor) {
  auto& places = state_->places;
  while (places.size() <= place) places.push_back(std::make_unique<Place>(state_->context));
  places[place]->descriptor = descriptor;
  state_->events.reserve(2 * places.size());  // one for each kind
  const int errno_value = State::enter(*places[place]);
  if (errno_value == 0) return {};
  return engine::failure("asio: epoll does not take a socket: " + posix::errno_text(errno_value) +
                             "; raise sysctl fs.epoll.max_user_watches",
                         errno_value);
}

void Reactor::remove(std::uint32_t place) {
  State::leave(*state_->places[place]);
  state_->context.poll();
  std::erase_if(state_->events, [&](const ReadinessEvent& event) { return event.place == place; });
  state_->places[place]->is_wanted = {};
}

int Reactor::want(std::uint32_t place_index, Readiness readiness) {
  Place& place = *state_->places[place_index];
  const std::size_t which = index_of(readiness);
  if (place.is_wanted[which]) return 0;
  if (const int errno_value = State::enter(place); errno_value != 0) return errno_value;
  place.is_wanted[which] = true;
  const auto type =
      readiness == Readiness::readable ? StreamDescriptor::wait_read : StreamDescriptor::wait_write;
  place.stream.async_wait(
      type, State::ReadyHandler{state_.get(), place_index, readiness, ++place.waits[which]});
  return 0;
}

void Reactor::forget_room(std::uint32_t place_index) {
  Place& place = *state_->places[place_index];
  if (place.is_wanted[0] || place.is_wanted[1]) return;
  State::leave(place);
  State::enter(place);  // where that fails, want() says so
}

void Reactor::poll() { state_->context.poll(); }

void Reactor::wait(engine::Instant alarm) {
  state_->set_alarm(alarm);
  state_->context.run_one();
}

std::span<const ReadinessEvent> Reactor::events() const { return state_->events; }

void Reactor::clear_events() { state_->events.clear(); }

}  // namespace reprise::asio
