# The one library. Its three layers are built as object files once and archived (quern) or linked (quern_shared).
# Sources are found by folder: adding a tensor type, a kernel or a model family is adding a file.
include(cmake/QuernIsa.cmake)

file(GLOB_RECURSE quern_sources CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/formats/*.cpp ${PROJECT_SOURCE_DIR}/src/*.cpp)

add_library(quern_objects OBJECT ${quern_sources})
set_target_properties(quern_objects PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                      VISIBILITY_INLINES_HIDDEN ON)
quern_compile_together(quern_objects 12)
target_include_directories(quern_objects PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
target_link_libraries(quern_objects PRIVATE $<BUILD_INTERFACE:quern_flags>)
if(QUERN_BUILD_FUZZERS)
  # Coverage guides libFuzzer. Kernels go without: they read no files, and take half as long again to compile with it.
  target_compile_options(quern_objects PRIVATE -fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
if(QUERN_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  target_link_libraries(quern_objects PRIVATE OpenMP::OpenMP_CXX)
  target_compile_definitions(quern_objects PRIVATE QUERN_OPENMP=1)
endif()

if(QUERN_OPENBLAS)
  find_path(QUERN_OPENBLAS_INCLUDE_DIR openblas_config.h PATH_SUFFIXES openblas REQUIRED)
  find_library(QUERN_OPENBLAS_LIBRARY openblas REQUIRED)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/runtime/blas.cpp PROPERTIES
                              COMPILE_DEFINITIONS QUERN_OPENBLAS=1 INCLUDE_DIRECTORIES ${QUERN_OPENBLAS_INCLUDE_DIR}
                              SKIP_UNITY_BUILD_INCLUSION ON)
endif()

quern_add_kernels(quern_kernel_objects)

add_library(quern STATIC $<TARGET_OBJECTS:quern_objects> ${quern_kernel_objects})
add_library(quern_shared SHARED $<TARGET_OBJECTS:quern_objects> ${quern_kernel_objects})
set_target_properties(quern_shared PROPERTIES OUTPUT_NAME quern VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # Hidden visibility does not reach what the standard library's templates become for types of ours.
  target_link_options(quern_shared PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/quern.map)
  set_target_properties(quern_shared PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/quern.map)
endif()
foreach(library quern quern_shared)
  target_include_directories(${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                             $<INSTALL_INTERFACE:include>)
  target_compile_features(${library} PUBLIC cxx_std_20)
  target_link_libraries(${library} PUBLIC Threads::Threads PRIVATE $<BUILD_INTERFACE:quern_flags>)
  if(QUERN_OPENMP)
    target_link_libraries(${library} PRIVATE OpenMP::OpenMP_CXX)
  endif()
  if(QUERN_OPENBLAS)
    target_link_libraries(${library} PRIVATE ${QUERN_OPENBLAS_LIBRARY})
  endif()
endforeach()
# One of the two is Quern::quern. A project that includes this one builds the other only if it asks for it.
if(BUILD_SHARED_LIBS)
  set(quern_chosen quern_shared)
  set(quern_other quern)
else()
  set(quern_chosen quern)
  set(quern_other quern_shared)
endif()
add_library(Quern::quern ALIAS ${quern_chosen})
if(NOT PROJECT_IS_TOP_LEVEL AND NOT QUERN_INSTALL)
  set_target_properties(${quern_other} PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
