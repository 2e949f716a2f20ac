# SPDX-License-Identifier: MIT
# Tests on several ranks, which mpirun starts on this machine. An executable is one test for each number of ranks, since
# all ranks must run the same cases.

if(NOT TARGET scoresde_mpi OR NOT TARGET scoresde_eigen)
  message(STATUS "tests/backends/mpi is skipped: it requires mpi and eigen")
  return()
endif()

# Ranks share the processors with other tests: they are not bound to any, and yield while they wait.
execute_process(COMMAND ${MPIEXEC_EXECUTABLE} --version OUTPUT_VARIABLE mpi_version ERROR_QUIET)
set(mpi_launcher ${MPIEXEC_EXECUTABLE})
if(mpi_version MATCHES "Open MPI|OpenRTE|PRRTE")
  list(APPEND mpi_launcher --allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
endif()
set(mpi_environment "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")

file(GLOB files CONFIGURE_DEPENDS backends/mpi/*_test.cpp)
add_executable(test_backends_mpi ${files} backends/mpi/main.cpp)
target_link_libraries(test_backends_mpi PRIVATE test_options scoresde_mpi)
target_precompile_headers(test_backends_mpi REUSE_FROM test_precompiled)
set_source_files_properties(backends/mpi/main.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON) # its Catch2 has a Session

# add_ranks(<number> <labels> <Catch2 test specification>)
function(add_ranks ranks labels cases)
  set(name "backends/mpi: ${cases} on ${ranks} ranks")
  add_test(NAME ${name} COMMAND ${mpi_launcher} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:test_backends_mpi> ${cases})
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 120 PROCESSORS 2 ENVIRONMENT "${mpi_environment}")
endfunction()
foreach(ranks 1 2 3 4 5)
  add_ranks(${ranks} slow "[collectives]")
endforeach()
add_ranks(4 slow "[training]")
add_ranks(3 slow "[training]")

# The program of docs/training.md prints the same loss on one, two and four ranks.
add_executable(train_on_ranks backends/mpi/train_on_ranks.cpp)
target_link_libraries(train_on_ranks PRIVATE test_options scoresde_mpi)
set(name "backends/mpi: the documented program prints the same loss on 1, 2 and 4 ranks")
add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -D "launcher=${mpi_launcher};${MPIEXEC_NUMPROC_FLAG}"
                              -D program=$<TARGET_FILE:train_on_ranks> -P ${CMAKE_CURRENT_SOURCE_DIR}/backends/mpi/same_loss.cmake)
set_tests_properties(${name} PROPERTIES LABELS slow TIMEOUT 120 PROCESSORS 2 ENVIRONMENT "${mpi_environment}")

# A rank that fails ends all, which the others' wait would otherwise prevent.
add_executable(failing_rank backends/mpi/failing_rank.cpp)
target_link_libraries(failing_rank PRIVATE test_options scoresde_mpi)
foreach(way throws leaves_scope is_killed)
  set(name "backends/mpi: a rank that ${way} ends the others")
  string(REPLACE "_" " " name ${name})
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -D "launcher=${mpi_launcher};${MPIEXEC_NUMPROC_FLAG};3" -D way=${way}
                                -D program=$<TARGET_FILE:failing_rank> -P ${CMAKE_CURRENT_SOURCE_DIR}/backends/mpi/failing_rank.cmake)
  set_tests_properties(${name} PROPERTIES LABELS slow TIMEOUT 60 PROCESSORS 2 ENVIRONMENT "${mpi_environment}")
endforeach()

# The programs.
if(TARGET cifar10_train)
  file(GLOB files CONFIGURE_DEPENDS programs/ranks/*_test.cpp)
  add_executable(test_programs_ranks ${files} $<$<TARGET_EXISTS:test_main>:$<TARGET_OBJECTS:test_main>>)
  target_link_libraries(test_programs_ranks PRIVATE test_options)
  set_target_properties(test_programs_ranks PROPERTIES TEST_IS_UNOPTIMIZED ON)
  target_precompile_headers(test_programs_ranks REUSE_FROM test_precompiled_unoptimized)
  add_dependencies(test_programs_ranks cifar10_train cifar10_sample)
  add_cases(test_programs_ranks "programs on ranks" "" "SCORESDE_CIFAR10_TRAIN=$<TARGET_FILE:cifar10_train>"
            "SCORESDE_CIFAR10_SAMPLE=$<TARGET_FILE:cifar10_sample>"
            "SCORESDE_MPIRUN=${MPIEXEC_EXECUTABLE}")
endif()
