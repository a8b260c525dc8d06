# What an outside CMake program finds: find_package(reprise), targets reprise::engine, ::sim, ::uring,
# ::asio (and ::posix, which those two need). Headers land in include/reprise/<folder>/.

include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/reprise)

foreach(folder IN ITEMS engine posix uring asio sim)
  if(TARGET reprise_${folder})
    get_target_property(source_folder reprise_${folder} SOURCE_DIR)
    install(TARGETS reprise_${folder} EXPORT reprise ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY ${source_folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/reprise/${folder}
      FILES_MATCHING PATTERN "*.hpp")
  endif()
endforeach()

foreach(program IN ITEMS reprise reprise-lab)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/profiles DESTINATION ${CMAKE_INSTALL_DATADIR}/reprise
  FILES_MATCHING PATTERN "*.toml")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples/scenarios
  DESTINATION ${CMAKE_INSTALL_DATADIR}/reprise/examples)

install(EXPORT reprise NAMESPACE reprise:: FILE repriseTargets.cmake
  DESTINATION ${package_folder})
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/repriseConfig.cmake.in ${PROJECT_BINARY_DIR}/repriseConfig.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/repriseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/repriseConfig.cmake ${PROJECT_BINARY_DIR}/repriseConfigVersion.cmake
  DESTINATION ${package_folder})
