// SPDX-License-Identifier: MIT
/// UsageError: invalid combinations of options, regardless of the contents of files.
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
