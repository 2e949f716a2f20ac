# SPDX-License-Identifier: MIT
# Installation and the CMake package.

# Each component is a separate export set and install component (scoresde-<component>), so that find_package needs
# only the requested ones. The CUDA library takes minutes to compile: unless SCORESDE_BACKEND_CUDA is ON it is built
# only if a target links it, and installed by `cmake --install <build> --component scoresde-cuda`.
if(SCORESDE_HAS_CUDA)
  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/scoresde) # the CUDA library is architecture-dependent
  set(any_architecture "")
else()
  set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/scoresde)
  set(any_architecture ARCH_INDEPENDENT)
endif()

function(scoresde_install target component)
  if(NOT target STREQUAL "scoresde")
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${component})
  endif()
  if(NOT SCORESDE_INSTALL)
    return()
  endif()
  set(part COMPONENT scoresde-${component})
  if(component STREQUAL "cuda" AND SCORESDE_BACKEND_CUDA STREQUAL "AUTO")
    list(APPEND part EXCLUDE_FROM_ALL)
  endif()
  install(TARGETS ${target} EXPORT scoresde-${component} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${part}
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${part})
  install(EXPORT scoresde-${component} NAMESPACE scoresde:: FILE scoresde-${component}.cmake
          DESTINATION ${package_folder} ${part})
endfunction()

function(scoresde_install_package)
  if(NOT SCORESDE_INSTALL)
    return()
  endif()
  include(CMakePackageConfigHelpers)
  set(config ${PROJECT_BINARY_DIR}/scoresde-config.cmake)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/backends/cmake/scoresde-config.cmake.in ${config}
                                INSTALL_DESTINATION ${package_folder})
  # Before 1.0 a minor version may contain breaking changes.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/scoresde-config-version.cmake
                                   COMPATIBILITY SameMinorVersion ${any_architecture})
  install(FILES ${config} ${PROJECT_BINARY_DIR}/scoresde-config-version.cmake DESTINATION ${package_folder}
          COMPONENT scoresde-core)
  if(SCORESDE_HAS_WEBP)
    install(FILES ${PROJECT_SOURCE_DIR}/backends/cmake/FindWebP.cmake DESTINATION ${package_folder}
            COMPONENT scoresde-webp)
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT scoresde-core)
endfunction()
