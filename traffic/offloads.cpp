#include "reprise/traffic/offloads.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::traffic {
namespace {

using engine::Expected;

constexpr std::array<std::string_view, 7> kUnwanted = {"tx-udp-segmentation",
                                                       "tx-tcp-segmentation",
                                                       "tx-tcp6-segmentation",
                                                       "tx-tcp-ecn-segmentation",
                                                       "tx-tcp-mangleid-segmentation",
                                                       "tx-generic-segmentation",
                                                       "rx-gro"};
constexpr std::uint32_t kFeaturesPerBlock = 32;

/// One ethtool command: a fixed structure followed by a variable part, in one buffer.
template <class Command>
class VariableCommand {
 public:
  explicit VariableCommand(std::size_t variable_bytes)
      : words_((sizeof(Command) + variable_bytes + sizeof(std::uint64_t) - 1) /
               sizeof(std::uint64_t)) {}
  Command& fixed() { return *reinterpret_cast<Command*>(words_.data()); }
  std::byte* variable() { return reinterpret_cast<std::byte*>(words_.data()) + sizeof(Command); }

 private:
  std::vector<std::uint64_t> words_;
};

class EthtoolCaller {
 public:
  explicit EthtoolCaller(const std::string& interface)
      : interface_(interface), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  Expected<void> call(void* command, std::string_view what) {
    ifreq request{};
    interface_.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = static_cast<char*>(command);
    if (ioctl(socket_.get(), SIOCETHTOOL, &request) < 0) {
      return system_failure(fmt::format("{}: {}", interface_, what));
    }
    return {};
  }

 private:
  std::string interface_;
  posix::Descriptor socket_;
};

Expected<std::vector<std::string>> feature_names(EthtoolCaller& ethtool) {
  VariableCommand<ethtool_sset_info> count(sizeof(std::uint32_t));
  count.fixed().cmd = ETHTOOL_GSSET_INFO;
  count.fixed().sset_mask = std::uint64_t{1} << unsigned{ETH_SS_FEATURES};
  if (auto counted = ethtool.call(&count.fixed(), "cannot count its features"); !counted) {
    return std::unexpected(counted.error());
  }
  std::uint32_t length = 0;
  std::memcpy(&length, count.variable(), sizeof length);

  VariableCommand<ethtool_gstrings> strings(std::size_t{length} * ETH_GSTRING_LEN);
  strings.fixed().cmd = ETHTOOL_GSTRINGS;
  strings.fixed().string_set = ETH_SS_FEATURES;
  strings.fixed().len = length;
  if (auto listed = ethtool.call(&strings.fixed(), "cannot list its features"); !listed) {
    return std::unexpected(listed.error());
  }
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < length; ++i) {
    const char* const text =
        reinterpret_cast<const char*>(strings.variable()) + std::size_t{i} * ETH_GSTRING_LEN;
    names.emplace_back(text, strnlen(text, ETH_GSTRING_LEN));
  }
  return names;
}

}  // namespace

Expected<void> switch_off_offloads(const std::string& interface) {
  EthtoolCaller ethtool(interface);
  const auto names = feature_names(ethtool);
  if (!names) return std::unexpected(names.error());

  std::vector<ethtool_set_features_block> blocks((names->size() + kFeaturesPerBlock - 1) /
                                                 kFeaturesPerBlock);
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (std::ranges::find(kUnwanted, (*names)[i]) == kUnwanted.end()) continue;
    blocks[i / kFeaturesPerBlock].valid |= std::uint32_t{1} << (i % kFeaturesPerBlock);
  }
  const std::size_t bytes = blocks.size() * sizeof(ethtool_set_features_block);
  VariableCommand<ethtool_sfeatures> change(bytes);
  change.fixed().cmd = ETHTOOL_SFEATURES;
  change.fixed().size = static_cast<std::uint32_t>(blocks.size());
  std::memcpy(change.variable(), blocks.data(), bytes);
  return ethtool.call(&change.fixed(), "cannot switch its offloads off");
}

}  // namespace reprise::traffic
