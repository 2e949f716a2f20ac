# SPDX-License-Identifier: MIT
# benchmark_train prints one line of JSON with consistent figures, and rejects invalid options.
#
#   cmake -D program=<benchmark_train> -P train_step.cmake

cmake_minimum_required(VERSION 3.24)

execute_process(COMMAND ${program} --preset cifar10_small --nf 8 --batch 3 --seconds 0 --runs 2 OUTPUT_VARIABLE line
                COMMAND_ERROR_IS_FATAL ANY)
foreach(key what backend batch runs least_seconds median_seconds images_per_second gflop gflops workspace_bytes)
  string(JSON ${key} GET "${line}" ${key})
endforeach()
if(NOT "${what} ${backend} ${batch} ${runs}" STREQUAL "step cpu 3 2")
  message(FATAL_ERROR "the line does not match the options: ${line}")
endif()
# As for network_step with the same network: three times a forward pass.
if(NOT (gflop GREATER 0.36 AND gflop LESS 0.48 AND least_seconds GREATER 1e-6 AND NOT least_seconds GREATER median_seconds
        AND gflops GREATER 0.01 AND workspace_bytes GREATER 1000000))
  message(FATAL_ERROR "the figures are inconsistent: ${line}")
endif()

foreach(words "--preset;none" "--batch;0" "--backend;tpu" "--nf;7")
  execute_process(COMMAND ${program} ${words} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE complaint)
  if(status EQUAL 0 OR complaint STREQUAL "" OR NOT output STREQUAL "")
    message(FATAL_ERROR "${words}: status ${status}, output '${output}', stderr '${complaint}'")
  endif()
endforeach()
