# SPDX-License-Identifier: MIT
# The tests of backends/cuda/device, twice: over a device of the host's own, on which the backend's launchers, compiled
# by the C++ compiler, run their kernels under the emulation; and, where scoresde::cuda is on, over a real one. Those of
# backends/cuda/on_device run over a real one alone.

file(GLOB launchers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/backends/cuda/src/*.cu)
set_source_files_properties(${launchers} PROPERTIES LANGUAGE CXX)
set(emulated_device ${launchers} support/emulated_device.cpp support/emulated_cudnn.cpp support/emulated_cublaslt.cpp)
set(launcher_folders ${PROJECT_SOURCE_DIR}/backends/cuda/src)

add_library(scoresde_cuda_emulated STATIC ${emulated_device})
target_link_libraries(scoresde_cuda_emulated PRIVATE test_settings)
target_include_directories(scoresde_cuda_emulated PRIVATE ${launcher_folders})

file(GLOB device_files CONFIGURE_DEPENDS backends/cuda/device/*_test.cpp)
set(device_tests "")
foreach(file ${device_files})
  missing_components(missing ${file})
  list(REMOVE_ITEM missing cuda)
  if(NOT missing)
    list(APPEND device_tests ${file})
  endif()
endforeach()
add_library(device_tests OBJECT ${device_tests})
target_link_libraries(device_tests PRIVATE test_settings)
target_precompile_headers(device_tests REUSE_FROM test_precompiled)

set(main $<$<TARGET_EXISTS:test_main>:$<TARGET_OBJECTS:test_main>>)
add_executable(test_backends_cuda_emulated $<TARGET_OBJECTS:device_tests> ${main})
target_link_libraries(test_backends_cuda_emulated PRIVATE test_settings scoresde_cuda_emulated)
add_cases(test_backends_cuda_emulated "backends/cuda emulated" emulated)

# What the CIFAR-10 programs do on a device, over the host's.
if(TARGET cifar10_train_on_device)
  file(GLOB program_tests CONFIGURE_DEPENDS programs/emulated/*_test.cpp)
  add_executable(test_programs_emulated ${program_tests} ${main})
  foreach(part train_on_host train_on_device sample_on_host sample_on_device)
    target_sources(test_programs_emulated PRIVATE $<TARGET_OBJECTS:cifar10_${part}>)
  endforeach()
  target_link_libraries(test_programs_emulated PRIVATE test_settings scoresde_cuda_emulated)
  target_precompile_headers(test_programs_emulated REUSE_FROM test_precompiled)
  add_cases(test_programs_emulated "programs emulated" emulated)
endif()

# For what the backend's sources keep to themselves.
target_include_directories(test_backends_cuda PRIVATE ${launcher_folders})
if(TARGET scoresde_cuda)
  # A driver without a device, in the place of libcuda.so.1 where there is none and under that name.
  add_library(emulated_driver SHARED backends/cuda/emulated_driver.cpp)
  target_link_libraries(emulated_driver PRIVATE scoresde_own_warnings)
  set_target_properties(emulated_driver PROPERTIES OUTPUT_NAME cuda SOVERSION 1
                                                   LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/driver)
  add_dependencies(test_backends_cuda emulated_driver)
  # cuBLASLt's descriptors are tested as it gets them.
  target_include_directories(test_backends_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})

  file(GLOB long_tests CONFIGURE_DEPENDS backends/cuda/on_device/*_test.cpp) # longer than an emulation can be
  add_executable(test_backends_cuda_device $<TARGET_OBJECTS:device_tests> ${long_tests} support/device_main.cpp)
  target_link_libraries(test_backends_cuda_device PRIVATE test_settings scoresde_cuda)
  add_cases(test_backends_cuda_device "backends/cuda on a device" gpu)
endif()

# The kernels by themselves and the backend over the host's device, with every access to memory checked.
add_executable(test_cuda_sanitized ${emulated_device} backends/cuda/emulation_test.cpp
                                   backends/cuda/step_kernels_test.cpp
                                   backends/cuda/device/device_state_test.cpp
                                   backends/cuda/device/network_kernels_test.cpp
                                   backends/cuda/device/training_kernels_test.cpp
                                   backends/cuda/device/convolution_plans_test.cpp
                                   backends/cuda/device/matrix_products_test.cpp
                                   backends/cuda/device/dense_attention_test.cpp
                                   backends/cuda/upload_ring_test.cpp ${main})
target_link_libraries(test_cuda_sanitized PRIVATE test_settings)
target_include_directories(test_cuda_sanitized PRIVATE ${launcher_folders})
set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
# Among the sanitizers' own code gcc 12 takes counters of loops for uninitialised.
target_compile_options(test_cuda_sanitized PRIVATE ${sanitizers} -O1 -g -Wno-maybe-uninitialized)
target_link_options(test_cuda_sanitized PRIVATE ${sanitizers})
add_test(NAME "backends/cuda: kernels and launchers under sanitizers" COMMAND test_cuda_sanitized "~a device state keeps the promises of a backend - double")
set_tests_properties("backends/cuda: kernels and launchers under sanitizers" PROPERTIES LABELS "quick;emulated"
                                                                                       TIMEOUT 600)

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
                   ${PROJECT_SOURCE_DIR}/include ${library}/include)
  set_tests_properties("backends/cuda: registers, stack and spills of every kernel"
                       "backends/cuda: the PTX of the step update" PROPERTIES LABELS "quick;emulated" TIMEOUT 120)
elseif(TARGET scoresde_cuda)
  message(STATUS "the registers of CUDA kernels are not checked: they need python3 and c++filt")
endif()
