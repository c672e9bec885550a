# Installed so that find_package(Quern) and pkg-config find it. Both libraries go along; Quern::quern is one of them
# (cmake/QuernConfig.cmake.in says which).
if(NOT QUERN_INSTALL)
  return()
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(quern PROPERTIES EXPORT_NAME quern_static)
install(TARGETS quern quern_shared EXPORT QuernTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/quern DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(quern_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Quern)
install(EXPORT QuernTargets NAMESPACE Quern:: DESTINATION ${quern_config_dir})
configure_package_config_file(cmake/QuernConfig.cmake.in ${PROJECT_BINARY_DIR}/QuernConfig.cmake
                              INSTALL_DESTINATION ${quern_config_dir})
# Before 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/QuernConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/QuernConfig.cmake ${PROJECT_BINARY_DIR}/QuernConfigVersion.cmake
        DESTINATION ${quern_config_dir})

# pkg-config: relative to the .pc file, so that the installed tree may be moved.
file(RELATIVE_PATH quern_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" quern_pc_to_prefix ${quern_pc_to_prefix})
set(quern_pc_private -pthread)
if(QUERN_OPENMP)
  list(TRANSFORM OpenMP_CXX_LIB_NAMES PREPEND -l OUTPUT_VARIABLE quern_openmp_libs)
  list(APPEND quern_pc_private ${quern_openmp_libs})
endif()
if(QUERN_OPENBLAS)
  list(APPEND quern_pc_private -lopenblas)
endif()
list(REMOVE_DUPLICATES quern_pc_private)
string(JOIN " " quern_pc_private ${quern_pc_private})
configure_file(cmake/quern.pc.in ${PROJECT_BINARY_DIR}/quern.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/quern.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
