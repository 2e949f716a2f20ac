// SPDX-License-Identifier: MIT
/// The gradient test of losses: the gradient in each parameter must equal the derivative.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/state/host_state.hpp>

#include "loss/tanh_model.hpp"
#include "support/catch.hpp"

namespace scoresde::test {

using State64 = HostState<double>;

inline State64 normal_state(Extents shape, NoiseDraw draw, double scale = 1) {
  State64 x(shape);
  backend(x).assign(x, std::span<const Term<State64>>{}, NoiseTerm{scale, draw});
  return x;
}

/// Central differences of the loss in every weight, against backward.
template <Sde S, class Loss, class Convention = typename Loss::template Convention<S>>
void check_loss_gradient(const S& sde, const Loss& loss, Convention convention = {}) {
  const Extents shape{3, 5};
  const Noise noise{.seed = 5};
  const State64 x0 = normal_state(shape, noise.draw(0), 0.5);
  const TrainingDraws draws{.seed = 11, .step = 2};
  LossWorkspace<State64> work(x0);
  loss.draw_times(sde, draws.time(), work.times());
  TanhModel<double, S, Convention> model(sde, {0.7, -0.4, 1.1, 0.2, -0.9}, convention);
  const double value = loss(sde, model, x0, draws.noise(), work);
  REQUIRE(value > 0);
  std::vector<double> gradient(5, 0.0);
  model.backward(work.output_gradient(), gradient);
  for (std::size_t e = 0; e < 5; ++e) {
    const double w = model.weights()[e];
    // Rounding of the loss (1e-16 relative) divided by h, and h²: both below 1e-8.
    const double h = 1e-5;
    model.weights()[e] = w + h;
    const double above = loss(sde, model, x0, draws.noise(), work);
    model.weights()[e] = w - h;
    const double below = loss(sde, model, x0, draws.noise(), work);
    model.weights()[e] = w;
    CAPTURE(e, value);
    CHECK(gradient[e] == Approx((above - below) / (2 * h)).epsilon(1e-6).margin(1e-8 * value));
  }
}

}  // namespace scoresde::test
