# SPDX-License-Identifier: MIT
# Runs a program on 1, 2 and 4 ranks; each time it must print one loss, the same.
cmake_minimum_required(VERSION 3.24)

set(first "")
foreach(ranks 1 2 4)
  execute_process(COMMAND ${launcher} ${ranks} ${program} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE error
                  TIMEOUT 60)
  if(NOT status EQUAL 0 OR NOT output MATCHES "^loss [0-9.e+-]+\n$")
    message(FATAL_ERROR "${ranks} ranks should print one loss; status ${status}:\n${output}${error}")
  endif()
  if(first AND NOT output STREQUAL first)
    message(FATAL_ERROR "${ranks} ranks print ${output} and one prints ${first}")
  endif()
  set(first "${output}")
endforeach()
message(STATUS "${first}")
