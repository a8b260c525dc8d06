#include "reprise/trial/differential/token_bucket.hpp"

#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "reprise/traffic/system_error.hpp"

namespace reprise::trial {
namespace {

constexpr std::uint32_t kRoot = 1U << 16U;
constexpr std::uint32_t kQueue = 2U << 16U;

/// One rtnetlink request of the form that queueing disciplines have.
class Request {
 public:
  Request(int interface_index, std::uint32_t parent, std::uint32_t handle, unsigned flags) {
    nlmsghdr header{};
    header.nlmsg_type = RTM_NEWQDISC;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
    tcmsg message{};
    message.tcm_family = AF_UNSPEC;
    message.tcm_ifindex = interface_index;
    message.tcm_parent = parent;
    message.tcm_handle = handle;
    append(&message, sizeof message);
  }
  void add(std::uint16_t type, const void* value, std::size_t bytes) {
    const rtattr attribute{static_cast<std::uint16_t>(sizeof(rtattr) + bytes), type};
    append(&attribute, sizeof attribute);
    append(value, bytes);
  }
  void add_text(std::uint16_t type, std::string_view text) { add(type, text.data(), text.size()); }
  std::size_t open(std::uint16_t type) {
    const std::size_t place = used_;
    add(type, nullptr, 0);
    return place;
  }
  void close(std::size_t place) {
    const auto length = static_cast<std::uint16_t>(used_ - place);
    std::memcpy(bytes_.data() + place, &length, sizeof length);
  }
  engine::Expected<void> send(int netlink) {
    const auto length = static_cast<std::uint32_t>(used_);
    std::memcpy(bytes_.data(), &length, sizeof length);
    if (::send(netlink, bytes_.data(), used_, 0) < 0) {
      return traffic::system_failure("token bucket: rtnetlink");
    }
    std::array<std::byte, 4096> answer{};
    if (::recv(netlink, answer.data(), answer.size(), 0) < 0) {
      return traffic::system_failure("token bucket: rtnetlink");
    }
    nlmsgerr result{};
    std::memcpy(&result, answer.data() + sizeof(nlmsghdr), sizeof result);
    if (result.error == 0) return {};
    return traffic::system_failure("token bucket (needs CONFIG_NET_SCH_TBF)", -result.error);
  }

 private:
  void append(const void* value, std::size_t bytes) {
    if (bytes > 0) std::memcpy(bytes_.data() + used_, value, bytes);
    used_ += (bytes + 3) & ~std::size_t{3};
  }
  std::array<std::byte, 512> bytes_{};
  std::size_t used_ = 0;
};

engine::Expected<void> set(int netlink, int interface_index, const TokenBucket& bucket,
                           unsigned flags) {
  Request request(interface_index, TC_H_ROOT, kRoot, flags);
  request.add_text(TCA_KIND, std::string_view("tbf\0", 4));
  const std::size_t options = request.open(TCA_OPTIONS);
  tc_tbf_qopt parameters{};
  parameters.rate.rate = static_cast<std::uint32_t>(bucket.bytes_per_second);
  parameters.rate.linklayer = TC_LINKLAYER_ETHERNET;
  parameters.limit = bucket.queue;
  request.add(TCA_TBF_PARMS, &parameters, sizeof parameters);
  request.add(TCA_TBF_BURST, &kBurstBytes, sizeof kBurstBytes);
  request.close(options);
  return request.send(netlink);
}

}  // namespace

engine::Expected<void> add_token_bucket(int netlink, int interface_index,
                                        const TokenBucket& bucket) {
  if (auto made = set(netlink, interface_index, bucket, NLM_F_CREATE | NLM_F_REPLACE); !made) {
    return made;
  }
  Request request(interface_index, kRoot | 1U, kQueue, NLM_F_CREATE | NLM_F_REPLACE);
  request.add_text(TCA_KIND, std::string_view("pfifo\0", 6));
  const tc_fifo_qopt limit{bucket.queue};
  request.add(TCA_OPTIONS, &limit, sizeof limit);
  return request.send(netlink);
}

engine::Expected<void> change_token_bucket(int netlink, int interface_index,
                                           const TokenBucket& bucket) {
  return set(netlink, interface_index, bucket, 0);
}

}  // namespace reprise::trial
