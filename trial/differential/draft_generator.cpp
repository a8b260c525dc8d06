#include "reprise/trial/differential/draft_generator.hpp"

#include <cstddef>
#include <utility>

namespace reprise::trial {
namespace {

/// 0 to 239, alike at every size; shrinks to 0. (Divisible by what drafts are divided by.)
rc::Gen<std::uint8_t> small_number() {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint8_t>(0, 240));
}

/// Up to `most`, alike at every size.
template <class Element>
rc::Gen<std::vector<Element>> up_to(std::size_t most, rc::Gen<Element> element) {
  return rc::gen::mapcat(
      rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::size_t>(1, most + 1)),
      [element = std::move(element)](std::size_t count) {
        return rc::gen::resize(static_cast<int>(count),
                               rc::gen::container<std::vector<Element>>(element));
      });
}

rc::Gen<EntryDraft> entries() {
  using rc::gen::set;
  return rc::gen::build<EntryDraft>(
      set(&EntryDraft::kind, small_number()), set(&EntryDraft::socket, small_number()),
      set(&EntryDraft::size, small_number()), set(&EntryDraft::flags, small_number()),
      set(&EntryDraft::fault, small_number()), set(&EntryDraft::target, small_number()));
}

rc::Gen<StepDraft> steps() {
  using rc::gen::set;
  return rc::gen::build<StepDraft>(set(&StepDraft::kind, small_number()),
                                   set(&StepDraft::value, small_number()),
                                   set(&StepDraft::entries, up_to<EntryDraft>(10, entries())));
}

}  // namespace

rc::Gen<Draft> drafts() {
  using rc::gen::set;
  const auto numbers = [](std::size_t count) {
    return rc::gen::container<std::vector<std::uint8_t>>(count, small_number());
  };
  return rc::gen::build<Draft>(
      set(&Draft::task_run, small_number()), set(&Draft::completions, small_number()),
      set(&Draft::regions, small_number()), set(&Draft::queue, small_number()),
      set(&Draft::send_buffers, numbers(6)), set(&Draft::receive_buffers, numbers(4)),
      set(&Draft::steps, up_to<StepDraft>(30, steps())));
}

}  // namespace reprise::trial
