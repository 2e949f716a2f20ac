# SPDX-License-Identifier: MIT
# Configures, builds and runs the consumer project in one of the ways, in a separate folder.
cmake_minimum_required(VERSION 3.24)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  message("${output}")
endfunction()

set(folder ${work}/${way})
file(REMOVE_RECURSE ${folder})
set(options -DWAY=${way} -DEXPECTED_VERSION=${version} -DCOMPONENTS=${components} -DSCORESDE_SOURCE=${source})
if(way STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${build} --prefix ${folder}/prefix)
  if(components MATCHES "cuda")
    run(${CMAKE_COMMAND} --install ${build} --prefix ${folder}/prefix --component scoresde-cuda)
    # Kernels are compiled into the library: no installed header is one or includes one.
    file(GLOB_RECURSE installed ${folder}/prefix/include/*)
    foreach(header IN LISTS installed)
      file(STRINGS ${header} kernel REGEX "__global__|SCORESDE_DEVICE void operator|#include \"")
      if(header MATCHES "/kernels/|\\.cuh?$" OR kernel)
        message(FATAL_ERROR "${header} is part of a CUDA kernel; kernels must not be installed. ${kernel}")
      endif()
    endforeach()
  endif()
  list(APPEND options -DCMAKE_PREFIX_PATH=${folder}/prefix)
endif()
run(${CMAKE_COMMAND} -S ${source}/tests/package -B ${folder}/build -G ${generator} -DCMAKE_CXX_COMPILER=${compiler}
    ${options})
run(${CMAKE_COMMAND} --build ${folder}/build)
run(${folder}/build/consumer)

# The library is not installed with another project that builds it.
if(NOT way STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${folder}/build --prefix ${folder}/prefix)
  file(GLOB_RECURSE installed RELATIVE ${folder}/prefix ${folder}/prefix/*)
  if(NOT installed STREQUAL "bin/consumer")
    message(FATAL_ERROR "the consumer's installation should contain only bin/consumer; it contains ${installed}")
  endif()
endif()
