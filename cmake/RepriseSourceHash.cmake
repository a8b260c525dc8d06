# The hash of a folder's sources, as a function in the library that they make.
#
# reprise_source_hash(<folder>) adds a generated source to the target reprise_<folder>, which defines
# reprise::<folder>::source_hash(). The folder holds source_hash.hpp, which declares it. The hash
# depends on names and contents of the *.cpp and *.hpp of the folder alone: it is the same with every
# compiler, preset and machine, and made anew with every build in which one of them has changed.
#
# The same file is the script that makes it: cmake -D FOLDER=… -D NAME=… -D OUTPUT=… -P <this file>

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  file(GLOB sources RELATIVE ${FOLDER} ${FOLDER}/*.cpp ${FOLDER}/*.hpp)
  list(SORT sources)
  set(listing "")
  foreach(source IN LISTS sources)
    file(SHA256 ${FOLDER}/${source} hash)
    string(APPEND listing "${source} ${hash}\n")
  endforeach()
  string(SHA256 hash "${listing}")
  string(SUBSTRING ${hash} 0 16 hash)
  file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"#include \"reprise/@NAME@/source_hash.hpp\"

namespace reprise::@NAME@ {

std::string_view source_hash() { return \"@hash@\"; }

}  // namespace reprise::@NAME@
")
  return()
endif()

set(REPRISE_SOURCE_HASH_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(reprise_source_hash folder)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp *.hpp)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/source_hash.cpp)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/source_hash.stamp)
  # The source is written only where the hash has changed; the stamp says when it was looked at.
  add_custom_command(
    OUTPUT ${stamp}
    BYPRODUCTS ${output}
    COMMAND ${CMAKE_COMMAND} -D FOLDER=${CMAKE_CURRENT_SOURCE_DIR} -D NAME=${folder}
      -D OUTPUT=${output} -P ${REPRISE_SOURCE_HASH_SCRIPT}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${sources} ${REPRISE_SOURCE_HASH_SCRIPT}
    COMMENT "Hash of the sources of ${folder}/"
    VERBATIM)
  # It is there only after the build has begun, which the static analysis does without.
  set_source_files_properties(${output} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_sources(reprise_${folder} PRIVATE ${output} ${stamp})
endfunction()
