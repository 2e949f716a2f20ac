# SPDX-License-Identifier: MIT
# PyTorch and diffusers read the files written for them; skipped where they are not installed.

find_package(Python3 QUIET COMPONENTS Interpreter)
if(Python3_FOUND AND TARGET scoresde_convert)
  set(name "golden: PyTorch reads exported checkpoints")
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/torch_reads.py
                                $<TARGET_FILE:scoresde_convert>)
  set_tests_properties(${name} PROPERTIES LABELS "slow" SKIP_RETURN_CODE 77 TIMEOUT 120)
  set(name "golden: diffusers reads exported folders")
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/diffusers_reads.py
                                $<TARGET_FILE:scoresde_convert>)
  set_tests_properties(${name} PROPERTIES LABELS "slow" SKIP_RETURN_CODE 77 TIMEOUT 120)
endif()
