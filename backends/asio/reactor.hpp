// Readiness of sockets, and an alarm, from Boost.Asio (epoll and a timerfd). Boost is seen by the
// source alone.
//
// A place stands for one descriptor. What was wanted comes as one event, once, and is then wanted
// anew. After a wait for room epoll is made to forget that, unless the socket is read from too: it
// would report every datagram that leaves the socket.
// Nothing is allocated after add(). One thread at a time; Asio's own locks are off.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::asio {

enum class Readiness : std::uint8_t { readable, writable };

struct ReadinessEvent {
  std::uint32_t place = 0;
  Readiness readiness = Readiness::readable;
};

class Reactor {
 public:
  /// Error: the host gives no epoll or timer descriptor.
  static engine::Expected<Reactor> create();

  Reactor(Reactor&&) noexcept;
  Reactor& operator=(Reactor&&) noexcept;
  ~Reactor();

  /// Cold path. The descriptor stays its owner's, and open until remove(). Error: epoll does not
  /// take it.
  engine::Expected<void> add(std::uint32_t place, int descriptor);
  void remove(std::uint32_t place);

  /// Asks for an event. Returns 0, or why epoll does not take the descriptor again.
  [[nodiscard]] int want(std::uint32_t place, Readiness readiness);
  /// No more room is waited for.
  void forget_room(std::uint32_t place);

  /// Takes up what is ready without waiting.
  void poll();
  /// Waits for an event, for the alarm or for nothing in particular, and takes up what is ready.
  void wait(engine::Instant alarm);

  /// Since clear_events().
  [[nodiscard]] std::span<const ReadinessEvent> events() const;
  void clear_events();

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace reprise::asio
