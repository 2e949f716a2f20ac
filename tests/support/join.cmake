# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.24)
# Writes one source that compiles several test files: first every header that they include, then each file in a
# separate namespace, so that their names do not collide.
#
#   cmake -D "files=<file>;..." -D joined=<source> -P join.cmake

set(headers "#include \"support/catch.hpp\"") # the precompiled one comes first
set(parts "")
foreach(file ${files})
  get_filename_component(folder ${file} DIRECTORY)
  get_filename_component(name ${file} NAME_WE)
  file(STRINGS ${file} includes REGEX "^#include ")
  foreach(line ${includes})
    # A header that lies next to the file is not next to the joined source.
    string(REGEX REPLACE "^#include \"(.+)\".*" "${folder}/\\1" neighbor "${line}")
    if(EXISTS "${neighbor}")
      set(line "#include \"${neighbor}\"")
    endif()
    list(APPEND headers "${line}")
  endforeach()
  string(APPEND parts "namespace in_${name} {\n#include \"${file}\"\n}\n")
endforeach()
list(REMOVE_DUPLICATES headers)
list(JOIN headers "\n" headers)
file(WRITE ${joined} "${headers}\n${parts}")
