// What the commands that simulate more than once take alike.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reprise/lab/run.hpp"

namespace reprise::apps {

struct LabCall {
  std::string costs_path;
  std::string profile_path;
  std::vector<std::string> settings;
  std::vector<std::string> variations;
  std::optional<std::uint64_t> seed;
  std::uint32_t jobs = 0;  ///< threads; 0: one for each core
  bool json = false;
};

/// Adds --set, --costs, --profile, --jobs and --json; `call` must outlive the parse.
void add_lab_options(CLI::App& command, LabCall& call);
/// Adds --seed.
void add_seed_option(CLI::App& command, LabCall& call);
/// Adds --vary, and returns it.
CLI::Option* add_vary_option(CLI::App& command, LabCall& call);

engine::Expected<std::vector<lab::Setting>> settings_of(const LabCall& call);
engine::Expected<std::vector<lab::Variation>> variations_of(const LabCall& call);

}  // namespace reprise::apps
