# SPDX-License-Identifier: MIT
# FindcuDNN for cuDNN's three layouts, from empty files with the right names.
cmake_minimum_required(VERSION 3.24)

file(WRITE ${work}/project/CMakeLists.txt
     "cmake_minimum_required(VERSION 3.24)\nproject(finds LANGUAGES CXX)\n"
     "list(APPEND CMAKE_MODULE_PATH \"${modules}\")\nfind_package(cuDNN REQUIRED)\n"
     "get_target_property(folder cuDNN::cudnn INTERFACE_INCLUDE_DIRECTORIES)\n"
     "get_target_property(library cuDNN::cudnn IMPORTED_LOCATION)\n"
     "message(STATUS \"found \${cuDNN_VERSION} in \${folder} and \${library}\")\n")

# lay(<name> <folder of headers> <library>): finds cuDNN under <name>
function(lay name include library)
  set(root ${work}/${name})
  file(REMOVE_RECURSE ${root} ${work}/build)
  file(WRITE ${root}/${include}/cudnn_version.h
       "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 7\n#define CUDNN_PATCHLEVEL 1\n")
  file(WRITE ${root}/${library} "")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${work}/project -B ${work}/build -G ${generator} -DCMAKE_CXX_COMPILER=${compiler}
            -DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu -DcuDNN_ROOT=${root}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(FIND "${output}" "found 9.7.1 in ${root}/${include} and ${root}/${library}" at)
  if(NOT status EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "cuDNN laid out as ${name} should be found with its version; CMake printed:\n${output}")
  endif()
  message(STATUS "found as ${name}")
endfunction()

lay(toolkit include lib64/libcudnn.so)
lay(distribution include lib/x86_64-linux-gnu/libcudnn.so)
lay(wheel include lib/libcudnn.so.9)
