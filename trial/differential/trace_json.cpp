#include "reprise/trial/differential/trace_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace reprise::trial {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, engine::kOperationCount> kOperations{
    "receive", "packet_ring_receive", "send",          "segmented_send", "zero_copy_send",
    "provide", "wait_readable",       "wait_writable", "deadline",       "cancel"};
constexpr std::array<std::string_view, 4> kMalformations{"none", "bad_descriptor", "bad_pointer",
                                                         "malformed"};
struct FlagName {
  std::uint8_t flag;
  const char* name;
};
constexpr std::array<FlagName, 3> kFlags{{{engine::SubmissionFlags::kMultishot, "multishot"},
                                          {engine::SubmissionFlags::kDoNotWait, "do_not_wait"},
                                          {engine::SubmissionFlags::kLinked, "linked"}}};

ordered_json entry_json(const TraceEntry& entry) {
  ordered_json json{{"operation", kOperations[static_cast<std::size_t>(entry.operation)]},
                    {"token", entry.token}};
  switch (entry.operation) {
    case engine::Operation::send:
    case engine::Operation::segmented_send:
    case engine::Operation::zero_copy_send:
      json["socket"] = entry.socket;
      json["payload_bytes"] = entry.payload_bytes;
      json["sequence"] = entry.sequence;
      if (entry.segment_bytes != 0) json["segment_bytes"] = entry.segment_bytes;
      if (entry.sequence_step != 0) json["sequence_step"] = entry.sequence_step;
      break;
    case engine::Operation::receive:
    case engine::Operation::wait_readable:
    case engine::Operation::wait_writable:
    case engine::Operation::packet_ring_receive: json["socket"] = entry.socket; break;
    case engine::Operation::deadline: json["is_due"] = entry.is_due; break;
    case engine::Operation::cancel: json["target"] = entry.target; break;
    case engine::Operation::provide: break;
  }
  for (const FlagName& flag : kFlags) {
    if ((entry.flags & flag.flag) != 0) json[flag.name] = true;
  }
  if (entry.malformation != sim::Malformation::none) {
    json["malformation"] = kMalformations[static_cast<std::size_t>(entry.malformation)];
  }
  return json;
}

ordered_json completion_json(const TraceCompletion& completion) {
  ordered_json json{{"token", completion.token}};
  if (completion.errno_value != 0) json["errno"] = completion.errno_value;
  if (completion.result_bytes != 0) json["result_bytes"] = completion.result_bytes;
  if (completion.more) json["more"] = true;
  if (completion.has_datagram) {
    json["region"] = completion.region;
    json["flow"] = completion.flow;
    json["sequence"] = completion.sequence;
  }
  return json;
}

bool is_operators(ActKind kind) { return kind >= ActKind::set_up; }

/// Reads one object: every member is asked for by name, and what nobody asked for is an error.
class Reader {
 public:
  Reader(const ordered_json& json, std::string where) : json_(&json), where_(std::move(where)) {
    if (!json.is_object()) throw std::runtime_error(where_ + ": expected an object");
  }
  template <class T>
  T number(const char* key, std::optional<T> otherwise = {}) {
    const ordered_json* value = find(key);
    if (value == nullptr) return absent(key, otherwise);
    if (!value->is_number_integer()) fail(key, "a whole number");
    const auto wide = value->get<std::int64_t>();
    if (!std::in_range<T>(wide)) fail(key, "a number in range");
    return static_cast<T>(wide);
  }
  bool truth(const char* key, std::optional<bool> otherwise = {}) {
    const ordered_json* value = find(key);
    if (value == nullptr) return absent(key, otherwise);
    if (!value->is_boolean()) fail(key, "true or false");
    return value->get<bool>();
  }
  std::size_t word(const char* key, std::span<const std::string_view> words,
                   std::optional<std::size_t> otherwise = {}) {
    const ordered_json* value = find(key);
    if (value == nullptr) return absent(key, otherwise);
    for (std::size_t index = 0; index < words.size(); ++index) {
      if (value->is_string() && value->get<std::string>() == words[index]) return index;
    }
    fail(key, fmt::format("one of {}", fmt::join(words, ", ")));
  }
  const ordered_json& list(const char* key) {
    const ordered_json* value = find(key);
    if (value == nullptr || !value->is_array()) fail(key, "a list");
    return *value;
  }
  [[nodiscard]] std::string where(const char* key, std::size_t index) const {
    return fmt::format("{}: {}[{}]", where_, key, index);
  }
  void finish() const {
    for (const auto& [key, value] : json_->items()) {
      if (!seen_.contains(key)) throw std::runtime_error(where_ + ": " + key + ": no such member");
    }
  }

 private:
  const ordered_json* find(const char* key) {
    seen_.insert(key);
    const auto found = json_->find(key);
    return found == json_->end() ? nullptr : &*found;
  }
  template <class T>
  T absent(const char* key, const std::optional<T>& otherwise) const {
    if (!otherwise) throw std::runtime_error(fmt::format("{}: {}: is missing", where_, key));
    return *otherwise;
  }
  [[noreturn]] void fail(const char* key, const std::string& expected) const {
    throw std::runtime_error(fmt::format("{}: {}: {}; expected {}", where_, key,
                                         json_->contains(key) ? (*json_)[key].dump() : "nothing",
                                         expected));
  }
  const ordered_json* json_;
  std::string where_;
  std::set<std::string, std::less<>> seen_;
};

