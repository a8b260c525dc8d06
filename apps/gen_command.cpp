// reprise gen TO
#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <memory>

#include "commands.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/numbered.hpp"
#include "reprise/traffic/results_json.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct GenArguments {
  std::string destination;
  traffic::GeneratorOptions options;
  bool json = false;
};

std::string to_text(const traffic::GeneratorResult& result) {
  std::string text = fmt::format("sent {} in {:.2f} s\n", result.sent,
                                 static_cast<double>(result.duration.ns) / 1e9);
  for (const auto& [errno_value, count] : result.refused) {
    text += fmt::format("{} send calls failed: {}\n", count, std::strerror(errno_value));
  }
  if (result.gave_up) text += "gave up: nothing could be sent any more\n";
  return text;
}

Exit gen(GenArguments arguments) {
  const auto destination = engine::parse_endpoint(arguments.destination);
  if (!destination) return refuse(destination.error());
  arguments.options.destination = *destination;
  const StopSignals signals;
  const auto result = traffic::generate(arguments.options, signals.flag());
  if (!result) return refuse(result.error());
  if (arguments.json) {
    print_json(traffic::to_json(*result));
  } else {
    print_text(to_text(*result));
  }
  return result->gave_up ? Exit::not_held : Exit::held;
}

}  // namespace

void add_gen_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<GenArguments>();
  CLI::App* command = program.add_subcommand("gen", "Send numbered, checksummed test datagrams");
  command->footer("  reprise gen 239.1.1.1:5000%eth0 --rate 1000 --count 60000");
  command->add_option("TO", arguments->destination, "[SOURCE@]GROUP:PORT[%INTERFACE]")->required();
  command->add_option("--count", arguments->options.count, "datagrams (default: until Ctrl-C)")
      ->check(whole_number(1, kCountMax));
  command
      ->add_option("--rate", arguments->options.rate_per_second,
                   "datagrams per second (default: as fast as it goes)")
      ->check(whole_number(1, 1'000'000'000));
  command->add_option("--payload", arguments->options.payload_bytes, "bytes of each (default 1400)")
      ->check(whole_number(traffic::kPayloadBytesMin, traffic::kPayloadBytesMax));
  command
      ->add_option("--stream", arguments->options.stream,
                   "stream number, for several at once (default 1)")
      ->check(whole_number(0, std::numeric_limits<std::uint32_t>::max()));
  command->add_option("--ttl", arguments->options.hops, "TTL or hop limit (default 16)")
      ->check(whole_number(1, 255));
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return gen(*arguments); }; });
}

}  // namespace reprise::apps
