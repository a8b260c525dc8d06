# How tests, properties and benchmarks become targets.
#
# Sources are globbed: a new file in a test folder is part of its program with the next build.

include(GoogleTest)

# Everything that the tests run, without the benchmarks.
if(NOT TARGET test_programs)
  add_custom_target(test_programs)
endif()

set(REPRISE_TEST_TIMEOUT_SECONDS 300 CACHE STRING "After how long one test counts as failed")

# reprise_test_folder(<folder> [LABEL <label>] [SERIAL] [VARIANTS …] [LINK …] [RUNS …])
#
# Every *.cpp in <folder> below the current one, except *_slow_test.cpp, makes the program
# tests_<folder>; its tests carry the label (default: the folder's name). The files *_slow_test.cpp
# make tests_<folder>_slow, labelled `slow`, which only `./dev test --slow` runs.
# SERIAL: no other test runs beside these. LINK: libraries. RUNS: programs that the tests start.
# VARIANTS: tests whose parameter's name begins with a variant carry the label <label>-<variant>.
function(reprise_test_folder folder)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "SERIAL" "LABEL" "VARIANTS;LINK;RUNS")
  if(NOT ARG_LABEL)
    set(ARG_LABEL ${folder})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  set(slow_sources ${sources})
  list(FILTER slow_sources INCLUDE REGEX "_slow_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_slow_test\\.cpp$")
  string(REPLACE "/" "_" program tests_${folder})
  reprise_test_program(${program} LABEL ${ARG_LABEL} SERIAL ${ARG_SERIAL}
    VARIANTS ${ARG_VARIANTS} SOURCES ${sources} LINK ${ARG_LINK} RUNS ${ARG_RUNS})
  reprise_test_program(${program}_slow LABEL slow SERIAL ${ARG_SERIAL}
    SOURCES ${slow_sources} LINK ${ARG_LINK} RUNS ${ARG_RUNS})
endfunction()

# reprise_test_program(<name> LABEL <label> [SERIAL <bool>] [VARIANTS …] SOURCES … [LINK …]
#                      [RUNS …])
#
# One GoogleTest program whose tests ctest knows by name. Without sources there is no program.
function(reprise_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LABEL;SERIAL" "VARIANTS;SOURCES;LINK;RUNS")
  if(NOT ARG_SOURCES)
    return()
  endif()
  reprise_program(${name} SOURCES ${ARG_SOURCES} LINK ${ARG_LINK} GTest::gtest_main GTest::gmock)
  reprise_compile_lightly(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/include)
  target_compile_definitions(${name} PRIVATE
    REPRISE_PROGRAM_FOLDER="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
    REPRISE_SOURCE_FOLDER="${PROJECT_SOURCE_DIR}")
  foreach(program IN LISTS ARG_RUNS)
    if(TARGET ${program})
      add_dependencies(${name} ${program})
    endif()
  endforeach()
  add_dependencies(test_programs ${name})
  if(NOT ARG_SERIAL)
    set(ARG_SERIAL FALSE)
  endif()
  set(others "*")
  if(ARG_VARIANTS)
    list(TRANSFORM ARG_VARIANTS REPLACE "(.+)" "*/\\1*" OUTPUT_VARIABLE patterns)
    list(JOIN patterns ":" patterns)
    set(others "-${patterns}")
  endif()
  reprise_discover_tests(${name} "${others}" ${ARG_LABEL} ${ARG_SERIAL})
  foreach(variant IN LISTS ARG_VARIANTS)
    reprise_discover_tests(${name} "*/${variant}*" ${ARG_LABEL}-${variant} ${ARG_SERIAL})
  endforeach()
endfunction()

# The tests of a program that match the GoogleTest filter.
function(reprise_discover_tests name filter label is_serial)
  # Without values in the names: those of our own say what they mean, and hold no addresses.
  gtest_discover_tests(${name}
    NO_PRETTY_VALUES
    TEST_FILTER "${filter}"
    TEST_LIST ${name}_${label}_tests
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
    DISCOVERY_TIMEOUT 120
    PROPERTIES
      LABELS ${label} TIMEOUT ${REPRISE_TEST_TIMEOUT_SECONDS} RUN_SERIAL ${is_serial})
endfunction()