TraceSetup read_setup(const ordered_json& json, const std::string& where) {
  Reader reader(json, where);
  TraceSetup setup;
  if (const auto version = reader.number<std::uint32_t>("trace"); version != kTraceVersion) {
    throw std::runtime_error(
        fmt::format("{}: trace: version {}; expected {}", where, version, kTraceVersion));
  }
  setup.task_run = static_cast<sim::TaskRun>(reader.word("task_run", sim::kTaskRunNames));
  setup.submissions_max = reader.number<std::uint32_t>("submissions_max");
  setup.completions_max = reader.number<std::uint32_t>("completions_max");
  setup.regions = reader.number<std::uint32_t>("regions");
  setup.region_bytes = reader.number<std::uint32_t>("region_bytes");
  std::size_t index = 0;
  for (const ordered_json& item : reader.list("links")) {
    Reader link(item, reader.where("links", index++));
    LinkSetup& made = setup.links.emplace_back();
    made.is_shaped = link.truth("is_shaped");
    made.queue = link.number<std::uint32_t>("queue");
    made.burst_bytes = link.number<std::uint32_t>("burst_bytes");
    link.finish();
  }
  index = 0;
  for (const ordered_json& item : reader.list("receivers")) {
    Reader receiver(item, reader.where("receivers", index++));
    ReceiverSetup& made = setup.receivers.emplace_back();
    made.link = receiver.number<std::uint32_t>("link");
    made.is_packet_socket = receiver.truth("is_packet_socket");
    made.buffer_bytes = receiver.number<std::uint32_t>("buffer_bytes");
    receiver.finish();
  }
  index = 0;
  for (const ordered_json& item : reader.list("senders")) {
    Reader sender(item, reader.where("senders", index++));
    SenderSetup& made = setup.senders.emplace_back();
    made.link = sender.number<std::uint32_t>("link");
    made.receiver = sender.number<std::uint32_t>("receiver", kNoReceiver);
    made.buffer_bytes = sender.number<std::uint32_t>("buffer_bytes");
    made.tells_drops = sender.truth("tells_drops", false);
    made.forbids_fragments = sender.truth("forbids_fragments", false);
    sender.finish();
  }
  reader.finish();
  return setup;
}

TraceEntry read_entry(const ordered_json& json, const std::string& where) {
  Reader reader(json, where);
  TraceEntry entry;
  entry.operation = static_cast<engine::Operation>(reader.word("operation", kOperations));
  entry.token = reader.number<std::uint32_t>("token");
  entry.socket = reader.number<std::uint32_t>("socket", 0);
  entry.payload_bytes = reader.number<std::uint32_t>("payload_bytes", 0);
  entry.sequence = reader.number<std::uint64_t>("sequence", 0);
  entry.segment_bytes = reader.number<std::uint16_t>("segment_bytes", std::uint16_t{0});
  entry.sequence_step = reader.number<std::uint16_t>("sequence_step", std::uint16_t{0});
  entry.target = reader.number<std::uint32_t>("target", 0);
  entry.is_due = reader.truth("is_due", false);
  for (const FlagName& flag : kFlags) {
    if (reader.truth(flag.name, false)) entry.flags |= flag.flag;
  }
  entry.malformation =
      static_cast<sim::Malformation>(reader.word("malformation", kMalformations, 0));
  reader.finish();
  return entry;
}

TraceCompletion read_completion(const ordered_json& json, const std::string& where) {
  Reader reader(json, where);
  TraceCompletion completion;
  completion.token = reader.number<std::uint32_t>("token");
  completion.errno_value = reader.number<std::int32_t>("errno", 0);
  completion.result_bytes = reader.number<std::uint32_t>("result_bytes", 0);
  completion.more = reader.truth("more", false);
  completion.has_datagram = json.contains("sequence");
  completion.region = reader.number<std::uint32_t>("region", 0);
  completion.flow = reader.number<std::uint32_t>("flow", 0);
  completion.sequence = reader.number<std::uint64_t>("sequence", 0);
  reader.finish();
  return completion;
}

