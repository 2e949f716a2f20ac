# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.24)
# Compiles invalid combinations: the compiler's first error must contain the sentence after "// expect: " and its
# continuation lines. `options` are the compiler's, separated by "|". With `document`, the compiler's messages are
# written there, one section per case.

string(REPLACE "|" ";" options "${options}")
set(page "Invalid combinations do not compile. These are the compiler's messages.\n")
foreach(source ${sources})
  file(STRINGS ${source} lines ENCODING UTF-8)
  list(GET lines 1 reason)
  string(REGEX REPLACE "^/// " "" reason "${reason}")
  file(READ ${source} text)
  string(REGEX MATCH "// expect: [^\n]+(\n// [^\n]+)*" expected "${text}")
  string(REGEX REPLACE "^// expect: " "" expected "${expected}")
  string(REPLACE "\n// " " " expected "${expected}")
  execute_process(COMMAND ${compiler} -std=c++20 -fsyntax-only ${options} ${source} RESULT_VARIABLE status
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  get_filename_component(name ${source} NAME_WE)
  if(status EQUAL 0)
    message(FATAL_ERROR "${name} compiles; it must be rejected: ${reason}")
  endif()
  string(REGEX MATCH "error: [^\n]*" first "${output}")
  string(FIND "${first}" "${expected}" in_first)
  string(FIND "${output}" "${expected}" at)
  if(expected STREQUAL "" OR in_first EQUAL -1)
    message(FATAL_ERROR "${name} is rejected, but its first error does not contain\n  ${expected}\n"
                        "Output of the compiler:\n${output}")
  endif()
  string(SUBSTRING "${output}" ${at} -1 sentence)
  string(REGEX REPLACE "\n.*" "" sentence "${sentence}")
  message(STATUS "${name}: ${sentence}")
  string(APPEND page "\n### ${name}\n\n${reason}\n\n    error: ${sentence}\n")
endforeach()
if(document)
  file(WRITE ${document} "${page}")
  message(STATUS "written to ${document}")
endif()
