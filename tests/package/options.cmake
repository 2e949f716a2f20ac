# SPDX-License-Identifier: MIT
# The options of a component: AUTO prints why it is off, ON makes a missing package an error, OFF is printed.
cmake_minimum_required(VERSION 3.24)

# configure(<expected output> <whether it must fail> <option>...)
function(configure words fails)
  file(REMOVE_RECURSE ${work})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${source} -B ${work} -G ${generator} -DCMAKE_CXX_COMPILER=${compiler}
            -DSCORESDE_BACKEND_CUDA=OFF -DSCORESDE_BUILD_TESTS=OFF -DSCORESDE_BUILD_EXAMPLES=OFF -DSCORESDE_BUILD_BENCHMARKS=OFF ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " flat "${output}")
  string(FIND "${flat}" "${words}" at)
  if(at EQUAL -1 OR (fails AND status EQUAL 0) OR (NOT fails AND NOT status EQUAL 0))
    message(FATAL_ERROR "cmake ${ARGN} should print '${words}' and give status 0 unless ${fails}; it gave ${status}:\n"
                        "${output}")
  endif()
  message(STATUS "${words}")
endfunction()

configure("scoresde::eigen off: Eigen3 not found" FALSE -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
configure("scoresde::io off: PNG not found" FALSE -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON)
configure("scoresde::jpeg off: JPEG not found" FALSE -DCMAKE_DISABLE_FIND_PACKAGE_JPEG=ON)
configure("scoresde::webp off: SCORESDE_WEBP=OFF" FALSE -DSCORESDE_WEBP=OFF)
configure("scoresde::jpeg off: scoresde::io, of which it is a part, is off" FALSE -DSCORESDE_IO=OFF)
configure("scoresde::xtensor off: SCORESDE_BACKEND_XTENSOR=OFF" FALSE -DSCORESDE_BACKEND_XTENSOR=OFF)
configure("scoresde::mpi off: MPI not found" FALSE -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON)
configure("SCORESDE_BACKEND_MPI is ON, but CMake cannot find MPI" TRUE -DSCORESDE_BACKEND_MPI=ON
          -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON)
configure("scoresde::cuda off: SCORESDE_BACKEND_CUDA=OFF" FALSE)
configure("scoresde::cuda off: CUDAToolkit" FALSE -DSCORESDE_BACKEND_CUDA=AUTO
          -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON)
configure("SCORESDE_BACKEND_CUDA is ON, but CMake cannot find CUDAToolkit" TRUE -DSCORESDE_BACKEND_CUDA=ON
          -DCMAKE_DISABLE_FIND_PACKAGE_CUDAToolkit=ON)
configure("SCORESDE_BACKEND_EIGEN is ON, but CMake cannot find Eigen3" TRUE -DSCORESDE_BACKEND_EIGEN=ON
          -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON)
configure("SCORESDE_IO is ON, but CMake cannot find nlohmann_json" TRUE -DSCORESDE_IO=ON
          -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
