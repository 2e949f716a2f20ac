# SPDX-License-Identifier: MIT
# Options and their status, settings of the library's own programs, and the package.

# Makes imported targets visible to projects that use add_subdirectory.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)

set(components core) # enabled components, in the order of their dependencies

# scoresde_component(<component> <option> <package>...): <option> is AUTO (on if every package is found), ON (a missing
# package is an error) or OFF; its default is AUTO, or <option>_DEFAULT. Sets SCORESDE_HAS_<NAME>, and
# SCORESDE_<NAME>_STATUS to the text of the summary.
macro(scoresde_component component option)
  string(TOUPPER ${component} name)
  if(NOT DEFINED ${option}_DEFAULT)
    set(${option}_DEFAULT AUTO)
  endif()
  set(${option} ${${option}_DEFAULT} CACHE STRING "Component scoresde::${component}: AUTO, ON or OFF")
  set_property(CACHE ${option} PROPERTY STRINGS AUTO ON OFF)
  set(SCORESDE_HAS_${name} FALSE)
  if("${${option}}" STREQUAL "AUTO" OR ${option})
    set(SCORESDE_HAS_${name} TRUE)
    set(missing "")
    set(found "")
    foreach(package ${ARGN})
      find_package(${package} QUIET)
      if(${package}_FOUND)
        list(APPEND found "${package} ${${package}_VERSION}${${package}_VERSION_STRING}")
      else()
        list(APPEND missing ${package})
      endif()
    endforeach()
    list(JOIN found ", " found)
    list(JOIN missing ", " missing)
    set(SCORESDE_${name}_STATUS "on (${found})")
    if(missing)
      set(SCORESDE_HAS_${name} FALSE)
      set(SCORESDE_${name}_STATUS "off: ${missing} not found")
      if(NOT "${${option}}" STREQUAL "AUTO")
        message(FATAL_ERROR "${option} is ON, but CMake cannot find ${missing}. Install it, add its folder to "
                            "CMAKE_PREFIX_PATH, or set -D${option}=OFF.")
      endif()
    endif()
  else()
    set(SCORESDE_${name}_STATUS "off: ${option}=${${option}}")
  endif()
  if(SCORESDE_HAS_${name})
    list(APPEND components ${component})
  endif()
endmacro()

# As part of another project, nothing is installed and no CUDA code is compiled by default.
option(SCORESDE_INSTALL "Install the headers and the CMake package" ${PROJECT_IS_TOP_LEVEL})
if(NOT PROJECT_IS_TOP_LEVEL)
  set(SCORESDE_BACKEND_CUDA_DEFAULT OFF)
endif()

scoresde_component(eigen SCORESDE_BACKEND_EIGEN Eigen3)
scoresde_component(xtensor SCORESDE_BACKEND_XTENSOR xtensor)
scoresde_component(io SCORESDE_IO nlohmann_json PNG ZLIB)
include(${CMAKE_CURRENT_LIST_DIR}/cuda.cmake)

set(SCORESDE_HAS_OPENMP FALSE)
if(SCORESDE_HAS_EIGEN)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    set(SCORESDE_HAS_OPENMP TRUE)
    string(APPEND SCORESDE_EIGEN_STATUS ", OpenMP ${OpenMP_CXX_VERSION}")
  else()
    string(APPEND SCORESDE_EIGEN_STATUS ", one thread: OpenMP not found")
  endif()
endif()

option(SCORESDE_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(SCORESDE_BUILD_EXAMPLES "Build the examples and programs" ${PROJECT_IS_TOP_LEVEL})
option(SCORESDE_BUILD_BENCHMARKS "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(SCORESDE_NATIVE "Compile the library's own programs, tests and benchmarks for this machine's processor" ON)
option(SCORESDE_WARNINGS_AS_ERRORS "Treat warnings in the library's own programs as errors" OFF)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Compile options of the library's own programs, tests and benchmarks; neither installed nor exported.
add_library(scoresde_dev_warnings INTERFACE)
set(for_cxx $<COMPILE_LANGUAGE:CXX>)
set(for_cuda $<COMPILE_LANGUAGE:CUDA>)
# nvcc removes default member initializers from the host code, which would trigger this warning.
target_compile_options(
  scoresde_dev_warnings INTERFACE "$<${for_cxx}:-Wall;-Wextra>"
                                  "$<${for_cuda}:-Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers>")
if(SCORESDE_WARNINGS_AS_ERRORS)
  target_compile_options(scoresde_dev_warnings INTERFACE $<${for_cxx}:-Werror> $<${for_cuda}:-Werror=all-warnings>)
endif()
add_library(scoresde_dev_options INTERFACE)
target_link_libraries(scoresde_dev_options INTERFACE scoresde_dev_warnings)
if(SCORESDE_NATIVE)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-march=native SCORESDE_COMPILER_HAS_NATIVE)
  if(SCORESDE_COMPILER_HAS_NATIVE)
    target_compile_options(scoresde_dev_options INTERFACE $<${for_cxx}:-march=native>)
  endif()
endif()

# Each component is a separate export set and install component (scoresde-<component>), so that find_package needs
# only the requested ones. The CUDA library takes minutes to compile: unless SCORESDE_BACKEND_CUDA is ON it is built
# only if a target links it, and installed by `cmake --install <build> --component scoresde-cuda`.
if(SCORESDE_HAS_CUDA)
  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/scoresde) # the CUDA library is architecture-dependent
  set(any_architecture "")
