// SPDX-License-Identifier: MIT
/// Inpainting: known elements are drawn from the forward process, and are the data in the end.
///
///   x ← (1 − mask)·x + mask·(mean(t) data + std(t) z)   after every update,   data at the end
///
/// Song et al. 2021 (arXiv:2011.13456), appendix I.2. The published code takes t from the start of
/// a step, begins with noise-free data in the known part, and ends with the known part at
/// mean(ε)·data while noise remains in the rest.
#pragma once

#include <algorithm>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/masked.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// The time of the marginal from which the known part is drawn, and how it begins.
enum class KnownLevel {
  step_end,   ///< that of x after the update; begins at the marginal of the first time
  step_start  ///< score_sde's: that of x before the update; begins with the data, without noise
};

namespace detail {

/// The time of the known part after a step; grids of score_sde's end below 0.
[[nodiscard]] inline double known_time(KnownLevel level, TimeStep step) {
  return std::max(0.0, level == KnownLevel::step_end ? step.t_next : step.t);
}

}  // namespace detail

/// A Constraint. `mask` is not 0 where an element is known; mask and data have the extents of x, so
/// that every sample has its own. Refers to both, which must outlive it.
template <Sde S, MaskedState X>
class Inpainting {
 public:
  static constexpr bool needs_before = false, needs_noise = true;

  /// Throws Error for a mask and data of different extents.
  Inpainting(S sde, const X& mask, const X& data, KnownLevel level = KnownLevel::step_end)
      : sde_(std::move(sde)), mask_(&mask), data_(&data), level_(level) {
    const Extents found = extents(mask), wanted = extents(data);
    require(found == wanted, "inpainting: the mask has ", found.samples, " samples of dimension ",
            found.dim, " and the data ", wanted.samples, " of ", wanted.dim,
            "; they must have the same");
  }

  /// z is the draw that x was made of, from the prior or from the data at t. Throws Error for x of
  /// other extents than the data.
  template <class Z>
  void after_start(X& x, double t, const Z& z) const {
    if (level_ == KnownLevel::step_start) return after_end(x);
    check(x);
    replace(x, sde_.marginal_prob(t), z);
  }
  /// z is a NoiseDraw or a state.
  template <class M, class Z>
  void after_update(const X&, X& x, TimeStep step, M&, const Z& z) const {
    check(x);
    replace(x, sde_.marginal_prob(detail::known_time(level_, step)), z);
  }
  /// Known elements become bit-identical to the data.
  void after_end(X& x) const {
    check(x);
    assign_where(x, *mask_, {1, *data_});
  }

 private:
  void check(const X& x) const {
    const Extents found = extents(x), wanted = extents(*data_);
    require(found == wanted, "inpainting: the state has ", found.samples, " samples of dimension ",
            found.dim, " and the data ", wanted.samples, " of ", wanted.dim,
            "; they must have the same");
  }
  template <class Z>
  void replace(X& x, MarginalProb p, const Z& z) const {
    assign_where(x, *mask_, {p.mean, *data_}, {p.std, z});
  }

  S sde_;
  const X* mask_;
  const X* data_;
  KnownLevel level_;
};

}  // namespace scoresde
