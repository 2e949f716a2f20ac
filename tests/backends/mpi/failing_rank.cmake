# SPDX-License-Identifier: MIT
# Runs failing_rank on three ranks; all must end within seconds, with the status of the failure.
cmake_minimum_required(VERSION 3.24)

execute_process(COMMAND ${launcher} ${program} ${way} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output
                TIMEOUT 30)
set(wanted 1)
if(way STREQUAL "is_killed")
  set(wanted 137) # 128 + SIGKILL
endif()
if(NOT status EQUAL wanted)
  message(FATAL_ERROR "the ranks should end with status ${wanted}; it is ${status}:\n${output}")
endif()
if(way STREQUAL "throws" AND NOT output MATCHES "rank 1: weights are broken")
  message(FATAL_ERROR "rank 1 should print its message:\n${output}")
endif()
if(output MATCHES "not reached")
  message(FATAL_ERROR "a rank continued without the others:\n${output}")
endif()
message(STATUS "status ${status}")
