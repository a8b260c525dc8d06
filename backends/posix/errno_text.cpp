#include "reprise/posix/errno_text.hpp"

#include <cstring>

namespace reprise::posix {

std::string errno_text(int errno_value) {
  const char* description = ::strerrordesc_np(errno_value);
  const char* name = ::strerrorname_np(errno_value);
  if (description == nullptr || name == nullptr) return "error " + std::to_string(errno_value);
  return std::string(description) + " (" + name + ")";
}

}  // namespace reprise::posix
