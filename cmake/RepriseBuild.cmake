# Settings that every target shares, and the functions that make one.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

find_program(REPRISE_CCACHE ccache)
if(REPRISE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${REPRISE_CCACHE})
endif()

include(RepriseDependencies)
include(RepriseSourceHash)

add_library(reprise_settings INTERFACE)
target_compile_options(reprise_settings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum -Wold-style-cast
  $<$<BOOL:${REPRISE_WERROR}>:-Werror>
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(REPRISE_SANITIZE)
  add_compile_options(
    -fsanitize=${REPRISE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${REPRISE_SANITIZE})
endif()

# Headers are included as "reprise/<folder>/<file>.hpp": one link per folder gives them that name
# without moving them.
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/include/reprise)

# reprise_library(<folder> SOURCES … [LINK …] [PRIVATE_LINK …])
#
# Target reprise_<folder>, alias reprise::<folder>.
function(reprise_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINK;PRIVATE_LINK")
  file(CREATE_LINK
    ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include/reprise/${name} SYMBOLIC)
  add_library(reprise_${name} STATIC ${ARG_SOURCES})
  add_library(reprise::${name} ALIAS reprise_${name})
  set_target_properties(reprise_${name} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(reprise_${name} PUBLIC cxx_std_23)
  target_include_directories(reprise_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(reprise_${name}
    PUBLIC ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:reprise_settings> ${ARG_PRIVATE_LINK})
endfunction()

# reprise_program(<name> [OUTPUT <file name>] SOURCES … [LINK …])
#
# An executable in <build>/bin.
function(reprise_program name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "OUTPUT" "SOURCES;LINK")
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_OUTPUT)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${ARG_OUTPUT})
  endif()
  target_link_libraries(${name} PRIVATE reprise_settings ${ARG_LINK})
endfunction()

# reprise_existing_libraries(<variable> <folder>…)
#
# Those of the named folders that make a library, as a list of targets to link.
function(reprise_existing_libraries variable)
  set(targets "")
  foreach(folder IN LISTS ARGN)
    if(TARGET reprise_${folder})
      list(APPEND targets reprise::${folder})
    endif()
  endforeach()
  set(${variable} ${targets} PARENT_SCOPE)
endfunction()

# reprise_compile_lightly(<target>)
#
# For command lines and tests, which spend their time in libraries and not in themselves: compiled
# less hard, a build from nothing takes half as long.
function(reprise_compile_lightly target)
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_options(${target} PRIVATE -O0 -g1)
  endif()
endfunction()
