// SPDX-License-Identifier: MIT
/// The first of two translation units that include every public header.
#include "everything.hpp"

int other_minor_version();

int main() { return other_minor_version() == SCORESDE_VERSION_MINOR ? 0 : 1; }
