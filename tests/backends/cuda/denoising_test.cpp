// SPDX-License-Identifier: MIT
#include "kernels/denoising.hpp"

#include <span>
#include <vector>

#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

using State = HostState<float>;

/// A network that returns a given output and records its input.
struct GivenOutput {
  using Scalar = float;
  std::vector<float> output;
  ScoreForm form;

  void evaluate(const State&, double, State& out) { fill(out); }
  void evaluate(const State&, std::span<const double>, State& out) { fill(out); }
  [[nodiscard]] ScoreForm score_form(double t) const { return {form.state, form.output / t}; }

 private:
  void fill(State& out) { std::copy(output.begin(), output.end(), out.data()); }
};

const NoiseDraw draw =
    Noise{.seed = 8, .first_sample = 5, .purpose = Purpose::training_noise}.draw(3);

/// Compares the loss on the host and by the kernels, for the same images, times and output.
template <class S>
void compare(const S& sde, ScoreForm form, Extents shape) {
  CAPTURE(shape.samples, shape.dim, form.state);
  const std::size_t n = shape.samples, size = shape.size();
  const double share = 0.25;
  State x0(shape);
  const auto images = random_values<float>(size, 1);
  std::copy(images.begin(), images.end(), x0.data());
  GivenOutput model{random_values<float>(size, 2), form};
  LossWorkspace<State> work(x0);
  for (std::size_t k = 0; k < n; ++k) work.times()[k] = 0.05 + 0.9 * double(k) / double(n);
  const std::vector<double> times(work.times().begin(), work.times().end());
  const DenoisingScoreMatching loss{};
  const double value = loss(sde, model, x0, draw, work, share);

  // The coefficients of a step, as in device memory.
  std::vector<double> mean(n), std(n), state(n), factor(n), weight(n),
      losses = not_a_number<double>(n);
  for (std::size_t k = 0; k < n; ++k) {
    const MarginalProb p = sde.marginal_prob(times[k]);
    const ScoreForm at = model.score_form(times[k]);
    mean[k] = p.mean;
    std[k] = p.std;
    state[k] = p.std * at.state;
    factor[k] = p.std * at.output;
    weight[k] = loss.reduce_mean ? 1.0 / static_cast<double>(shape.dim) : 0.5;
  }
  for (const auto& schedule : {every_schedule[0], every_schedule[1], every_schedule[2]}) {
    std::vector<float> x = not_a_number<float>(size), gradient = model.output;
    const cuda::Float4Shape float4s{static_cast<unsigned>(n), static_cast<unsigned>(shape.dim)};
    emulate(cuda::Perturb{float4s, mean.data(), std.data(), {draw}, x0.data(), x.data()}, schedule);
    CHECK(x == std::vector<float>(work.perturbed().data(), work.perturbed().data() + size));
    emulate(cuda::DenoisingResidual{float4s,
                                    state.data(),
                                    factor.data(),
                                    weight.data(),
                                    share / double(n),
                                    {draw},
                                    x.data(),
                                    gradient.data(),
                                    gradient.data(),
                                    losses.data()},
            schedule);
    const float* const expected = work.output_gradient().data();
    CHECK(relative_distance(gradient, std::vector<float>(expected, expected + size)) < 1e-7);
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(losses[k] == Approx(work.losses()[k]).epsilon(1e-13));
      sum += losses[k];
    }
    CHECK(sum / double(n) == Approx(value).epsilon(1e-13));
  }
}

}  // namespace

TEST_CASE("perturbed images are bit-identical to the host's, loss and gradient match",
          "[emulated]") {
  for (const Extents shape :
       {Extents{3, 3 * 7 * 5}, Extents{2, 1500}, Extents{1, 1}, Extents{4, 2}}) {
    compare(VpSde{}, {0, -1}, shape);
    compare(SubVpSde{}, {0, -1}, shape);
    compare(VeSde{}, {0, 1}, shape);
    compare(VpSde{}, {-0.3, 0.7}, shape);
  }
}

TEST_CASE("the step counter in memory selects the draw", "[emulated]") {
  const std::uint64_t step = 3;
  const std::vector<double> zero{0}, one{1};
  std::vector<float> by_counter(10), by_name(10), x0(10);
  cuda::detail::DeviceDraw counted{draw, &step};
  counted.draw.index -= step;
  emulate(cuda::Perturb{{1, 10}, zero.data(), one.data(), counted, x0.data(), by_counter.data()});
  emulate(cuda::Perturb{{1, 10}, zero.data(), one.data(), {draw}, x0.data(), by_name.data()});
  CHECK(by_counter == by_name);
  std::vector<float> z(10);
  fill_normal(z, draw, 0, 0);
  CHECK(by_name == z);
}
