// reprise-lab report RESULT... -o report.html
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "reprise/lab/output_file.hpp"
#include "reprise/lab/report_input.hpp"
#include "reprise/lab/report_page.hpp"

namespace reprise::apps {
namespace {

struct LabReportArguments {
  std::vector<std::string> results;
  std::string output;
  std::string title = "Reprise: a report from the laboratory";
};

Exit lab_report(const LabReportArguments& arguments) {
  std::vector<lab::ReportInput> inputs;
  for (const std::string& path : arguments.results) {
    auto input = lab::load_report_input(path);
    if (!input) return refuse(input.error());
    inputs.push_back(std::move(*input));
  }
  auto file = lab::OutputFile::create(arguments.output, "--output");
  if (!file) return refuse(file.error());
  file->write(lab::report_page(arguments.title, inputs));
  const auto closed = file->close();
  if (!closed) return refuse(closed.error());
  print_text(fmt::format("{}: {} result{}\n", arguments.output, inputs.size(),
                         inputs.size() == 1 ? "" : "s"));
  return Exit::held;
}

}  // namespace

void add_lab_report_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabReportArguments>();
  CLI::App* command =
      program.add_subcommand("report", "Make one page of HTML of results that --json printed");
  command->footer(
      "  reprise-lab run examples/scenarios/poisson.toml --series 200 --json > run.json\n"
      "  reprise-lab report run.json -o report.html");
  command
      ->add_option("RESULT", arguments->results,
                   "files with what run, compare, explain, size or swarm printed with --json")
      ->required();
  command->add_option("-o,--output", arguments->output, "the page to write")->required();
  command->add_option("--title", arguments->title, "of the page");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_report(*arguments); }; });
}

}  // namespace reprise::apps
