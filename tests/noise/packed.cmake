# SPDX-License-Identifier: MIT
# cmake -D compiler=… -D flags=… -D include=… -P packed.cmake: counts packed instructions in the assembly of
# fill and assign; a scalar loop has none.

separate_arguments(list UNIX_COMMAND "${flags}")

# Sets `result` to the number of occurrences of `instruction` in the assembly of `source`.
function(count_instructions result source instruction)
  execute_process(COMMAND ${compiler} -std=c++20 ${list} -I${include} -S -o - ${source}
                  OUTPUT_VARIABLE assembly COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\t${instruction}" found "${assembly}")
  list(LENGTH found count)
  set(${result} ${count} PARENT_SCOPE)
endfunction()

function(expect what count least)
  message(STATUS "${what}: ${count} packed instructions, at least ${least} expected")
  if(count LESS least)
    message(SEND_ERROR "${what}: the loop is not vectorized with ${compiler} ${flags}")
  endif()
endfunction()

set(fma "v(fmadd|fnmadd)[0-9]+ps")
count_instructions(rounds ${CMAKE_CURRENT_LIST_DIR}/fill_loop.cpp "v?pmul(udq|ld)")
count_instructions(normals ${CMAKE_CURRENT_LIST_DIR}/fill_loop.cpp "${fma}")
count_instructions(assign ${CMAKE_CURRENT_LIST_DIR}/assign_loop.cpp "${fma}")
math(EXPR forms "${assign} - ${normals}")
expect("Philox, a round" ${rounds} 4)
expect("Box-Muller, a pair" ${normals} 22)
# 1, 2 … 8 terms, with and without noise.
expect("assign, all forms" ${forms} 72)
