#include "reprise/posix/socket_option.hpp"

#include <linux/filter.h>

#include <algorithm>
#include <limits>

namespace reprise::posix {

void set_buffer_bytes(int descriptor, BufferSide side, std::uint32_t bytes) {
  if (bytes == 0) return;
  const bool is_receive = side == BufferSide::receive;
  const int value = static_cast<int>(
      std::min(bytes, static_cast<std::uint32_t>(std::numeric_limits<int>::max() / 2)));
  const int forced = is_receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
  const int limited = is_receive ? SO_RCVBUF : SO_SNDBUF;
  if (::setsockopt(descriptor, SOL_SOCKET, forced, &value, sizeof(value)) == 0) return;
  // Without CAP_NET_ADMIN the kernel cuts the value to net.core.rmem_max or wmem_max and succeeds.
  ::setsockopt(descriptor, SOL_SOCKET, limited, &value, sizeof(value));
}

engine::Expected<void> discard_received(int descriptor, std::string_view what) {
  set_buffer_bytes(descriptor, BufferSide::receive, 1);
  sock_filter drop_all{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop_all};
  return set_option(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, program, what, "SO_ATTACH_FILTER");
}

}  // namespace reprise::posix
