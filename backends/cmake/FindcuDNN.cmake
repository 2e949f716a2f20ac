# SPDX-License-Identifier: MIT
# Finds cuDNN in the toolkit, in a distribution's folders, or in a wheel (nvidia/cudnn/{include,lib}, which has only
# libcudnn.so.9). Defines cuDNN::cudnn, cuDNN_FOUND and cuDNN_VERSION; cuDNN_ROOT is a folder to search first.

get_filename_component(toolkit "${CUDAToolkit_INCLUDE_DIRS}" DIRECTORY)
find_path(cuDNN_INCLUDE_DIR cudnn_version.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${toolkit} PATH_SUFFIXES include)
get_filename_component(prefix "${cuDNN_INCLUDE_DIR}" DIRECTORY)
find_library(cuDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR HINTS ${prefix} ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib64 lib)

set(cuDNN_VERSION "")
if(cuDNN_INCLUDE_DIR)
  file(STRINGS ${cuDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) [0-9]+")
  string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
  list(JOIN numbers "." cuDNN_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cuDNN REQUIRED_VARS cuDNN_LIBRARY cuDNN_INCLUDE_DIR VERSION_VAR cuDNN_VERSION)
mark_as_advanced(cuDNN_INCLUDE_DIR cuDNN_LIBRARY)

if(cuDNN_FOUND AND NOT TARGET cuDNN::cudnn)
  # cuDNN loads its other libraries itself.
  add_library(cuDNN::cudnn SHARED IMPORTED GLOBAL)
  set_target_properties(cuDNN::cudnn PROPERTIES IMPORTED_LOCATION ${cuDNN_LIBRARY}
                                                INTERFACE_INCLUDE_DIRECTORIES ${cuDNN_INCLUDE_DIR})
endif()
