# SPDX-License-Identifier: MIT
# benchmark_network_step prints one line of JSON with consistent figures, and rejects invalid options.
#
#   cmake -D program=<benchmark_network_step> -P network_step.cmake

cmake_minimum_required(VERSION 3.24)

function(require_range what value least most)
  if(NOT (value GREATER_EQUAL least AND value LESS_EQUAL most))
    message(FATAL_ERROR "${what} is ${value}; it must lie between ${least} and ${most}")
  endif()
endfunction()

# 8 channels instead of 32: the 330 million multiply-adds of cifar10_small become nearly 16 times fewer.
foreach(what forward training)
  execute_process(COMMAND ${program} --preset cifar10_small --nf 8 --what ${what} --batch 3 --threads 1 --seconds 0 --runs 2
                  OUTPUT_VARIABLE line COMMAND_ERROR_IS_FATAL ANY)
  foreach(key preset what batch threads runs least_seconds median_seconds gflop gflops gemm_gflops peak_bytes workspace_bytes)
    string(JSON ${key}_of_${what} GET "${line}" ${key})
  endforeach()
  if(NOT "${preset_of_${what}} ${what_of_${what}} ${batch_of_${what}} ${threads_of_${what}}" STREQUAL "cifar10_small ${what} 3 1")
    message(FATAL_ERROR "the line does not match the options: ${line}")
  endif()
  require_range("runs" ${runs_of_${what}} 2 2)
  require_range("least_seconds" ${least_seconds_of_${what}} 1e-6 ${median_seconds_of_${what}})
  require_range("gemm_gflops" ${gemm_gflops_of_${what}} 0.01 1e6)
  require_range("peak_bytes" ${peak_bytes_of_${what}} ${workspace_bytes_of_${what}} 1e9)
endforeach()
require_range("gflop of a forward pass" ${gflop_of_forward} 0.12 0.16)
require_range("gflop of a training step" ${gflop_of_training} 0.36 0.48)
require_range("workspace of a training step" ${workspace_bytes_of_training} ${workspace_bytes_of_forward} 1e9)

foreach(words "--preset;none" "--what;all" "--batch;0" "--threads;-1" "--seconds;soon" "--nf;7" "--export;/nowhere/passes.safetensors")
  execute_process(COMMAND ${program} ${words} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE complaint)
  if(status EQUAL 0 OR complaint STREQUAL "" OR NOT output STREQUAL "")
    message(FATAL_ERROR "${words}: status ${status}, output '${output}', stderr '${complaint}'")
  endif()
endforeach()
