// SPDX-License-Identifier: MIT
/// The version of the library. This is its only definition; CMake reads it from here.
#pragma once

#define SCORESDE_VERSION_MAJOR 0
#define SCORESDE_VERSION_MINOR 1
#define SCORESDE_VERSION_PATCH 0
