#include "reprise/posix/send_room.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace reprise::posix {

SendRoom SendRoom::of(int descriptor, std::uint32_t send_buffer_bytes) {
  SendRoom room;
  int occupied_bytes = 0;
  if (::ioctl(descriptor, SIOCOUTQ, &occupied_bytes) == 0)
    room.left_bytes_ = std::int64_t{send_buffer_bytes} - occupied_bytes;
  return room;
}

}  // namespace reprise::posix
