// SPDX-License-Identifier: MIT
/// Metadata: the settings of a run or network as text, as stored in a checkpoint.
#pragma once

#include <map>
#include <string>

namespace scoresde {

/// Keys and values as text; lists are "1,2,2,2", booleans "true" and "false".
using Metadata = std::map<std::string, std::string>;

}  // namespace scoresde
