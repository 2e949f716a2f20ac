// SPDX-License-Identifier: MIT
/// The second: a non-inline function defined in a header would be a duplicate definition.
#include "everything.hpp"

int other_minor_version() { return SCORESDE_VERSION_MINOR; }
