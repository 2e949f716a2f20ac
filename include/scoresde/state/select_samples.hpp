// SPDX-License-Identifier: MIT
/// select_samples: a batch of chosen samples of another one.
///
///   out[k] ← x[rows[k]]
///
/// The resampling of particle methods needs it. States with elements in host memory are copied;
/// other backends, such as the CUDA backend, define the member select_samples.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/error.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde {

/// select_samples(out, x, rows); out must not alias x.
template <class B>
concept SelectingBackend = Backend<B> &&
    requires(const B& backend, const typename B::State& x, typename B::State& out,
             std::span<const std::uint32_t> rows) {
  { backend.select_samples(out, x, rows) } -> std::same_as<void>;
};

/// A state for which select_samples is defined.
template <class X>
concept SelectableState = State<X> &&(
    requires(const X& x, X& out) { *out.data() = *x.data(); } ||
    requires(const X& x) {
      { backend_of<X>::of(x) } -> SelectingBackend;
    });

/// out[k] ← x[rows[k]]; out must not alias x. Throws Error for states of different dimension,
/// unless there is one row per sample of out, and for a row that x does not have.
template <SelectableState X>
void select_samples(X& out, const X& x, std::span<const std::uint32_t> rows) {
  const auto [samples, dim] = extents(out);
  require(extents(x).dim == dim && rows.size() == samples, "select samples: ", rows.size(),
          " rows of dimension ", extents(x).dim, " for ", samples, " samples of dimension ", dim,
          "; there must be one per sample, of its dimension");
  for (const std::uint32_t row : rows)
    require(row < extents(x).samples, "select samples: a row is ", row, "; it must be below ",
            extents(x).samples, ", the number of samples");
  if constexpr (requires { backend(out).select_samples(out, x, rows); }) {
    backend(out).select_samples(out, x, rows);
  } else {
    for (std::size_t k = 0; k < rows.size(); ++k)
      std::copy_n(x.data() + rows[k] * dim, dim, out.data() + k * dim);
  }
}

}  // namespace scoresde
