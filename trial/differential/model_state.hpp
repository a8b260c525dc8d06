// One state in which the model may be: a kernel, and how far in the trace it is.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/sim/kernel.hpp"
#include "reprise/trial/differential/beliefs.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

inline constexpr sim::RingIndex kTraceRing{0};
inline constexpr std::uint32_t kLinksMax = 4;
inline constexpr std::uint32_t kUnlimited = 0xffff'ffff;

/// Where in a call the thread is.
enum class Phase : std::uint8_t {
  outside,      ///< in no call; between two acts
  interrupted,  ///< in no call, and the kernel does its work all the same
  submitting,
  ending,      ///< all entries of a submit ran; their chains go on
  collecting,  ///< deferred task run: a bounded number of rounds through the work
  waiting,
  leaving,  ///< the work before a call returns
  quiescing,
};

/// What a trace's model is made of.
struct ModelKernel {
  sim::Kernel kernel;
  void place(engine::FlatLayout& layout, const sim::KernelConfig& config) {
    kernel.place(layout, config);
  }
  void start(const sim::KernelConfig& config) { kernel.start(config); }
};
sim::KernelConfig kernel_config(const Trace& trace, const sim::KernelProfile& profile);
/// Where the tag of an operation's payload lies.
constexpr engine::RegionIndex payload_region(const TraceSetup& setup, std::uint32_t token) {
  return engine::RegionIndex{setup.regions + token};
}

struct ModelState {
  explicit ModelState(const sim::KernelConfig& config) : model(config) {}
  [[nodiscard]] sim::Kernel& kernel() { return model->kernel; }
  [[nodiscard]] const sim::Kernel& kernel() const { return model->kernel; }

  engine::Flat<ModelKernel> model;
  AlternativeCounts taken{};  ///< on the way here
  /// What a link whose rate is nothing may still let go.
  std::array<std::uint32_t, kLinksMax> allowance_bytes{};
  std::uint32_t posted = 0;     ///< completions so far, all of them as observed
  std::uint32_t in_queue = 0;   ///< of these: in the completion queue
  std::uint32_t submitted = 0;  ///< entries that this call took
  std::uint32_t rounds = 0;     ///< collecting: that are left
  bool is_cut = false;          ///< ending: a malformed entry ended the submit before its end
  std::uint32_t batch = 0;      ///< collecting: work left in this round
  Phase phase = Phase::outside;

  /// Equal for states that will behave the same.
  [[nodiscard]] std::string key() const;
};

/// What the environment does by itself in a state.
class Environment {
 public:
  explicit Environment(const TraceSetup& setup);

  /// Frames on links without a queue arrive, and those that left others inside a send. False: more
  /// than may leave.
  [[nodiscard]] bool deliver(ModelState& state) const;
  /// One frame leaves a queued link and arrives. False: none may. `notice_last`: it leaves inside
  /// the call that sent it, whose own reference keeps back the notice of a zero-copy send.
  [[nodiscard]] bool depart(ModelState& state, std::uint32_t link, bool notice_last) const;
  void operate(ModelState& state, const Act& act) const;

 private:
  [[nodiscard]] bool move_frame(ModelState& state, std::uint32_t link, bool notice_last) const;
  [[nodiscard]] bool spend(ModelState& state, std::uint32_t link,
                           const sim::Kernel::LinkEvent& event) const;
  const TraceSetup* setup_;
  std::array<bool, kLinksMax> has_packet_socket_{};
};

}  // namespace reprise::trial
