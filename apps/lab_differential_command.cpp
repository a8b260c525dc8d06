// reprise-lab differential
#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/trial/differential/differential.hpp"
#include "reprise/trial/differential/reordering.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

using Json = nlohmann::ordered_json;

struct LabDifferentialArguments {
  trial::DifferentialRequest request;
  bool reordering = false;
  bool json = false;
};

Json alternatives_of(const trial::DifferentialResult& result) {
  Json alternatives = Json::object();
  for (std::size_t kind = 0; kind < trial::kAlternativeCount; ++kind) {
    alternatives[std::string(name(static_cast<trial::Alternative>(kind)))] =
        Json{{"taken", result.alternatives[kind]}, {"witnessed", result.witnessed[kind]}};
  }
  return alternatives;
}

Json json_of(const trial::DifferentialResult& result) {
  return Json{{"sequences", result.sequences},
              {"operations", result.operations},
              {"completions", result.completions},
              {"rejected", result.rejected},
              {"exceeded", result.exceeded},
              {"beliefs_max", result.beliefs_max},
              {"mutants", result.mutants},
              {"mutants_caught", result.mutants_caught},
              {"mutants_missed", result.mutants_missed},
              {"corrupted", result.corrupted},
              {"corrupted_caught", result.corrupted_caught},
              {"corruptions_missed", result.corruptions_missed},
              {"alternatives", alternatives_of(result)},
              {"traces", result.paths},
              {"incomplete", result.incomplete}};
}

std::string text_of(const trial::DifferentialResult& result) {
  std::string text = fmt::format(
      "{} sequences, {} operations, {} completions on the real kernel{}\n"
      "  rejected by the model   {}\n"
      "  without a verdict       {}\n"
      "  most states believed    {}\n"
      "  wrong models caught     {} of {}\n"
      "  false traces caught     {} of {}\n"
      "what the model leaves open: how often it was taken on a way to what was seen, and whether\n"
      "something was seen that cannot be had without it (else: unwitnessed)\n",
      result.sequences, result.operations, result.completions,
      result.incomplete ? " (stopped: incomplete)" : "", result.rejected, result.exceeded,
      result.beliefs_max, result.mutants_caught, result.mutants, result.corrupted_caught,
      result.corrupted);
  for (std::size_t kind = 0; kind < trial::kAlternativeCount; ++kind) {
    text += fmt::format("  {:54}{:10}  {}\n", name(static_cast<trial::Alternative>(kind)),
                        result.alternatives[kind],
                        result.witnessed[kind] ? "witnessed" : "unwitnessed");
  }
  for (const std::string& missed : result.mutants_missed)
    text += fmt::format("not caught: the model with {}\n", missed);
  for (const std::string& missed : result.corruptions_missed)
    text += fmt::format("not caught: {}\n", missed);
  for (const std::string& path : result.paths)
    text += fmt::format("rejected: {}; judge it again: reprise-lab admits {}\n", path, path);
  return text;
}

/// "0…16 31…24 17…23": runs that go up or down by one.
std::string runs_of(const std::vector<std::uint32_t>& order) {
  std::string text;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    const bool goes_up = first + 1 < order.size() && order[first + 1] == order[first] + 1;
    const std::uint32_t step = goes_up ? 1U : ~0U;
    while (last + 1 < order.size() && order[last + 1] == order[last] + step) ++last;
    text += text.empty() ? "" : ", ";
    text += last == first ? fmt::format("{}", order[first])
                          : fmt::format("{}…{}", order[first], order[last]);
    first = last + 1;
  }
  return text;
}

Exit lab_reordering(bool json) {
  const auto result = trial::run_reordering();
  if (!result) return refuse(result.error());
  Json ways = Json::array();
  std::string text = fmt::format("batches of {} sends of one flow at 1 Gbit/s, send buffer 4608\n",
                                 trial::kReorderedBatch);
  for (const trial::ReorderedWay& way : result->ways) {
    ways.push_back({{"way", way.name},
                    {"batches", way.batches},
                    {"out_of_order", way.out_of_order},
                    {"order", way.order},
                    {"model_order", way.model_order},
                    {"admitted", way.admitted},
                    {"rejected", way.rejected},
                    {"without_verdict", way.without_verdict}});
    text += fmt::format(
        "{}\n  real kernel  {} of {} out of order; left as {}\n  model        left as {}\n"
        "  belief set   {} admitted, {} rejected, {} without a verdict\n",
        way.name, way.out_of_order, way.batches, runs_of(way.order), runs_of(way.model_order),
        way.admitted, way.rejected, way.without_verdict);
  }
  if (json) {
    print_json(Json{{"ways", ways}, {"holds", result->holds()}});
  } else {
    print_text(text);
  }
  return result->holds() ? Exit::held : Exit::not_held;
}

Exit lab_differential(const LabDifferentialArguments& arguments) {
  if (arguments.reordering) return lab_reordering(arguments.json);
  std::error_code ignored;
  if (!std::filesystem::is_directory(arguments.request.folder, ignored)) {
    return refuse(engine::Error{
        fmt::format("--folder {}: is no folder; expected one for the traces that are rejected",
                    arguments.request.folder),
        ENOTDIR});
  }
  const StopSignals signals;
  trial::DifferentialRequest request = arguments.request;
  request.stop = &signals.flag();
  engine::Expected<trial::DifferentialResult> result;
  {
    LabProgress progress("differential");
    request.progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); };
    result = trial::run_differential(request);
  }
  if (!result) return refuse(result.error());
  if (arguments.json) {
    print_json(json_of(*result));
  } else {
    print_text(text_of(*result));
  }
  return result->holds() && !result->incomplete ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_differential_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabDifferentialArguments>();
  CLI::App* command = program.add_subcommand(
      "differential", "Random acts on this kernel: does the simulated one admit what it does?");
  command->footer(
      "  reprise-lab differential --sequences 10000 --seed 1 --json\n"
      "Then judges falsified traces and wrong models: all must be rejected. Makes network "
      "namespaces,\nsends nothing outside and leaves nothing behind but the traces that the model "
      "rejects. Runs as\nroot, or without where user namespaces are allowed. Exit status 1: "
      "something was rejected, or\nsomething false was not.");
  command->add_option("--sequences", arguments->request.sequences, "sequences (default 1000)")
      ->check(whole_number(1, 10'000'000));
  command->add_option("--seed", arguments->request.seed, "what they are made up from (default 1)");
  command
      ->add_option("--corruptions", arguments->request.corruptions,
                   "falsified traces to judge (default 1000)")
      ->check(whole_number(0, 1'000'000));
  command
      ->add_option("--keep", arguments->request.keep,
                   "write the first so many accepted traces too (default 0, at most 2000)")
      ->check(whole_number(0, 2000));
  command->add_option("--folder", arguments->request.folder,
                      "where traces are written (default: here)");
  command->add_flag("--reordering", arguments->reordering,
                    "instead: 64 sends of one flow at 1 Gbit/s, unlinked and in a chain");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_differential(*arguments); }; });
}

}  // namespace reprise::apps
