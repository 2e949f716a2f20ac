// SPDX-License-Identifier: MIT
/// UsageError: options that do not go together, whatever the files that they name hold.
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

}  // namespace scoresde
