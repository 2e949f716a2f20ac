// SPDX-License-Identifier: MIT
/// main() of the tests where the Catch2 package brings no library with one.
#define CATCH_CONFIG_MAIN
#include "support/catch.hpp"
