# SPDX-License-Identifier: MIT
# The published noise hash under every compiler and set of flags that must agree on the bits.

find_program(SCORESDE_GXX g++)
find_program(SCORESDE_CLANGXX clang++)
file(GLOB noise_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/scoresde/noise/*.hpp)

foreach(compiler g++ clang++)
  if(compiler STREQUAL "g++")
    set(path ${SCORESDE_GXX})
  else()
    set(path ${SCORESDE_CLANGXX})
  endif()
  if(NOT path)
    message(STATUS "the noise hash is not tested with ${compiler}: not found")
    continue()
  endif()
  foreach(flags "-O0" "-O3" "-O3 -march=native")
    string(MAKE_C_IDENTIFIER "noise_hash_${compiler}${flags}" name)
    separate_arguments(list UNIX_COMMAND "${flags}")
    add_custom_command(
      OUTPUT ${name}
      COMMAND ${path} -std=c++20 ${list} -I${PROJECT_SOURCE_DIR}/include
              ${CMAKE_CURRENT_SOURCE_DIR}/noise/noise_hash.cpp -o ${name}
      DEPENDS noise/noise_hash.cpp noise/noise_hash.hpp ${noise_headers} VERBATIM)
    list(APPEND programs ${CMAKE_CURRENT_BINARY_DIR}/${name})
    add_test(NAME "noise: the published hash with ${compiler} ${flags}" COMMAND ${name})
    set_tests_properties("noise: the published hash with ${compiler} ${flags}" PROPERTIES LABELS quick)
  endforeach()
endforeach()
add_custom_target(noise_hash_programs ALL DEPENDS ${programs})
