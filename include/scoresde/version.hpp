// SPDX-License-Identifier: MIT
/// The version of the library; CMake reads it from here and nothing else states it.
#pragma once

#define SCORESDE_VERSION_MAJOR 0
#define SCORESDE_VERSION_MINOR 1
#define SCORESDE_VERSION_PATCH 0
