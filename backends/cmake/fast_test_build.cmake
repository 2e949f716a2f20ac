# SPDX-License-Identifier: MIT
# SCORESDE_FAST_TEST_BUILD: what one build and one run of all tests take together is as short as possible. tests/CMakeLists.txt
# joins test files in addition.

option(SCORESDE_FAST_TEST_BUILD "Compile fast instead of optimizing, and many test files at once" OFF)
if(SCORESDE_FAST_TEST_BUILD)
  # Tests run programs for seconds; at -O1 they take half the time to compile. Targets with a level of their own keep it.
  # For nvcc it is the level of the host's code only.
  foreach(language CXX CUDA)
    string(REPLACE "-O3" "-O1" CMAKE_${language}_FLAGS_RELEASE "${CMAKE_${language}_FLAGS_RELEASE}")
  endforeach()
endif()
