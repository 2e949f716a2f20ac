// SPDX-License-Identifier: MIT
/// The second: a function that is not inline, defined in a header, would now be defined twice.
#include "everything.hpp"

int other_minor_version() { return SCORESDE_VERSION_MINOR; }
