// Text from outside, made safe to show inside a one-line message.
#pragma once

#include <string>
#include <string_view>

namespace reprise::engine {

/// The text in double quotes, on one line: control characters, quotes and backslashes become \xNN.
inline std::string quoted(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string result = "\"";
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\') {
      result += character;
    } else {
      result += "\\x";
      result += kHexDigits[byte >> 4U];
      result += kHexDigits[byte & 0xfU];
    }
  }
  return result + '"';
}

}  // namespace reprise::engine
