#include "lab_call.hpp"

#include <limits>

#include "value_checks.hpp"

namespace reprise::apps {

void add_lab_options(CLI::App& command, LabCall& call) {
  constexpr std::uint64_t kThreadsMax = 4096;
  command.add_option("--set", call.settings, "change a key everywhere: key=value; repeatable")
      ->allow_extra_args(false);
  command.add_option("--costs", call.costs_path,
                     "take the costs from this file, as calibrate --toml writes it");
  command.add_option("--profile", call.profile_path,
                     "take the kernel from this profile, as in profiles/");
  command
      .add_option("--jobs", call.jobs,
                  "simulate so many runs at a time (default: one on each core); changes no result")
      ->check(whole_number(1, kThreadsMax));
  command.add_flag("--json", call.json, "print the results as one line of JSON");
}

void add_seed_option(CLI::App& command, LabCall& call) {
  command.add_option("--seed", call.seed, "seed of all choices (default: the scenario's, else 1)")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
}

CLI::Option* add_vary_option(CLI::App& command, LabCall& call) {
  return command
      .add_option("--vary", call.variations,
                  "key=value,value,…; repeatable: every combination is run")
      ->allow_extra_args(false);
}

engine::Expected<std::vector<lab::Setting>> settings_of(const LabCall& call) {
  std::vector<lab::Setting> settings;
  for (const std::string& text : call.settings) {
    auto setting = lab::parse_setting(text);
    if (!setting) return std::unexpected(setting.error());
    settings.push_back(std::move(*setting));
  }
  return settings;
}

engine::Expected<std::vector<lab::Variation>> variations_of(const LabCall& call) {
  std::vector<lab::Variation> variations;
  for (const std::string& text : call.variations) {
    auto variation = lab::parse_variation(text);
    if (!variation) return std::unexpected(variation.error());
    variations.push_back(std::move(*variation));
  }
  return variations;
}

}  // namespace reprise::apps
