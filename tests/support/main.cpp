// SPDX-License-Identifier: MIT
/// main() of the tests, for Catch2 packages without a library that defines it.
#define CATCH_CONFIG_MAIN
#include "support/catch.hpp"
