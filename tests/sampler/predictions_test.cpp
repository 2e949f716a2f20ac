// SPDX-License-Identifier: MIT
/// The prediction type of a network does not change the samples of any sampler.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/registry/any_sde.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/score/preconditioning.hpp>

#include "every_sampler.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

enum class Output { score, noise, denoiser, velocity, flow_velocity, karras };

/// The exact model of a mixture as a network with that output: F ← (score − p·x)/q.
class Network {
 public:
  Network(const AnySde& sde, Output output)
      : sde_(sde), exact_(sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}), output_(output) {}

  [[nodiscard]] ScoreForm score_form(double t) const {
    switch (output_) {
      case Output::noise:
        return NoiseOutput<AnySde>{sde_}(t);
      case Output::denoiser:
        return DenoiserOutput<AnySde>{sde_}(t);
      case Output::velocity:
        return VelocityOutput<AnySde>{sde_}(t);
      case Output::flow_velocity:
        return FlowVelocityOutput<AnySde>{sde_}(t);
      case Output::karras:
        return edm_score_form(sde_.marginal_prob(t), 0.5);
      default:
        return ScoreOutput{}(t);
    }
  }
  void evaluate(const X& x, double t, X& out) {
    exact_.evaluate(x, t, out);
    for (std::size_t k = 0; k < x.extents().samples; ++k) predict(x, k, t, out);
  }
  void evaluate(const X& x, std::span<const double> times, X& out) {
    exact_.evaluate(x, times, out);
    for (std::size_t k = 0; k < x.extents().samples; ++k) predict(x, k, times[k], out);
  }

 private:
  void predict(const X& x, std::size_t k, double t, X& out) const {
    const ScoreForm form = score_form(t);
    for (std::size_t e = 0; e < x.extents().dim; ++e)
      out(k, e) = (out(k, e) - form.state * x(k, e)) / form.output;
  }

  AnySde sde_;
  GaussianMixture<AnySde> exact_;
  Output output_;
};

void every_output_gives_the_same(const AnySde& sde) {
  const auto check = [&](const std::string& name, const auto& sampler) {
    const auto draw = [&](Output output) {
      X x({3, 3});
      sampler.sample(Network(sde, output), x, Noise{.seed = 5});
      return x;
    };
    const X wanted = draw(Output::score);
    double size = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      size = std::max(size, std::abs(wanted.data()[i]));
    for (const Output output : {Output::noise, Output::denoiser, Output::velocity,
                                Output::flow_velocity, Output::karras}) {
      const X found = draw(output);
      double worst = 0;
      for (std::size_t i = 0; i < found.size(); ++i)
        worst = std::max(worst, std::abs(found.data()[i] - wanted.data()[i]));
      INFO(name << ", output " << static_cast<int>(output) << ", largest value " << size);
      // Rounding, magnified where an output is a small difference of large terms. The steps of
      // AdaptiveSde depend on errors that are themselves such differences, and its noise depends on
      // its steps: a relative change of the score by 1e-15 moves a sample by up to 4e-6.
      const double margin = name == "adaptive SDE" ? 1e-4 : 1e-8;
      CHECK(worst <= margin * std::max(1.0, size));
    }
  };
  for_every_sampler(sde, 12, check);
  for_every_adaptive_sampler(sde, check);
}

}  // namespace

TEST_CASE("networks of every output give the same samples with every sampler under VP") {
  every_output_gives_the_same(AnySde(VpSde()));
}
TEST_CASE("networks of every output give the same samples with every sampler under VE") {
  every_output_gives_the_same(AnySde(VeSde({.sigma_min = 0.01, .sigma_max = 20})));
}
