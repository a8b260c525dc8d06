#include "reprise/daemon/shield/traffic_control.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "reprise/posix/errno_text.hpp"

namespace reprise::daemon {
namespace {

using engine::Expected;

constexpr std::size_t kMessageBytes = 32'768;  ///< the longest that the kernel writes in a dump
constexpr std::uint32_t kClsactHandle = TC_H_MAKE(TC_H_CLSACT, 0);
constexpr const char* kClsact = "clsact";
constexpr const char* kClassicBpf = "bpf";

/// Valid on an `ingress` queueing discipline too.
constexpr std::uint32_t hook_of(Direction direction) {
  return TC_H_MAKE(TC_H_CLSACT, direction == Direction::ingress ? std::uint32_t{TC_H_MIN_INGRESS}
                                                                : std::uint32_t{TC_H_MIN_EGRESS});
}

tcmsg* body_of(nlmsghdr* message) { return static_cast<tcmsg*>(mnl_nlmsg_get_payload(message)); }

template <std::size_t Count>
using Attributes = std::array<const nlattr*, Count>;

template <std::size_t Count>
int keep(const nlattr* attribute, void* attributes) {
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < Count) (*static_cast<Attributes<Count>*>(attributes))[type] = attribute;
  return MNL_CB_OK;
}

std::vector<sock_filter> program_in(const nlattr* options) {
  Attributes<TCA_BPF_MAX + 1> found{};
  mnl_attr_parse_nested(options, keep<found.size()>, &found);
  if (found[TCA_BPF_OPS] == nullptr) return {};
  std::vector<sock_filter> program(mnl_attr_get_payload_len(found[TCA_BPF_OPS]) /
                                   sizeof(sock_filter));
  std::memcpy(program.data(), mnl_attr_get_payload(found[TCA_BPF_OPS]),
              program.size() * sizeof(sock_filter));
  return program;
}

FilterEntry entry_in(const nlmsghdr& message) {
  const auto* body = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(&message));
  Attributes<TCA_MAX + 1> found{};
  mnl_attr_parse(&message, sizeof(tcmsg), keep<found.size()>, &found);
  FilterEntry entry;
  entry.priority = static_cast<std::uint16_t>(TC_H_MAJ(body->tcm_info) >> 16U);
  entry.handle = body->tcm_handle;
  if (found[TCA_KIND] != nullptr) entry.kind = mnl_attr_get_str(found[TCA_KIND]);
  if (entry.kind == kClassicBpf && found[TCA_OPTIONS] != nullptr) {
    entry.program = program_in(found[TCA_OPTIONS]);
  }
  return entry;
}

/// "Parent Qdisc doesn't exists", or what errno says.
std::string words_of(const nlmsghdr& message, int errno_value) {
  Attributes<NLMSGERR_ATTR_MAX + 1> found{};
  // With NETLINK_CAP_ACK only the request's header is repeated.
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    mnl_attr_parse(&message, sizeof(nlmsgerr), keep<found.size()>, &found);
  }
  if (found[NLMSGERR_ATTR_MSG] == nullptr) return posix::errno_text(errno_value);
  return std::string(mnl_attr_get_str(found[NLMSGERR_ATTR_MSG])) + ": " +
         posix::errno_text(errno_value);
}

}  // namespace

void TrafficControl::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

TrafficControl::TrafficControl(mnl_socket* socket)
    : socket_(socket), request_(kMessageBytes), answers_(kMessageBytes) {}

Expected<TrafficControl> TrafficControl::open() {
  TrafficControl control(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (control.socket_ == nullptr || mnl_socket_bind(control.socket_.get(), 0, 0) != 0) {
    return engine::failure("a netlink socket: " + posix::errno_text(errno), errno);
  }
  int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK})
    mnl_socket_setsockopt(control.socket_.get(), option, &on, sizeof(on));
  return control;
}

Expected<std::vector<FilterEntry>> TrafficControl::filters(int interface_index,
                                                           Direction direction) {
  std::vector<FilterEntry> entries;
  nlmsghdr* const request = begin(RTM_GETTFILTER, NLM_F_DUMP, interface_index, hook_of(direction));
  auto asked = ask(request, [&entries](const nlmsghdr& message) {
    if (message.nlmsg_type == RTM_NEWTFILTER) entries.push_back(entry_in(message));
  });
  if (asked) return entries;
  // A kernel without traffic control has no filters either.
  if (asked.error().errno_value == EOPNOTSUPP) return std::vector<FilterEntry>{};
  return std::unexpected(asked.error());
}

