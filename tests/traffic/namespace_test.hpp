// What tests of traffic in namespaces share: a visible skip where the host allows none, and two
// hosts with one cable between them.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "reprise/engine/endpoint.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/traffic/veth.hpp"

namespace reprise::traffic {

/// The value, or a failed test with the error's message.
template <class T>
T value_of(engine::Expected<T> expected) {
  if (!expected) throw std::runtime_error(expected.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*expected);
}

inline engine::Address address_of(const char* text) {
  return value_of(engine::parse_address(text));
}

class NamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (auto allowed = allow_namespaces(); !allowed) GTEST_SKIP() << allowed.error().message;
  }
};

/// left 192.0.2.1, 2001:db8::1 ── right 192.0.2.2, 2001:db8::2
class CableTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped()) return;
    left_.emplace(value_of(Namespace::create()));
    right_.emplace(value_of(Namespace::create()));
    const VethEnd left{&*left_,
                       "left0",
                       {{address_of("192.0.2.1"), 24},
                        {address_of("192.0.2.101"), 24},
                        {address_of("2001:db8::1"), 64}}};
    const VethEnd right{
        &*right_, "right0", {{address_of("192.0.2.2"), 24}, {address_of("2001:db8::2"), 64}}};
    const auto made = create_veth_pair(left, right);
    ASSERT_TRUE(made) << made.error().message;
  }

  std::optional<Namespace> left_;
  std::optional<Namespace> right_;
};

}  // namespace reprise::traffic
