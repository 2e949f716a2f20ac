// SPDX-License-Identifier: MIT
/// UsageError: options that exclude each other or do not suit the network they name.
#pragma once

#include <scoresde/error.hpp>

namespace scoresde {

class UsageError : public Error {
 public:
  using Error::Error;
};

/// Throws UsageError with the concatenated parts unless `condition` holds.
template <class... Parts>
void require_usage(bool condition, const Parts&... parts) {
  if (!condition) throw UsageError(scoresde::text(parts...));
}

/// The value of body(), whose Errors are about the command line and become UsageErrors.
template <class Body>
auto as_usage(const Body& body) {
  try {
    return body();
  } catch (const Error& failure) {
    throw UsageError(failure.what());
  }
}

}  // namespace scoresde
