// reprise: the relay, and the tools to see that it works.
#include "command.hpp"
#include "commands.hpp"

int main(int argument_count, char** arguments) {
  CLI::App program("Relays UDP multicast and unicast from one interface to others.", "reprise");
  std::function<reprise::apps::Exit()> chosen;
  reprise::apps::add_run_command(program, chosen);
  reprise::apps::add_gen_command(program, chosen);
  reprise::apps::add_recv_command(program, chosen);
  reprise::apps::add_demo_command(program, chosen);
  return reprise::apps::run_program(program, argument_count, arguments, chosen);
}
