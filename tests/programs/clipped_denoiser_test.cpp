// SPDX-License-Identifier: MIT
/// The clipped denoiser: the model's own score where nothing is clipped, a picture in range always.
#include "cifar10/clipped_denoiser.hpp"

#include <array>
#include <vector>

#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "support/catch.hpp"

namespace {

using scoresde::HostState;
using scoresde::ScoreForm;
using scoresde::VpSde;

/// F(x, t) = 3t − x, of which the score is x/2 − 2F.
struct LinearModel {
  ScoreForm score_form(double) const { return {0.5, -2}; }
  void evaluate(const HostState<double>& x, double t, HostState<double>& output) const {
    for (std::size_t e = 0; e < x.size(); ++e) output.data()[e] = 3 * t - x.data()[e];
  }
  void evaluate(const HostState<double>& x, std::span<const double> times,
                HostState<double>& output) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t e = 0; e < x.extents().dim; ++e) output(k, e) = 3 * times[k] - x(k, e);
  }
};

double score(const ScoreForm& form, double x, double output) {
  return form.state * x + form.output * output;
}

}  // namespace

TEST_CASE("a range that clips nothing leaves the score as it was") {
  const VpSde sde;
  LinearModel model;
  cifar10::ClippedDenoiser clipped(model, sde, {-1e9, 1e9});
  const HostState<double> x({2, 2}, {0.3, -1.2, 0.0, 2.5});
  HostState<double> own({2, 2}), output({2, 2});
  for (const double t : {0.01, 0.3, 0.9}) {
    model.evaluate(x, t, own);
    clipped.evaluate(x, t, output);
    for (std::size_t e = 0; e < 4; ++e)
      // the two forms cancel to 1/std², at most 1e3 here
      REQUIRE(score(clipped.score_form(t), x.data()[e], output.data()[e]) ==
              Approx(score(model.score_form(t), x.data()[e], own.data()[e])).epsilon(1e-9));
  }
}

TEST_CASE("its output is the denoised picture within the range, also with a time per sample") {
  const VpSde sde;
  LinearModel model;
  cifar10::ClippedDenoiser clipped(model, sde, {0, 1});
  const HostState<double> x({2, 2}, {0.3, -9.0, 9.0, 0.9});
  HostState<double> together({2, 2}), each({2, 2});
  clipped.evaluate(x, 0.5, together);
  const std::array<double, 2> times{0.5, 0.5};
  clipped.evaluate(x, std::span<const double>(times), each);
  bool at_bound = false;
  for (std::size_t e = 0; e < 4; ++e) {
    REQUIRE(together.data()[e] == each.data()[e]);
    REQUIRE((together.data()[e] >= 0 && together.data()[e] <= 1));
    at_bound = at_bound || together.data()[e] == 0 || together.data()[e] == 1;
  }
  REQUIRE(at_bound);
}
