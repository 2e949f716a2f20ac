// SPDX-License-Identifier: MIT
/// Checks of the values of options.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace programs {

/// Returns what is wrong with the text of a value, or an empty string.
using Check = std::function<std::string(const std::string& text)>;

/// Accepts whole numbers from `least` to `most`. (CLI11 converts negative numbers to large ones.)
[[nodiscard]] Check natural_number(std::uint64_t least, std::uint64_t most = ~std::uint64_t{0});

/// Accepts paths that are not empty, such as "$FOLDER" of a variable that is not set.
[[nodiscard]] Check path();

/// Accepts numbers that `fits` accepts; `allowed` describes them.
[[nodiscard]] Check number(std::function<bool(double)> fits, const char* allowed);
/// Accepts finite numbers above 0.
[[nodiscard]] Check positive_number();
/// Accepts finite numbers that are not negative.
[[nodiscard]] Check number_from_zero();
/// Accepts numbers from 0 to 1.
[[nodiscard]] Check share_from_zero();
/// Accepts numbers above 0 and up to 1.
[[nodiscard]] Check share();

/// Accepts these names, and those of `more`, which messages describe by `others`; a message about
/// another name begins with the nearest one.
[[nodiscard]] Check one_of(std::vector<std::string> names, std::vector<std::string> more = {},
                           std::string others = {});

}  // namespace programs
