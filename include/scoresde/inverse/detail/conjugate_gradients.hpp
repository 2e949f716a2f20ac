// SPDX-License-Identifier: MIT
/// Conjugate gradients for a batch of symmetric positive definite systems K u = b.
///
///   α = ⟨r, r⟩/⟨p, K p⟩,   u ← u + α p,   r ← r − α K p,   p ← r + (⟨r', r'⟩/⟨r, r⟩) p
///
/// Hestenes & Stiefel 1952. Each sample has its own coefficients and stops by itself, so that it
/// does not depend on its batch.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/scratch_state.hpp>

namespace scoresde::detail {

/// Keeps the states of a solve between calls. Not thread-safe.
template <State X>
class ConjugateGradients {
 public:
  /// Iterates at most `iterations` times, a sample until ‖r‖ ≤ tolerance·‖b‖. Throws Error for
  /// iterations = 0 and a tolerance outside [0, 1).
  ConjugateGradients(std::size_t iterations, double tolerance)
      : iterations_(iterations), tolerance_(tolerance) {
    require(iterations >= 1, "conjugate gradients: iterations is 0; it must be at least 1");
    require(tolerance >= 0 && tolerance < 1, "conjugate gradients: tolerance is ", tolerance,
            "; it must lie in [0, 1)");
  }

  /// u ← K⁻¹ b, where map(p, out) writes out ← K p. u must not alias b. Returns the number of maps.
  template <class Map>
  std::size_t solve(const Map& map, const X& b, X& u) {
    X &r = residual_.like(b), &p = direction_.like(b), &q = mapped_.like(b);
    for (auto* row : {&stop_, &square_, &step_, &back_, &one_}) row->assign(extents(b).samples, 1);
    assign(u, {}, NoiseTerm{});
    assign(r, {{1, b}});
    assign(p, {{1, b}});
    backend(b).inner(r, r, square_);
    for (std::size_t k = 0; k < stop_.size(); ++k) stop_[k] = tolerance_ * tolerance_ * square_[k];
    std::size_t maps = 0;
    while (maps < iterations_ && working()) {
      map(p, q);
      ++maps;
      advance(u, r, p, q);
    }
    return maps;
  }

 private:
  using Row = std::vector<double>;

  [[nodiscard]] bool works(std::size_t k) const { return square_[k] > stop_[k] && square_[k] > 0; }
  [[nodiscard]] bool working() const {
    for (std::size_t k = 0; k < square_.size(); ++k)
      if (works(k)) return true;
    return false;
  }
  void advance(X& u, X& r, X& p, const X& q) {
    backend(p).inner(p, q, step_);
    for (std::size_t k = 0; k < step_.size(); ++k)
      step_[k] = works(k) && step_[k] > 0 ? square_[k] / step_[k] : 0;
    for (std::size_t k = 0; k < back_.size(); ++k) back_[k] = -step_[k];
    assign(u, {{one_, u}, {step_, p}});
    assign(r, {{one_, r}, {back_, q}});
    backend(r).inner(r, r, back_);
    for (std::size_t k = 0; k < back_.size(); ++k) {
      const double now = back_[k];
      back_[k] = step_[k] > 0 ? now / square_[k] : 0;
      square_[k] = step_[k] > 0 ? now : 0;  // a sample that cannot proceed stops
    }
    assign(p, {{one_, r}, {back_, p}});
  }

  std::size_t iterations_;
  double tolerance_;
  Row stop_, square_, step_, back_, one_;
  ScratchState residual_, direction_, mapped_;
};

}  // namespace scoresde::detail
