# SPDX-License-Identifier: MIT
# Component scoresde::cuda: nvcc, the CUDA toolkit, cuDNN, and settings that CMake 3.24 lacks.

# Architectures of the default build; the last also as PTX for later devices.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(cuda_architectures 80-real 90-real 120)
else()
  set(cuda_architectures ${CMAKE_CUDA_ARCHITECTURES})
endif()

scoresde_component(cuda SCORESDE_BACKEND_CUDA CUDAToolkit cuDNN)

if(SCORESDE_HAS_CUDA)
  set(CMAKE_CUDA_ARCHITECTURES ${cuda_architectures})
  include(CheckLanguage)
  if(NOT DEFINED ENV{CUDACXX} AND CUDAToolkit_NVCC_EXECUTABLE)
    set(ENV{CUDACXX} ${CUDAToolkit_NVCC_EXECUTABLE}) # it may not be on PATH
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    # CMake before 3.26 defines CUDA20 but not its compiler flag.
    if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    list(JOIN CMAKE_CUDA_ARCHITECTURES ", " listed)
    string(REGEX REPLACE "\\)$" "; architectures ${listed})" SCORESDE_CUDA_STATUS "${SCORESDE_CUDA_STATUS}")
  else()
    set(SCORESDE_HAS_CUDA FALSE)
    set(SCORESDE_CUDA_STATUS "off: nvcc not found, or it does not compile with this host compiler")
    list(REMOVE_ITEM components cuda)
    if(NOT "${SCORESDE_BACKEND_CUDA}" STREQUAL "AUTO")
      message(FATAL_ERROR "SCORESDE_BACKEND_CUDA is ON, but nvcc is not found or does not compile with this host "
                          "compiler. Set CMAKE_CUDA_COMPILER, or -DSCORESDE_BACKEND_CUDA=OFF.")
    endif()
  endif()
endif()
