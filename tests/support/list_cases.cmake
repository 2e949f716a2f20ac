# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.24)
# Writes the ctest list of one Catch2 executable: one test per case, labeled by its tags [golden], [slow] and [emulated]
# and by `label`; programs with label gpu exit with 77 if there is no device (support/device_main.cpp).

# The names of the cases that match `spec`, one per line (Catch2 2 returns their number as exit status).
function(names_of result spec)
  execute_process(COMMAND ${executable} ${spec} --list-test-names-only OUTPUT_VARIABLE names
                  ERROR_VARIABLE error RESULT_VARIABLE status)
  if(error MATCHES "nrecognised token") # the options of Catch2 3
    execute_process(COMMAND ${executable} ${spec} --list-tests --verbosity quiet OUTPUT_VARIABLE names
                    RESULT_VARIABLE status)
  endif()
  if(NOT status MATCHES "^[0-9]+$" OR (names STREQUAL "" AND spec STREQUAL "*"))
    message(FATAL_ERROR "${executable} does not list its cases: ${status} ${error}")
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

names_of(all "*")
names_of(golden "[golden]")
names_of(slow "[slow]")
names_of(emulated "[emulated]")

# Slow tests start first, so that none runs alone at the end.
set(script "")
set(skips "")
if(label STREQUAL "gpu")
  set(skips "SKIP_RETURN_CODE 77")
endif()
while(NOT all STREQUAL "")
  string(FIND "${all}" "\n" end)
  string(SUBSTRING "${all}" 0 ${end} case)
  math(EXPR end "${end} + 1")
  string(SUBSTRING "${all}" ${end} -1 all)
  string(STRIP "${case}" case)
  if(case STREQUAL "")
    continue()
  endif()
  # Escape the characters that are special in Catch2's test specifications.
  string(REGEX REPLACE "([][,\"\\\\])" "\\\\\\1" spec "${case}")
  set(labels "")
  foreach(tag golden emulated)
    string(FIND "\n${${tag}}" "\n${case}\n" at)
    if(NOT at EQUAL -1)
      list(APPEND labels ${tag})
    endif()
  endforeach()
  if(label)
    list(APPEND labels ${label})
    list(REMOVE_DUPLICATES labels)
  endif()
  string(FIND "\n${slow}" "\n${case}\n" at)
  if(at EQUAL -1)
    list(APPEND labels quick)
    set(cost 0)
  else()
    list(APPEND labels slow)
    set(cost 10)
  endif()
  string(APPEND script
         "add_test([==[${room}: ${case}]==] [==[${executable}]==] [==[${spec}]==])\n"
         "set_tests_properties([==[${room}: ${case}]==] PROPERTIES LABELS \"${labels}\" TIMEOUT 600 COST ${cost}"
         " ${skips} ENVIRONMENT \"${environment}\")\n")
endwhile()
file(WRITE "${list}" "${script}")
