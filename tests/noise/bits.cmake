# SPDX-License-Identifier: MIT
# The published noise hash with all compilers and flags, which must be bit-identical, and packed
# instructions in the loops of noise and assign at -O2.

find_program(SCORESDE_GXX g++)
find_program(SCORESDE_CLANGXX clang++)
file(GLOB noise_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/scoresde/*.hpp
     ${PROJECT_SOURCE_DIR}/include/scoresde/noise/*.hpp)

set(flag_sets "-O0" "-O2" "-O3" "-O3 -march=native")
set(packed_sets "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # Without hardware support, fma is a C library function; the default build detects AVX2 at run time.
  list(APPEND flag_sets "-O2 -DSCORESDE_FMA_AT_RUN_TIME=0" "-O2 -mavx2 -mfma")
  set(packed_sets "-O2" "-O2 -mavx2 -mfma" "-O3 -mavx2 -mfma" "-O2 -march=skylake-avx512")
endif()

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
  foreach(flags ${flag_sets})
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
  foreach(flags ${packed_sets})
    add_test(NAME "noise: packed loops with ${compiler} ${flags}"
             COMMAND ${CMAKE_COMMAND} -D compiler=${path} -D "flags=${flags}"
                     -D include=${PROJECT_SOURCE_DIR}/include -P ${CMAKE_CURRENT_SOURCE_DIR}/noise/packed.cmake)
    set_tests_properties("noise: packed loops with ${compiler} ${flags}" PROPERTIES LABELS slow)
  endforeach()
endforeach()
add_custom_target(noise_hash_programs ALL DEPENDS ${programs})