Act read_act(const ordered_json& json, const std::string& where) {
  static const std::vector<std::string_view> kinds = [] {
    std::vector<std::string_view> names;
    names.reserve(kActKindCount);
    for (std::size_t kind = 0; kind < kActKindCount; ++kind) {
      names.push_back(name(static_cast<ActKind>(kind)));
    }
    return names;
  }();
  Reader reader(json, where);
  Act act;
  act.kind = static_cast<ActKind>(reader.word("act", kinds));
  if (act.kind == ActKind::submit) {
    std::size_t index = 0;
    for (const ordered_json& item : reader.list("entries")) {
      act.entries.push_back(read_entry(item, reader.where("entries", index++)));
    }
    act.collects = reader.truth("collects");
    act.submitted = reader.number<std::uint32_t>("submitted");
    act.errno_value = reader.number<std::int32_t>("errno");
  } else if (act.kind == ActKind::provide) {
    for (const ordered_json& item : reader.list("regions")) {
      if (!item.is_number_unsigned()) throw std::runtime_error(where + ": regions: not numbers");
      act.regions.push_back(item.get<std::uint32_t>());
    }
  } else if (act.kind == ActKind::wait) {
    act.count = reader.number<std::uint32_t>("count");
    act.errno_value = reader.number<std::int32_t>("errno");
  } else if (is_operators(act.kind)) {
    act.link = reader.number<std::uint32_t>("link");
    act.value = reader.number<std::uint32_t>("value");
  } else {
    std::size_t index = 0;
    for (const ordered_json& item : reader.list("completions")) {
      act.completions.push_back(read_completion(item, reader.where("completions", index++)));
    }
  }
  reader.finish();
  return act;
}

}  // namespace

std::string to_json_line(const TraceSetup& setup) {
  ordered_json json{{"trace", kTraceVersion},
                    {"task_run", sim::name(setup.task_run)},
                    {"submissions_max", setup.submissions_max},
                    {"completions_max", setup.completions_max},
                    {"regions", setup.regions},
                    {"region_bytes", setup.region_bytes},
                    {"links", ordered_json::array()},
                    {"receivers", ordered_json::array()},
                    {"senders", ordered_json::array()}};
  for (const LinkSetup& link : setup.links) {
    json["links"].push_back(
        {{"is_shaped", link.is_shaped}, {"queue", link.queue}, {"burst_bytes", link.burst_bytes}});
  }
  for (const ReceiverSetup& receiver : setup.receivers) {
    json["receivers"].push_back({{"link", receiver.link},
                                 {"is_packet_socket", receiver.is_packet_socket},
                                 {"buffer_bytes", receiver.buffer_bytes}});
  }
  for (const SenderSetup& sender : setup.senders) {
    ordered_json made{{"link", sender.link}};
    if (sender.receiver != kNoReceiver) made["receiver"] = sender.receiver;
    made["buffer_bytes"] = sender.buffer_bytes;
    if (sender.tells_drops) made["tells_drops"] = true;
    if (sender.forbids_fragments) made["forbids_fragments"] = true;
    json["senders"].push_back(made);
  }
  return json.dump();
}

std::string to_json_line(const Act& act) {
  ordered_json json{{"act", name(act.kind)}};
  switch (act.kind) {
    case ActKind::submit:
      json["entries"] = ordered_json::array();
      for (const TraceEntry& entry : act.entries) json["entries"].push_back(entry_json(entry));
      json["collects"] = act.collects;
      json["submitted"] = act.submitted;
      json["errno"] = act.errno_value;
      break;
    case ActKind::provide: json["regions"] = act.regions; break;
    case ActKind::wait:
      json["count"] = act.count;
      json["errno"] = act.errno_value;
      break;
    case ActKind::reap:
    case ActKind::quiesce:
      json["completions"] = ordered_json::array();
      for (const TraceCompletion& completion : act.completions) {
        json["completions"].push_back(completion_json(completion));
      }
      break;
    case ActKind::set_up:
    case ActKind::set_carrier:
    case ActKind::set_address:
    case ActKind::set_mtu:
    case ActKind::set_blocked:
      json["link"] = act.link;
      json["value"] = act.value;
      break;
  }
  return json.dump();
}

engine::Expected<Trace> parse_trace(std::string_view text) {
  Trace trace;
  std::istringstream lines{std::string(text)};
  std::string line;
  bool has_setup = false;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    if (line.empty()) continue;
    const std::string where = fmt::format("line {}", number);
    try {
      const ordered_json json = ordered_json::parse(line);
      if (!std::exchange(has_setup, true)) {
        trace.setup = read_setup(json, where);
      } else {
        trace.acts.push_back(read_act(json, where));
      }
    } catch (const ordered_json::exception& error) {
      return engine::failure(fmt::format("{}: {}", where, error.what()), EINVAL);
    } catch (const std::runtime_error& error) {
      return engine::failure(error.what(), EINVAL);
    }
  }
  if (!has_setup) return engine::failure("empty; expected a trace as JSON lines", EINVAL);
  return trace;
}

engine::Expected<Trace> read_trace(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    const int errno_value = errno == 0 ? EIO : errno;
    return engine::failure(
        fmt::format("{}: cannot be read: {}", path, std::generic_category().message(errno_value)),
        errno_value);
  }
  auto trace = parse_trace(text.str());
  if (!trace) return engine::failure(path + ": " + trace.error().message, EINVAL);
  return trace;
}

engine::Expected<void> write_trace(const std::string& path, const Trace& trace) {
  errno = 0;
  std::ofstream file(path);
  file << to_json_line(trace.setup) << '\n';
  for (const Act& act : trace.acts) file << to_json_line(act) << '\n';
  file.close();
  if (file) return {};
  const int errno_value = errno == 0 ? EIO : errno;
  return engine::failure(
      fmt::format("{}: cannot be written: {}", path, std::generic_category().message(errno_value)),
      errno_value);
}

}  // namespace reprise::trial
