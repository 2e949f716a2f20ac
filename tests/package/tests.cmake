# SPDX-License-Identifier: MIT
# The consumer project as tests: with the core only, and with every enabled component.

set(on "")
foreach(component eigen xtensor mpi jpeg webp io)
  if(TARGET scoresde_${component})
    list(APPEND on ${component})
  endif()
endforeach()
list(JOIN on "," on_without_cuda)
if(TARGET scoresde_cuda)
  list(APPEND on cuda)
endif()
list(JOIN on "," on)

function(add_consumer name way components)
  string(MAKE_C_IDENTIFIER "${name}" folder)
  add_test(NAME "package: ${name}"
           COMMAND ${CMAKE_COMMAND} -D way=${way} -D components=${components} -D version=${PROJECT_VERSION}
                   -D source=${PROJECT_SOURCE_DIR} -D build=${PROJECT_BINARY_DIR}
                   -D work=${CMAKE_CURRENT_BINARY_DIR}/package/${folder} -D generator=${CMAKE_GENERATOR}
                   -D compiler=${CMAKE_CXX_COMPILER} -P ${CMAKE_CURRENT_SOURCE_DIR}/package/way.cmake)
  set_tests_properties("package: ${name}" PROPERTIES LABELS "${ARGN}" TIMEOUT 300 COST 50)
endfunction()

add_consumer("find_package of the core" find_package "" package slow)
add_consumer("find_package of every component" find_package "${on}" package slow)
# Without CUDA, which is off by default as part of another project.
add_consumer("add_subdirectory" add_subdirectory "${on_without_cuda}" package slow)
add_consumer("FetchContent of the core" FetchContent "" package slow)

add_test(NAME "package: options print what is on and why not"
         COMMAND ${CMAKE_COMMAND} -D source=${PROJECT_SOURCE_DIR} -D work=${CMAKE_CURRENT_BINARY_DIR}/package/options
                 -D generator=${CMAKE_GENERATOR} -D compiler=${CMAKE_CXX_COMPILER}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/package/options.cmake)
set_tests_properties("package: options print what is on and why not" PROPERTIES LABELS "slow;package" TIMEOUT 300 COST 50)

if(TARGET scoresde_eigen)
  add_test(NAME "package: only components with a missing package are not found"
           COMMAND ${CMAKE_COMMAND} -D build=${PROJECT_BINARY_DIR} -D work=${CMAKE_CURRENT_BINARY_DIR}/package/missing
                   -D generator=${CMAKE_GENERATOR} -D compiler=${CMAKE_CXX_COMPILER}
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/package/missing.cmake)
  set_tests_properties("package: only components with a missing package are not found" PROPERTIES LABELS "slow;package"
                                                                                            TIMEOUT 300 COST 50)
endif()

add_test(NAME "package: cuDNN is found in a toolkit, a distribution's folders and a wheel"
         COMMAND ${CMAKE_COMMAND} -D modules=${PROJECT_SOURCE_DIR}/backends/cmake -D generator=${CMAKE_GENERATOR}
                 -D work=${CMAKE_CURRENT_BINARY_DIR}/package/find_cudnn -D compiler=${CMAKE_CXX_COMPILER}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/package/find_cudnn.cmake)
set_tests_properties("package: cuDNN is found in a toolkit, a distribution's folders and a wheel"
                     PROPERTIES LABELS "quick;package" TIMEOUT 120)
