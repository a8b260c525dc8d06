# Every library that is not ours, found once at the root so that each folder sees its target.
#
# The Debian packages that bring them are listed in packaging/debian-packages.txt.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# PkgConfig::LIBURING, PkgConfig::LIBCAP_NG, PkgConfig::LIBMNL, PkgConfig::LIBNL_ROUTE,
# PkgConfig::LIBPCAP
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(LIBCAP_NG REQUIRED IMPORTED_TARGET libcap-ng)
pkg_check_modules(LIBMNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(LIBNL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(LIBPCAP REQUIRED IMPORTED_TARGET libpcap>=1.10)

find_package(Boost 1.74 REQUIRED)          # Boost::headers, of which we use Asio and Lockfree
find_package(fmt 9 REQUIRED)               # fmt::fmt
find_package(CLI11 2.1 REQUIRED)           # CLI11::CLI11
find_package(nlohmann_json 3.11 REQUIRED)  # nlohmann_json::nlohmann_json
find_package(tomlplusplus 3.3 REQUIRED)    # tomlplusplus::tomlplusplus
find_package(rapidcheck REQUIRED)          # rapidcheck; rapidcheck_gtest for the properties

if(REPRISE_TESTS)
  find_package(benchmark 1.7 REQUIRED)                        # benchmark::benchmark
  find_package(GTest 1.12 REQUIRED)                           # GTest::gtest_main, GTest::gmock
  find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)  # the checks in tools/
endif()
