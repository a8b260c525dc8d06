// reprise-lab: the relay's engine on a simulated kernel.
#include "command.hpp"
#include "commands.hpp"

int main(int argument_count, char** arguments) {
  CLI::App program("Runs the relay's engine on a simulated kernel with virtual time.",
                   "reprise-lab");
  std::function<reprise::apps::Exit()> chosen;
  reprise::apps::add_lab_run_command(program, chosen);
  reprise::apps::add_lab_replay_command(program, chosen);
  reprise::apps::add_lab_shrink_command(program, chosen);
  reprise::apps::add_lab_compare_command(program, chosen);
  reprise::apps::add_lab_explain_command(program, chosen);
  reprise::apps::add_lab_size_command(program, chosen);
  reprise::apps::add_lab_swarm_command(program, chosen);
  reprise::apps::add_lab_report_command(program, chosen);
  reprise::apps::add_lab_calibrate_command(program, chosen);
  reprise::apps::add_lab_validate_command(program, chosen);
  reprise::apps::add_lab_differential_command(program, chosen);
  reprise::apps::add_lab_admits_command(program, chosen);
  return reprise::apps::run_program(program, argument_count, arguments, chosen);
}
