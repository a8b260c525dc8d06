# Installs the build into an empty prefix, builds the outside program against it alone, and runs it.
#
# BUILD: what to install. OUTSIDE: the program's source. SCRATCH: for prefix and build folder.

function(must_succeed)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix ${SCRATCH}/prefix)
set(outside_build ${SCRATCH}/outside)
file(REMOVE_RECURSE ${prefix} ${outside_build})

must_succeed(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
must_succeed(${CMAKE_COMMAND} -S ${OUTSIDE} -B ${outside_build} -G Ninja
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix})
must_succeed(${CMAKE_COMMAND} --build ${outside_build})
must_succeed(${outside_build}/outside)
