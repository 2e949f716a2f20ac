// SPDX-License-Identifier: MIT
/// BrownianPath: a noise source whose steps share one Brownian path, whatever their number.
///
///   z of a step (t → t_next) = (W(u(t_next)) − W(u(t)))/√|u(t_next) − u(t)|
///
/// Runs with 50, 100 and 200 steps then differ by their discretisation alone: they see the same
/// noise. W is a BrownianTree: z is a sum of named draws, taken coarse to fine, so its bits depend
/// neither on the backend nor on the batch nor on what was asked before. docs/noise.md says which
/// clock fits which sampler.
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

/// Made before the run for states like the one given; holds one such state and allocates nothing
/// after. The prior (draw 0) and correctors take the named draws of `noise` by number: they are no
/// part of the path. A draw stands until the next one is asked for, so threads need copies.
template <State X, BrownianClock Clock>
class BrownianPath {
 public:
  static constexpr int default_depth = 16;

  /// Throws Error as BrownianTree does.
  BrownianPath(const X& like, Noise noise, Clock clock, int depth = default_depth)
      : noise_(noise), tree_(std::move(clock), depth), z_(backend(like).make_like(like)) {}

  [[nodiscard]] const BrownianTree<Clock>& tree() const { return tree_; }

  [[nodiscard]] NoiseDraw draw(std::uint64_t index) const { return noise_.draw(index); }

  /// N(0, I), independent from step to step. Throws Error for times that the tree refuses.
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