Expected<bool> TrafficControl::add_clsact(int interface_index) {
  nlmsghdr* const request =
      begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, interface_index, TC_H_CLSACT);
  body_of(request)->tcm_handle = kClsactHandle;
  mnl_attr_put_strz(request, TCA_KIND, kClsact);
  auto asked = ask(request);
  if (asked) return true;
  if (asked.error().errno_value == EEXIST) return false;
  return std::unexpected(asked.error());
}

Expected<void> TrafficControl::remove_clsact(int interface_index) {
  nlmsghdr* const request = begin(RTM_DELQDISC, NLM_F_ACK, interface_index, TC_H_CLSACT);
  body_of(request)->tcm_handle = kClsactHandle;
  mnl_attr_put_strz(request, TCA_KIND, kClsact);
  return ask(request);
}

Expected<void> TrafficControl::add_ingress_filter(int interface_index, std::uint16_t priority,
                                                  std::span<const sock_filter> program) {
  nlmsghdr* const request = begin(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                                  interface_index, hook_of(Direction::ingress));
  body_of(request)->tcm_info =
      TC_H_MAKE(std::uint32_t{priority} << 16U, std::uint32_t{htons(ETH_P_ALL)});
  mnl_attr_put_strz(request, TCA_KIND, kClassicBpf);
  nlattr* const options = mnl_attr_nest_start(request, TCA_OPTIONS);
  mnl_attr_put_u16(request, TCA_BPF_OPS_LEN, static_cast<std::uint16_t>(program.size()));
  mnl_attr_put(request, TCA_BPF_OPS, program.size_bytes(), program.data());
  mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  mnl_attr_put_u32(request, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
  mnl_attr_nest_end(request, options);
  return ask(request);
}

Expected<void> TrafficControl::remove_ingress_filter(int interface_index,
                                                     const FilterEntry& filter) {
  nlmsghdr* const request =
      begin(RTM_DELTFILTER, NLM_F_ACK, interface_index, hook_of(Direction::ingress));
  body_of(request)->tcm_handle = filter.handle;
  body_of(request)->tcm_info =
      TC_H_MAKE(std::uint32_t{filter.priority} << 16U, std::uint32_t{htons(ETH_P_ALL)});
  mnl_attr_put_strz(request, TCA_KIND, kClassicBpf);
  return ask(request);
}

/// Starts a request in request_.
nlmsghdr* TrafficControl::begin(std::uint16_t type, int flags, int interface_index,
                                std::uint32_t parent) {
  nlmsghdr* const request = mnl_nlmsg_put_header(request_.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request->nlmsg_seq = ++sequence_;
  auto* body = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
  body->tcm_family = AF_UNSPEC;
  body->tcm_ifindex = interface_index;
  body->tcm_parent = parent;
  return request;
}

Expected<void> TrafficControl::ask(nlmsghdr* request, const Answer& answer) {
  mnl_socket* const socket = socket_.get();
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
    return engine::failure(posix::errno_text(errno), errno);
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket, answers_.data(), answers_.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return engine::failure(posix::errno_text(errno), errno);
    auto rest = static_cast<int>(received);
    const void* place = answers_.data();
    while (mnl_nlmsg_ok(static_cast<const nlmsghdr*>(place), rest)) {
      const auto& message = *static_cast<const nlmsghdr*>(place);
      if (message.nlmsg_seq == request->nlmsg_seq) {
        const auto over = is_over(message);
        if (!over) return std::unexpected(over.error());
        if (*over) return {};
        if (answer) answer(message);
      }
      place = mnl_nlmsg_next(&message, &rest);
    }
  }
}

/// Whether the kernel has nothing more to say to the request.
Expected<bool> TrafficControl::is_over(const nlmsghdr& message) {
  if (message.nlmsg_type != NLMSG_ERROR && message.nlmsg_type != NLMSG_DONE) return false;
  // Both begin with 0 or a negative errno.
  int code = 0;
  if (mnl_nlmsg_get_payload_len(&message) >= sizeof(code))
    std::memcpy(&code, mnl_nlmsg_get_payload(&message), sizeof(code));
  if (code == 0) return true;
  return engine::failure(
      message.nlmsg_type == NLMSG_ERROR ? words_of(message, -code) : posix::errno_text(-code),
      -code);
}

}  // namespace reprise::daemon
