# SPDX-License-Identifier: MIT
# If a package is missing, the component that requires it is not found, with the reason; the others are.
cmake_minimum_required(VERSION 3.24)

file(REMOVE_RECURSE ${work})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix OUTPUT_QUIET
                COMMAND_ERROR_IS_FATAL ANY)

# find(<arguments of find_package> <expected output> <whether it must fail> <option>...)
function(find arguments words fails)
  file(REMOVE_RECURSE ${work}/build)
  file(
    WRITE ${work}/CMakeLists.txt
    "cmake_minimum_required(VERSION 3.24)\nproject(missing LANGUAGES CXX)\n"
    "find_package(scoresde ${arguments})\n"
    "message(STATUS \"core \${scoresde_FOUND} eigen \${scoresde_eigen_FOUND}.\")\n"
    "add_library(user STATIC user.cpp)\ntarget_link_libraries(user scoresde::scoresde)\n"
    "if(TARGET scoresde::eigen)\n  target_link_libraries(user scoresde::eigen)\nendif()\n")
  file(WRITE ${work}/user.cpp "")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${work} -B ${work}/build -G ${generator} -DCMAKE_CXX_COMPILER=${compiler}
            -DCMAKE_PREFIX_PATH=${work}/prefix ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " flat "${output}")
  string(FIND "${flat}" "${words}" at)
  if(at EQUAL -1 OR (fails AND status EQUAL 0) OR (NOT fails AND NOT status EQUAL 0))
    message(FATAL_ERROR "find_package(scoresde ${arguments}) with ${ARGN} should print '${words}' and give status 0 "
                        "unless ${fails}; it gave ${status}:\n${output}")
  endif()
  message(STATUS "${words}")
endfunction()

set(without_eigen -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
find("REQUIRED OPTIONAL_COMPONENTS eigen" "core 1 eigen FALSE." FALSE ${without_eigen})
find("REQUIRED COMPONENTS eigen" "scoresde::eigen needs Eigen3, which was not found" TRUE ${without_eigen})
find("REQUIRED COMPONENTS turbo" "scoresde has no component 'turbo' in this installation" TRUE)
find("REQUIRED OPTIONAL_COMPONENTS turbo" "core 1" FALSE)
# Installed with OpenMP and used without: single-threaded.
find("REQUIRED COMPONENTS eigen" "core 1 eigen TRUE." FALSE -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON)
find("REQUIRED COMPONENTS eigen" "core 1 eigen TRUE." FALSE)
# The components that are named are those installed.
file(GLOB_RECURSE left ${work}/prefix/*/scoresde-eigen.cmake)
file(REMOVE ${left})
find("REQUIRED COMPONENTS eigen" "scoresde has no component 'eigen' in this installation; it has: core, " TRUE)
