# SPDX-License-Identifier: MIT
# Options of the library's own programs, tests and benchmarks.

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
