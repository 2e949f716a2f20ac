// SPDX-License-Identifier: MIT
/// --class and guidance, of programs that sample.
#pragma once

#include <scoresde/registry/class_choice.hpp>

#include "cli/command_line.hpp"

namespace programs {

void add_classes(CommandLine& line, scoresde::ClassChoice& c);

}  // namespace programs
