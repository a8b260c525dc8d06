#include "reprise/lab/kernel_profile_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "reprise/lab/kernel_keys.hpp"
#include "reprise/lab/toml_file.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

/// What the table [profile] says, and which ring the measurement used.
struct Heading {
  KernelProfileFile file;
  std::string ring;
};

Key<Heading> text(std::string_view name, std::string expected, std::string& (*place)(Heading&)) {
  return {name, std::move(expected),
          [place](Heading& heading, const Scalar& value) {
            const auto* written = std::get_if<std::string>(&value);
            if (written == nullptr || written->empty()) return false;
            place(heading) = *written;
            return true;
          },
          [place](Heading heading) -> std::optional<Scalar> { return place(heading); }};
}

const std::vector<Key<Heading>>& heading_keys() {
  static const std::vector<Key<Heading>> keys{
      text("name", "the file's name without .toml, in quotes",
           [](Heading& heading) -> std::string& { return heading.file.name; }),
      text("kernel", "a kernel's version, in quotes",
           [](Heading& heading) -> std::string& { return heading.file.kernel; }),
      text("ring", one_of(sim::kTaskRunNames),
           [](Heading& heading) -> std::string& { return heading.ring; }),
      boolean<Heading>("measured", [](Heading& heading) -> bool& { return heading.file.measured; }),
      text("provenance",
           "a text in quotes: how and where it was measured, or what it is taken from",
           [](Heading& heading) -> std::string& { return heading.file.provenance; })};
  return keys;
}

/// One table of the file: every key of `keys`, and no other.
template <class Draft>
Expected<void> read_table(const toml::table& root, const std::string& file, std::string_view name,
                          const std::vector<Key<Draft>>& keys, Draft& draft) {
  const toml::node* node = root.get(name);
  if (node == nullptr) return failure(fmt::format("{}:1: no table [{}]", file, name));
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    return refuse(place_in(file, *node), name, value_of(*node), fmt::format("a table, [{}]", name));
  }
  for (const auto& [key, value] : *table) {
    const auto known = std::ranges::find(keys, key.str(), &Key<Draft>::name);
    if (known == keys.end()) {
      return failure(fmt::format("{}: {}.{}: unknown key; expected one of docs/SCENARIOS.md",
                                 place_in(file, value), name, key.str()));
    }
    const Value written = value_of(value);
    if (!written.scalar || !known->apply(draft, *written.scalar))
      return refuse(place_in(file, value), key.str(), written, known->expected);
  }
  for (const Key<Draft>& key : keys) {
    if (table->contains(key.name)) continue;
    return failure(fmt::format("{}: [{}] has no {}; expected {}, because a profile says everything",
                               place_in(file, *table), name, key.name, key.expected));
  }
  return {};
}

/// What single keys cannot say.
Expected<void> check_together(const toml::table& root, const std::string& path,
                              const Heading& heading) {
  const auto place_of = [&](std::string_view table, std::string_view key) {
    const toml::node* node = root[table][key].node();
    return node == nullptr ? WrittenAt(path) : place_in(path, *node);
  };
  const std::string stem = std::filesystem::path(path).stem().string();
  if (heading.file.name != stem) {
    return failure(fmt::format("{}: name = \"{}\": expected \"{}\", as the file is called",
                               place_of("profile", "name"), heading.file.name, stem));
  }
  const sim::KernelProfile& profile = heading.file.profile;
  if (heading.ring != name(profile.task_run)) {
    return failure(fmt::format("{}: ring = \"{}\": contradicts task_run = \"{}\" on line {}",
                               place_of("profile", "ring"), heading.ring, name(profile.task_run),
                               root["kernel"]["task_run"].node()->source().begin.line));
  }
  const std::vector<engine::Error> findings = sim::check(profile);
  if (findings.empty()) return {};
  // A finding starts with its member: say where that was written.
  const std::string& message = findings.front().message;
  return failure(
      fmt::format("{}: {}", place_of("kernel", message.substr(0, message.find(':'))), message));
}

}  // namespace

Expected<KernelProfileFile> load_kernel_profile(const std::string& path) {
  const auto root = toml_of_file(path, "a kernel profile, as in profiles/");
  if (!root) return std::unexpected(root.error());
  // First, because the keys of another version may be unknown to this one.
  if (auto done = check_version(*root, path, kKernelProfileVersion); !done)
    return std::unexpected(done.error());
  for (const auto& [key, node] : *root) {
    if (key.str() == "version" || key.str() == "profile" || key.str() == "kernel") continue;
    return failure(fmt::format("{}: {}: unknown; expected version, [profile] and [kernel] alone",
                               place_in(path, node), key.str()));
  }
  Heading heading;
  if (auto done = read_table(*root, path, "profile", heading_keys(), heading); !done)
    return std::unexpected(done.error());
  if (auto done = read_table(*root, path, "kernel", kernel_keys(), heading.file.profile); !done)
    return std::unexpected(done.error());
  if (auto done = check_together(*root, path, heading); !done) return std::unexpected(done.error());
  return heading.file;
}

}  // namespace reprise::lab