else()
  set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/scoresde)
  set(any_architecture ARCH_INDEPENDENT)
endif()

function(scoresde_install target component)
  if(NOT target STREQUAL "scoresde")
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${component})
  endif()
  if(NOT SCORESDE_INSTALL)
    return()
  endif()
  set(part COMPONENT scoresde-${component})
  if(component STREQUAL "cuda" AND SCORESDE_BACKEND_CUDA STREQUAL "AUTO")
    list(APPEND part EXCLUDE_FROM_ALL)
  endif()
  install(TARGETS ${target} EXPORT scoresde-${component} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${part}
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${part})
  install(EXPORT scoresde-${component} NAMESPACE scoresde:: FILE scoresde-${component}.cmake
          DESTINATION ${package_folder} ${part})
endfunction()

function(scoresde_install_package)
  if(NOT SCORESDE_INSTALL)
    return()
  endif()
  include(CMakePackageConfigHelpers)
  set(config ${PROJECT_BINARY_DIR}/scoresde-config.cmake)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/backends/cmake/scoresde-config.cmake.in ${config}
                                INSTALL_DESTINATION ${package_folder})
  # Before 1.0 a minor version may contain breaking changes.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/scoresde-config-version.cmake
                                   COMPATIBILITY SameMinorVersion ${any_architecture})
  install(FILES ${config} ${PROJECT_BINARY_DIR}/scoresde-config-version.cmake DESTINATION ${package_folder}
          COMPONENT scoresde-core)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT scoresde-core)
endfunction()

function(scoresde_print_summary)
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()
  foreach(kind TESTS EXAMPLES BENCHMARKS)
    if(NOT SCORESDE_BUILD_${kind})
      set(SCORESDE_${kind}_STATUS "off: SCORESDE_BUILD_${kind}=${SCORESDE_BUILD_${kind}}")
    elseif(NOT DEFINED SCORESDE_${kind}_STATUS)
      set(SCORESDE_${kind}_STATUS "on")
    endif()
  endforeach()
  if(SCORESDE_HAS_CUDA AND SCORESDE_BACKEND_CUDA STREQUAL "AUTO")
    string(APPEND SCORESDE_CUDA_STATUS ", compiled if linked")
  endif()
  message(STATUS "scoresde ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  message(STATUS "  scoresde::scoresde  on (the core has no dependencies)")
  message(STATUS "  scoresde::eigen     ${SCORESDE_EIGEN_STATUS}")
  message(STATUS "  scoresde::xtensor   ${SCORESDE_XTENSOR_STATUS}")
  message(STATUS "  scoresde::io        ${SCORESDE_IO_STATUS}")
  message(STATUS "  scoresde::cuda      ${SCORESDE_CUDA_STATUS}")
  message(STATUS "  tests               ${SCORESDE_TESTS_STATUS}")
  message(STATUS "  examples            ${SCORESDE_EXAMPLES_STATUS}")
  message(STATUS "  benchmarks          ${SCORESDE_BENCHMARKS_STATUS}")
  message(STATUS "  own programs        -march=native ${SCORESDE_NATIVE}, warnings as errors ${SCORESDE_WARNINGS_AS_ERRORS}")
endfunction()

# Sets `libraries` to scoresde and those of its components whose headers a source file includes, and `missing` to
# the components among them that are off.
function(scoresde_components_of file libraries missing)
  set(found scoresde)
  set(off "")
  file(STRINGS ${file} includes REGEX "^#include <scoresde/")
  foreach(component eigen xtensor io cuda)
    if(includes MATCHES "<scoresde/${component}/" OR (component STREQUAL "io" AND includes MATCHES
                                                                              "<scoresde/train/(checkpoint|score_sde|diffusers)"))
      list(APPEND found scoresde_${component})
      if(NOT TARGET scoresde_${component})
        list(APPEND off ${component})
      endif()
    endif()
  endforeach()
  set(${libraries} ${found} PARENT_SCOPE)
  set(${missing} ${off} PARENT_SCOPE)
endfunction()
