// SPDX-License-Identifier: MIT
/// The exception type of the library, and the assembly of its messages.
///
/// Each message names the argument, the value or shape found, and what is allowed.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scoresde {

/// Thrown by public functions for invalid arguments, mismatched shapes, non-finite model outputs
/// and broken files.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

inline void append(std::string& out, std::string_view part) { out += part; }
inline void append(std::string& out, char part) { out += part; }

/// The shortest decimal form that parses to the same number. Not a stream: <sstream> accounts for a
/// sixth of the compile time of the core.
template <class Number>
requires std::integral<Number> || std::floating_point<Number>
void append(std::string& out, Number part) {
  if constexpr (std::floating_point<Number>) {
    if (part != part) {  // the sign of a NaN depends on the compiler
      out += "nan";
      return;
    }
  }
  if constexpr (std::same_as<Number, bool>) {
    out += part ? '1' : '0';
  } else {
    std::array<char, 64> digits;
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), part);
    out.append(digits.data(), written.ptr);
  }
}

}  // namespace detail

/// The parts one after another: text as it is, numbers in their shortest exact form, bools as 0
/// or 1.
template <class... Parts>
[[nodiscard]] std::string text(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

/// Throws Error with the concatenated parts unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw Error(text(parts...));
}

}  // namespace scoresde
