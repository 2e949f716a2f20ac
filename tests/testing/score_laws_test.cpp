// SPDX-License-Identifier: MIT
/// check_score_laws reports every wrong model.
#include <vector>

#include <scoresde/score/gaussian.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

const std::vector<double> mean{0.5, -1, 2};
const std::vector<double> covariance{2, 0.6, -0.3, 0.6, 1, 0.2, -0.3, 0.2, 0.5};
const X points({2, 3}, {0.3, -1.2, 0.8, 2.0, 0.1, -0.4});

/// A score with one of several errors.
struct Wrong : Gaussian<VpSde> {
  enum Kind { scaled, derivative, batch } kind;
  explicit Wrong(Kind k) : Gaussian(VpSde(), mean, covariance), kind(k) {}
  void evaluate(const X& x, double t, X& output) {
    Gaussian::evaluate(x, t, output);
    if (kind == scaled)
      for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] *= 1.001;
    if (kind == batch) output(0, 0) += 0.1;
  }
  void vjp(const X& x, double t, const X& v, X& out) {
    Gaussian::vjp(x, t, v, out);
    if (kind == derivative) out(1, 1) *= 1.001;
  }
};

}  // namespace

TEST_CASE(
    "check_score_laws detects a scaled score, a wrong derivative and dependence on the batch") {
  for (const auto kind : {Wrong::scaled, Wrong::derivative, Wrong::batch}) {
    Wrong model(kind);
    CHECK_FALSE(testing::check_score_laws(model, points, 0.5).empty());
  }
}
