# SPDX-License-Identifier: MIT
# The components: their options, the packages that they require, and the rooms that they contain.

# Makes imported targets visible to projects that use add_subdirectory.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)

set(components core) # enabled components, in the order of their dependencies

# scoresde_component(<component> <option> <package>...): <option> is AUTO (on if every package is found), ON (a missing
# package is an error) or OFF; its default is AUTO, or <option>_DEFAULT. Sets SCORESDE_HAS_<NAME>, and
# SCORESDE_<NAME>_STATUS to the text of the summary.
macro(scoresde_component component option)
  string(TOUPPER ${component} name)
  if(NOT DEFINED ${option}_DEFAULT)
    set(${option}_DEFAULT AUTO)
  endif()
  set(${option} ${${option}_DEFAULT} CACHE STRING "Component scoresde::${component}: AUTO, ON or OFF")
  set_property(CACHE ${option} PROPERTY STRINGS AUTO ON OFF)
  set(SCORESDE_HAS_${name} FALSE)
  if("${${option}}" STREQUAL "AUTO" OR ${option})
    set(SCORESDE_HAS_${name} TRUE)
    set(missing "")
    set(found "")
    foreach(package ${ARGN})
      find_package(${package} QUIET)
      if(${package}_FOUND)
        list(APPEND found "${package} ${${package}_VERSION}${${package}_VERSION_STRING}")
      else()
        list(APPEND missing ${package})
      endif()
    endforeach()
    list(JOIN found ", " found)
    list(JOIN missing ", " missing)
    set(SCORESDE_${name}_STATUS "on (${found})")
    if(missing)
      set(SCORESDE_HAS_${name} FALSE)
      set(SCORESDE_${name}_STATUS "off: ${missing} not found")
      if(NOT "${${option}}" STREQUAL "AUTO")
        message(FATAL_ERROR "${option} is ON, but CMake cannot find ${missing}. Install it, add its folder to "
                            "CMAKE_PREFIX_PATH, or set -D${option}=OFF.")
      endif()
    endif()
  else()
    set(SCORESDE_${name}_STATUS "off: ${option}=${${option}}")
  endif()
  if(SCORESDE_HAS_${name})
    list(APPEND components ${component})
  endif()
endmacro()

# As part of another project, nothing is installed and no CUDA code is compiled by default.
option(SCORESDE_INSTALL "Install the headers and the CMake package" ${PROJECT_IS_TOP_LEVEL})
if(NOT PROJECT_IS_TOP_LEVEL)
  set(SCORESDE_BACKEND_CUDA_DEFAULT OFF)
endif()

scoresde_component(eigen SCORESDE_BACKEND_EIGEN Eigen3)
scoresde_component(xtensor SCORESDE_BACKEND_XTENSOR xtensor)
scoresde_component(mpi SCORESDE_BACKEND_MPI MPI)
string(REPLACE "(MPI )" "(MPI ${MPI_CXX_VERSION})" SCORESDE_MPI_STATUS "${SCORESDE_MPI_STATUS}") # FindMPI has one for each language
# Image formats that scoresde::io reads in addition to PNG.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
scoresde_component(jpeg SCORESDE_JPEG JPEG)
scoresde_component(webp SCORESDE_WEBP WebP)
set(SCORESDE_JPEG_LIBRARY JPEG::JPEG)
set(SCORESDE_WEBP_LIBRARY WebP::webp)
scoresde_component(io SCORESDE_IO nlohmann_json PNG ZLIB)
foreach(format jpeg webp)
  string(TOUPPER ${format} name)
  if(SCORESDE_HAS_${name} AND NOT SCORESDE_HAS_IO)
    set(SCORESDE_HAS_${name} FALSE)
    set(SCORESDE_${name}_STATUS "off: scoresde::io, of which it is a part, is off")
    list(REMOVE_ITEM components ${format})
  endif()
endforeach()
include(${CMAKE_CURRENT_LIST_DIR}/cuda.cmake)

set(SCORESDE_HAS_OPENMP FALSE)
if(SCORESDE_HAS_EIGEN)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    set(SCORESDE_HAS_OPENMP TRUE)
    string(APPEND SCORESDE_EIGEN_STATUS ", OpenMP ${OpenMP_CXX_VERSION}")
  else()
    string(APPEND SCORESDE_EIGEN_STATUS ", one thread: OpenMP not found")
  endif()
endif()

# The component of a header is that of its room, the first folder below scoresde/. Rooms that are not listed here belong to
# the core.
set(scoresde_io_rooms io checkpoint)

# Sets `result` to the components that <scoresde/${header}> needs in addition to the core.
function(scoresde_components_of_header header result)
  string(REGEX REPLACE "/.*" "" room ${header})
  set(found "")
  if(room IN_LIST scoresde_io_rooms)
    list(APPEND found io)
  endif()
  if(header MATCHES "^io/(jpeg|webp)\\.hpp$")
    list(APPEND found ${CMAKE_MATCH_1})
  endif()
  if(room MATCHES "^(eigen|xtensor|mpi|cuda)$")
    list(APPEND found ${room})
  endif()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# Sets `libraries` to scoresde and those of its components whose headers a source file includes, and `missing` to
# the components among them that are off.
function(scoresde_components_of file libraries missing)
  set(found scoresde)
  set(off "")
  file(STRINGS ${file} includes REGEX "^#include <scoresde/.*>")
  foreach(line ${includes})
    string(REGEX REPLACE "^#include <scoresde/(.*)>.*" "\\1" header ${line})
    scoresde_components_of_header(${header} components_of_header)
    foreach(component ${components_of_header})
      list(APPEND found scoresde_${component})
      if(NOT TARGET scoresde_${component})
        list(APPEND off ${component})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES found)
  list(REMOVE_DUPLICATES off)
  set(${libraries} ${found} PARENT_SCOPE)
  set(${missing} ${off} PARENT_SCOPE)
endfunction()
