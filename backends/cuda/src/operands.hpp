// SPDX-License-Identifier: MIT
/// Checks of the states passed to DeviceBackend, and the selection of non-zero terms.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <scoresde/cuda/device_state.hpp>

#include "kernels/float4.hpp"

namespace scoresde::cuda {

inline Float4Shape float4s_of(Extents extents) {
  return {static_cast<unsigned>(extents.samples), static_cast<unsigned>(extents.dim)};
}

/// Throws Error unless `other` has the extents and the context of `x`.
template <class T>
void require_alike(const char* verb, const DeviceState<T>& x, const DeviceState<T>& other) {
  scoresde::require_same(verb, other.extents(), x.extents());
  require(other.context() == x.context(), verb,
          ": the states belong to different contexts; all must share one");
}

/// The same for all terms. Throws Error also for more than max_terms terms.
template <class Terms, class T>
void require_alike(const char* verb, const DeviceState<T>& x, const Terms& terms) {
  require(terms.size() <= max_terms, verb, ": ", terms.size(), " terms; at most ", max_terms,
          " are allowed");
  for (const auto& term : terms) require_alike(verb, x, *term.state);
}

/// The terms with non-zero coefficients.
template <class T>
struct DeviceTerms {
  unsigned count = 0;
  std::array<const T*, max_terms> state{};
  std::array<double, max_terms> coefficient{};

  explicit DeviceTerms(std::span<const Term<DeviceState<T>>> terms) {
    for (const auto& [c, x] : terms)
      if (c != 0) {
        state[count] = x->device_data();
        coefficient[count++] = c;
      }
  }
};

}  // namespace scoresde::cuda
