// SPDX-License-Identifier: MIT
/// BrownianPath: a noise source that gives runs with any number of steps the same Brownian path.
///
///   z of a step (t → t_next) = (W(u(t_next)) − W(u(t)))/√|u(t_next) − u(t)|
///
/// The difference between runs with 50, 100 and 200 steps is then due to discretization alone. W is
/// a BrownianTree: z is a sum of named draws, computed from coarse to fine, so it is bit-identical
/// on every backend, in every batch and after any earlier requests. docs/noise.md lists the clock
/// for each sampler.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <scoresde/brownian/clock.hpp>
#include <scoresde/brownian/tree.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// Constructed before the run for states of the given shape; holds one such state and does not
/// allocate afterwards. The prior (draw 0) and correctors use the named draws of `noise` by index,
/// which are independent of the path. A draw is valid until the next one is requested, so each
/// thread requires its own copy.
template <State X, BrownianClock Clock>
class BrownianPath {
 public:
  static constexpr int default_depth = 16;

  /// Throws Error as BrownianTree does.
  BrownianPath(const X& like, Noise noise, Clock clock, int depth = default_depth)
      : noise_(noise), tree_(std::move(clock), depth), z_(backend(like).make_like(like)) {}

  [[nodiscard]] const BrownianTree<Clock>& tree() const { return tree_; }

  [[nodiscard]] NoiseDraw draw(std::uint64_t index) const { return noise_.draw(index); }

  /// N(0, I), independent across steps. Throws Error for times that the tree rejects.
  [[nodiscard]] const X& draw(std::uint64_t, TimeStep step) const {
    const BrownianIncrement increment = tree_.increment(step.t, step.t_next);
    const double scale = 1 / std::sqrt(increment.variance());
    const Noise nodes{noise_.seed, noise_.first_sample, Purpose::brownian};
    if constexpr (requires { backend(z_).draw_sum(z_, std::span<const NoiseTerm>()); }) {
      std::array<NoiseTerm, BrownianIncrement::max_terms> draws;
      std::size_t count = 0;
      for (const auto& [node, weight] : increment.terms())
        draws[count++] = {scale * weight, nodes.draw(node)};
      backend(z_).draw_sum(z_, std::span<const NoiseTerm>(draws.data(), count));
      return z_;
    }
    const Term<X> sum{1, &z_};
    std::span<const Term<X>> so_far;
    for (const auto& [node, weight] : increment.terms()) {
      backend(z_).assign(z_, so_far, NoiseTerm{scale * weight, nodes.draw(node)});
      so_far = {&sum, 1};
    }
    return z_;
  }

 private:
  Noise noise_;
  BrownianTree<Clock> tree_;
  mutable X z_;
};

}  // namespace scoresde
