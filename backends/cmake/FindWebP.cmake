# SPDX-License-Identifier: MIT
# Finds libwebp, whose Debian package has no CMake configuration. Defines WebP::webp, WebP_FOUND and WebP_VERSION, that of
# the decoder's interface; WebP_ROOT is a folder to search first.

find_path(WebP_INCLUDE_DIR webp/decode.h)
find_library(WebP_LIBRARY NAMES webp)

set(WebP_VERSION "")
if(WebP_INCLUDE_DIR)
  file(STRINGS ${WebP_INCLUDE_DIR}/webp/decode.h line REGEX "#define WEBP_DECODER_ABI_VERSION 0x[0-9a-f]+")
  if(line MATCHES "0x([0-9a-f]+)")
    math(EXPR number "0x${CMAKE_MATCH_1}")
    math(EXPR WebP_VERSION "${number} / 256")
    math(EXPR minor "${number} % 256")
    string(APPEND WebP_VERSION ".${minor}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WebP REQUIRED_VARS WebP_LIBRARY WebP_INCLUDE_DIR VERSION_VAR WebP_VERSION)
mark_as_advanced(WebP_INCLUDE_DIR WebP_LIBRARY)

if(WebP_FOUND AND NOT TARGET WebP::webp)
  add_library(WebP::webp UNKNOWN IMPORTED GLOBAL)
  set_target_properties(WebP::webp PROPERTIES IMPORTED_LOCATION ${WebP_LIBRARY}
                                              INTERFACE_INCLUDE_DIRECTORIES ${WebP_INCLUDE_DIR})
endif()
