// Uses one thing of each installed library; succeeds when all of them are there.
#include <cstdio>

#include "reprise/engine/endpoint.hpp"

int main() {
  const auto endpoint = reprise::engine::parse_endpoint("239.1.1.1:5000%eth0");
  if (!endpoint) {
    std::fprintf(stderr, "%s\n", endpoint.error().message.c_str());
    return 1;
  }
  std::puts(reprise::engine::to_string(*endpoint).c_str());
  return 0;
}
