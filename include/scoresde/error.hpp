// SPDX-License-Identifier: MIT
/// The one exception type, and how its messages are put together.
///
/// Every refusal names the argument, the value or shape found and what is allowed.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace scoresde {

/// Thrown at every public door: bad argument, mismatched shape, non-finite model output, broken
/// file.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

template <class... Parts>
[[nodiscard]] std::string text(const Parts&... parts) {
  std::ostringstream out;
  out.precision(17);
  (out << ... << parts);
  return out.str();
}

/// Throws Error with the concatenated parts unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw Error(text(parts...));
}

}  // namespace detail
}  // namespace scoresde
