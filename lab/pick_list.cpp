#include "reprise/lab/pick_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

constexpr std::size_t kLineBytes = 96;

/// Tokens with blanks between them, in lines of about kLineBytes.
class Lines {
 public:
  void add(std::string_view token) {
    if (!text_.empty()) {
      const bool is_full = text_.size() - line_start_ + token.size() >= kLineBytes;
      text_ += is_full ? '\n' : ' ';
      if (is_full) line_start_ = text_.size();
    }
    text_ += token;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t line_start_ = 0;
};

/// The next token, cut off in front of `text`; empty at its end.
std::string_view next_token(std::string_view& text) {
  constexpr std::string_view kBlanks = " \n\r\t";
  const std::size_t start = std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t end = std::min(text.find_first_of(kBlanks, start), text.size());
  const std::string_view token = text.substr(start, end - start);
  text.remove_prefix(end);
  return token;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

/// The inverse of letters_of().
std::optional<AskOrder::Kind> kind_of_letters(std::string_view letters) {
  std::uint64_t number = 0;
  for (const char letter : letters) {
    number = number * 26 + static_cast<std::uint64_t>(letter - 'a') + 1;
    if (number > std::numeric_limits<AskOrder::Kind>::max()) return std::nullopt;
  }
  if (number == 0) return std::nullopt;
  return static_cast<AskOrder::Kind>(number - 1);
}

}  // namespace

std::string letters_of(AskOrder::Kind kind) {
  std::string letters;
  for (std::uint64_t number = std::uint64_t{kind} + 1; number > 0; number = (number - 1) / 26) {
    letters.insert(letters.begin(), static_cast<char>('a' + (number - 1) % 26));
  }
  return letters;
}

void AskOrder::add_kind(Ask ask) {
  if (const auto site = sim::site_named(ask.site))
    known_.emplace(std::pair{*site, ask.count}, static_cast<Kind>(kinds_.size()));
  kinds_.push_back(std::move(ask));
}

std::optional<AskOrder::Kind> AskOrder::kind_of(sim::Site site, std::uint32_t count) const {
  const auto known = known_.find({site, count});
  if (known == known_.end()) return std::nullopt;
  return known->second;
}

void AskOrder::add(sim::Site site, std::uint32_t count) {
  auto kind = kind_of(site, count);
  if (!kind) {
    kind = static_cast<Kind>(kinds_.size());
    add_kind({name(site), count});
  }
  if (repeats_.empty() || repeats_.back().kind != *kind) repeats_.push_back({*kind, 0});
  ++repeats_.back().times;
  ++size_;
}

std::string AskOrder::text() const {
  Lines lines;
  for (const Repeat& repeat : repeats_) {
    std::string token = letters_of(repeat.kind);
    if (repeat.times > 1) token += std::to_string(repeat.times);
    lines.add(token);
  }
  return lines.take();
}

Expected<AskOrder> AskOrder::parse(std::vector<Ask> kinds, std::string_view text) {
  AskOrder order;
  for (Ask& ask : kinds) order.add_kind(std::move(ask));
  for (std::string_view token = next_token(text); !token.empty(); token = next_token(text)) {
    const std::size_t letters =
        std::min(static_cast<std::size_t>(
                     std::ranges::find_if_not(token, [](char c) { return c >= 'a' && c <= 'z'; }) -
                     token.begin()),
                 token.size());
    const auto kind = kind_of_letters(token.substr(0, letters));
    const auto times = letters == token.size() ? std::optional<std::uint64_t>{1}
                                               : number_of<std::uint64_t>(token.substr(letters));
    if (!kind || *kind >= order.kinds_.size() || !times || *times == 0 ||
        *times > kPicksMax - order.size_) {
      return failure(fmt::format(
          "\"{}\": expected the letters of a kind and how often it was asked, as in \"b120\"",
          token));
    }
    order.repeats_.push_back({*kind, *times});
    order.size_ += *times;
  }
  return order;
}

std::string values_text(const std::vector<std::uint32_t>& values) {
  Lines lines;
  for (auto at = values.begin(); at != values.end();) {
    const auto end = std::find_if(at, values.end(), [&](std::uint32_t v) { return v != *at; });
    const auto times = end - at;
    lines.add(times == 1 ? std::to_string(*at) : fmt::format("{}*{}", *at, times));
    at = end;
  }
  return lines.take();
}

Expected<std::vector<std::uint32_t>> parse_values(std::string_view text) {
  std::vector<std::uint32_t> values;
  for (std::string_view token = next_token(text); !token.empty(); token = next_token(text)) {
    const std::size_t star = token.find('*');
    const auto value = number_of<std::uint32_t>(token.substr(0, star));
    const auto times = star == std::string_view::npos
                           ? std::optional<std::uint64_t>{1}
                           : number_of<std::uint64_t>(token.substr(star + 1));
    if (!value || !times || *times == 0 || *times > kPicksMax - values.size()) {
      return failure(fmt::format(
          "\"{}\": expected a pick, or one and how often it came, as in \"0*17\"", token));
    }
    values.insert(values.end(), *times, *value);
  }
  return values;
}

std::uint32_t PickRecorder::choose(sim::Site site, std::uint32_t count) {
  const std::uint32_t picked = source_->pick(site, count);
  order_.add(site, count);
  picks_[static_cast<std::size_t>(site)].push_back(picked);
  return picked;
}

std::uint32_t PickComparer::choose(sim::Site site, std::uint32_t count) {
  if (!divergence_) compare(site, count);
  return source_->pick(site, count);
}

std::optional<Ask> PickComparer::expected_ask() const {
  if (repeat_ == expected_->repeats().size()) return std::nullopt;
  return expected_->ask(expected_->repeats()[repeat_].kind);
}

void PickComparer::compare(sim::Site site, std::uint32_t count) {
  const bool has_ended = repeat_ == expected_->repeats().size();
  const auto kind = expected_->kind_of(site, count);
  if (has_ended || !kind || *kind != expected_->repeats()[repeat_].kind) {
    divergence_ = Divergence{asked_, expected_ask(), Ask{name(site), count}, 0};
    return;
  }
  ++asked_;
  if (++times_ < expected_->repeats()[repeat_].times) return;
  ++repeat_;
  times_ = 0;
}

void PickComparer::end() {
  if (!divergence_ && repeat_ < expected_->repeats().size())
    divergence_ = Divergence{asked_, expected_ask(), std::nullopt, 0};
}

}  // namespace reprise::lab
