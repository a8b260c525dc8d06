// The subcommands of `reprise` and `reprise-lab`. Each function adds one to its program; when it is
// the one that was called, it leaves what is to be done in `chosen`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "command.hpp"

namespace reprise::apps {

void add_run_command(CLI::App& program, std::function<Exit()>& chosen);
void add_gen_command(CLI::App& program, std::function<Exit()>& chosen);
void add_recv_command(CLI::App& program, std::function<Exit()>& chosen);
void add_demo_command(CLI::App& program, std::function<Exit()>& chosen);

void add_lab_run_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_replay_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_shrink_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_compare_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_explain_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_size_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_swarm_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_report_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_calibrate_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_validate_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_differential_command(CLI::App& program, std::function<Exit()>& chosen);
void add_lab_admits_command(CLI::App& program, std::function<Exit()>& chosen);

}  // namespace reprise::apps
