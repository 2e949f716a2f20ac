# SPDX-License-Identifier: MIT
# The tests in backends/cuda/device run twice: on an emulated device, for which the C++ compiler compiles the backend's
# launchers and the kernels run under the emulation; and on a real device, if scoresde::cuda is enabled. The tests in
# backends/cuda/on_device run on a real device only.

file(GLOB launchers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/backends/cuda/src/*.cu)
set_source_files_properties(${launchers} PROPERTIES LANGUAGE CXX)
set(emulated_device ${launchers} support/emulated_device.cpp support/emulated_cudnn.cpp support/emulated_cublaslt.cpp)
set(launcher_folders ${PROJECT_SOURCE_DIR}/backends/cuda/src)

# Each of these defines members of DeviceBackend and instantiates the class: it is compiled by itself.
set_source_files_properties(
  ${PROJECT_SOURCE_DIR}/backends/cuda/src/assign.cu ${PROJECT_SOURCE_DIR}/backends/cuda/src/correct.cu
  ${PROJECT_SOURCE_DIR}/backends/cuda/src/linear_maps.cu ${PROJECT_SOURCE_DIR}/backends/cuda/src/reductions.cu
  PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

add_library(scoresde_cuda_emulated STATIC ${emulated_device})
target_link_libraries(scoresde_cuda_emulated PRIVATE test_options)
target_include_directories(scoresde_cuda_emulated PRIVATE ${launcher_folders})
set_target_properties(scoresde_cuda_emulated PROPERTIES UNITY_BUILD ${SCORESDE_FAST_TEST_BUILD} UNITY_BUILD_BATCH_SIZE 0)

file(GLOB device_files CONFIGURE_DEPENDS backends/cuda/device/*_test.cpp)
set(device_tests "")
foreach(file ${device_files})
  missing_components(missing ${file})
  list(REMOVE_ITEM missing cuda)
  if(NOT missing)
    list(APPEND device_tests ${file})
  endif()
endforeach()
join_sources(device_tests device_tests "${device_tests}")
add_library(device_tests OBJECT ${device_tests})
target_link_libraries(device_tests PRIVATE test_options)
target_precompile_headers(device_tests REUSE_FROM test_precompiled)

set(main $<$<TARGET_EXISTS:test_main>:$<TARGET_OBJECTS:test_main>>)
add_executable(test_backends_cuda_emulated $<TARGET_OBJECTS:device_tests> ${main})
target_link_libraries(test_backends_cuda_emulated PRIVATE test_options scoresde_cuda_emulated)
add_cases(test_backends_cuda_emulated "backends/cuda emulated" emulated)

# The CIFAR-10 programs on the emulated device.
if(TARGET programs_cuda)
  file(GLOB program_tests CONFIGURE_DEPENDS programs/emulated/*_test.cpp)
  add_executable(test_programs_emulated ${program_tests} ${main})
  target_link_libraries(test_programs_emulated PRIVATE test_options programs_cpu programs_cuda scoresde_cuda_emulated)
  target_precompile_headers(test_programs_emulated REUSE_FROM test_precompiled)
  add_cases(test_programs_emulated "programs emulated" emulated)
endif()

# For the private headers of the backend.
target_include_directories(test_backends_cuda PRIVATE ${launcher_folders})
if(TARGET scoresde_cuda)
  # A driver without a device, loaded as libcuda.so.1 on machines without one.
  add_library(emulated_driver SHARED backends/cuda/emulated_driver.cpp)
  target_link_libraries(emulated_driver PRIVATE scoresde_dev_warnings)
  set_target_properties(emulated_driver PROPERTIES OUTPUT_NAME cuda SOVERSION 1
                                                   LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/driver)
  add_dependencies(test_backends_cuda emulated_driver)
  # For the tests of cuBLASLt's descriptors.
  target_include_directories(test_backends_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})

  file(GLOB long_tests CONFIGURE_DEPENDS backends/cuda/on_device/*_test.cpp) # too slow for the emulation
  add_executable(test_backends_cuda_device $<TARGET_OBJECTS:device_tests> ${long_tests} support/device_main.cpp)
  target_link_libraries(test_backends_cuda_device PRIVATE test_options scoresde_cuda)
  add_cases(test_backends_cuda_device "backends/cuda on a device" gpu)
endif()

# Kernels and launchers on the emulated device under sanitizers: the launchers in a few sources, so that two processors
# share the work, and tests that compile kernels themselves. The other tests access no memory of the device.
set(sanitized_tests emulation step_kernels upload_ring)
set(sanitized_device_tests device_state network_kernels training_kernels convolution_plans matrix_products dense_attention)
list(TRANSFORM sanitized_tests REPLACE "(.+)" "[#\\1_test]" OUTPUT_VARIABLE sanitized_files)
list(TRANSFORM sanitized_device_tests REPLACE "(.+)" "[#\\1_test]" OUTPUT_VARIABLE sanitized_device_files)
# In double, the requirements take a minute.
list(TRANSFORM sanitized_device_files APPEND "~a device state satisfies the backend requirements - double")
list(JOIN sanitized_files "," sanitized_cases)
list(JOIN sanitized_device_files "," sanitized_device_cases)
list(TRANSFORM sanitized_tests REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/backends/cuda/\\1_test.cpp")
join_sources(sanitized_tests test_cuda_sanitized "${sanitized_tests}")
add_library(sanitized_device OBJECT ${emulated_device})
set_target_properties(sanitized_device PROPERTIES UNITY_BUILD ${SCORESDE_FAST_TEST_BUILD} UNITY_BUILD_BATCH_SIZE 10)
# Of inline functions that several objects define, the linker takes the first, so sanitized objects precede the others.
add_executable(test_cuda_sanitized ${sanitized_tests} $<TARGET_OBJECTS:sanitized_device> $<TARGET_OBJECTS:device_tests> ${main})
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
foreach(target sanitized_device test_cuda_sanitized)
  target_link_libraries(${target} PRIVATE test_options)
  target_include_directories(${target} PRIVATE ${launcher_folders})
  # Reports quote line tables only (-g1); -g takes 40 % longer. The disabled warning has false positives of gcc 12 in the
  # sanitizers' instrumentation of loop counters.
  target_compile_options(${target} PRIVATE ${sanitizers} -O1 -g1 -Wno-maybe-uninitialized)
endforeach()
target_link_options(test_cuda_sanitized PRIVATE ${sanitizers})
add_test(NAME "backends/cuda: kernels and launchers under sanitizers"
         COMMAND test_cuda_sanitized --filenames-as-tags "${sanitized_cases},${sanitized_device_cases}")
set_tests_properties("backends/cuda: kernels and launchers under sanitizers" PROPERTIES LABELS "slow;emulated"
                                                                                       TIMEOUT 600 COST 100)

find_package(Python3 QUIET COMPONENTS Interpreter)
find_program(SCORESDE_CXXFILT c++filt)
if(TARGET scoresde_cuda AND Python3_FOUND AND SCORESDE_CXXFILT)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/backends/cuda)
  set(library ${PROJECT_SOURCE_DIR}/backends/cuda)
  add_test(NAME "backends/cuda: registers, stack and spills of every kernel"
           COMMAND ${Python3_EXECUTABLE} -B ${folder}/kernel_limits.py ${folder}/kernel_limits.txt
                   ${PROJECT_BINARY_DIR}/backends/cuda ${SCORESDE_CXXFILT})
  add_test(NAME "backends/cuda: the PTX of the step update"
           COMMAND ${Python3_EXECUTABLE} -B ${folder}/update_ptx.py ${CMAKE_CUDA_COMPILER} ${library}/src/assign.cu
                   ${PROJECT_SOURCE_DIR}/include ${library} ${library}/include)
  set_tests_properties("backends/cuda: registers, stack and spills of every kernel"
                       "backends/cuda: the PTX of the step update" PROPERTIES LABELS "slow;emulated" TIMEOUT 120)
elseif(TARGET scoresde_cuda)
  message(STATUS "registers of CUDA kernels are not checked: this requires python3 and c++filt")
endif()
