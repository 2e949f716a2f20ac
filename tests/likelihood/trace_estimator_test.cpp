// SPDX-License-Identifier: MIT
/// Traces of known Jacobians: exact, and estimated without bias.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <scoresde/likelihood/trace_estimator.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "likelihood/models.hpp"
#include "support/catch.hpp"
#include "support/remote_state.hpp"

using namespace scoresde;
using X = HostState<double>;

namespace {

const std::vector<double> covariance{0.4, 0.2, 0.1, 0.2, 2, 0.3, 0.1, 0.3, 6};

Gaussian<VpSde> gaussian() { return {VpSde{}, {0.5, -1, 2}, covariance}; }
GaussianMixture<VpSde> mixture() {
  return {VpSde{}, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3, 0.7, 0.3, 1, 2}};
}
X points(std::size_t samples) {
  X x({samples, 3});
  draw_probe(x, ProbeDistribution::gaussian, Noise{.seed = 4}.draw(0));
  return x;
}

/// The trace of every sample by unit vectors.
template <class M, class T>
std::vector<double> by_coordinates(M& model, const X& x, T t) {
  likelihood_models::Untraced<M> untraced{model};
  std::vector<double> traces(x.extents().samples);
  X output(x.extents());
  CoordinateTrace<X> exact(x);
  exact(untraced, x, t, output, traces);
  X expected(x.extents());
  model.evaluate(x, t, expected);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(output.data()[i] == expected.data()[i]);
  return traces;
}

}  // namespace

TEST_CASE("the exact scores' traces equal the sum over unit vectors, with one time or several") {
  const X x = points(4);
  const std::vector<double> times{0.01, 0.2, 0.5, 1};
  const auto check = [&](auto model) {
    std::vector<double> traces(4);
    model.trace(x, 0.3, traces);
    const auto one = by_coordinates(model, x, 0.3);
    for (std::size_t k = 0; k < 4; ++k) CHECK(traces[k] == Approx(one[k]).epsilon(1e-12));
    model.trace(x, std::span<const double>(times), traces);
    const auto several = by_coordinates(model, x, std::span<const double>(times));
    for (std::size_t k = 0; k < 4; ++k) CHECK(traces[k] == Approx(several[k]).epsilon(1e-12));
  };
  check(gaussian());
  check(mixture());
}

TEST_CASE("probes of a state in other memory are those of a host state") {
  for (const auto distribution : {ProbeDistribution::rademacher, ProbeDistribution::gaussian}) {
    X expected({3, 5});
    test::RemoteState found({3, 5});
    const NoiseDraw draw = Noise{.seed = 8}.draw(2);
    draw_probe(expected, distribution, draw);
    draw_probe(found, distribution, draw);
    CHECK(std::equal(found.data(), found.data() + found.size(), expected.data()));
  }
}

TEST_CASE("probes are signs or normals, and their estimates have the right mean and variance") {
  // tr of the inverse covariance at t = 1, where the score is −C⁻¹(x − m) with C near I.
  constexpr std::size_t probes = 20000;
  auto model = gaussian();
  const X x = points(1);
  const double t = 0.05;
  std::vector<double> exact(1);
  model.trace(x, t, exact);
  double off_diagonal = 0, all = 0;  // Σ S_ij² without and with the diagonal
  for (std::size_t j = 0; j < 3; ++j) {
    X unit({1, 3}), column({1, 3});
    unit(0, j) = 1;
    model.vjp(x, t, unit, column);
    for (std::size_t i = 0; i < 3; ++i) {
      all += column(0, i) * column(0, i);
      if (i != j) off_diagonal += column(0, i) * column(0, i);
    }
  }
  for (const auto distribution : {ProbeDistribution::rademacher, ProbeDistribution::gaussian}) {
    const bool signs = distribution == ProbeDistribution::rademacher;
    HutchinsonProbes<X> estimator(probes, distribution, x, Noise{.seed = 3});
    std::vector<double> traces(probes);
    X output(x.extents());
    estimator(model, x, t, output, traces);
    double mean = 0, variance = 0;
    for (const double value : traces) mean += value / probes;
    for (const double value : traces) variance += (value - mean) * (value - mean) / (probes - 1);
    const double expected = 2 * (signs ? off_diagonal : all);
    CHECK(std::abs(mean - exact[0]) < 4 * std::sqrt(expected / probes));
    CHECK(variance == Approx(expected).epsilon(signs ? 0.06 : 0.15));
    for (std::size_t p = 0; p < (signs ? probes : 0); ++p) CHECK(estimator.of_identity()[p] == 3);
  }
}

TEST_CASE("Rademacher probes are exact for a diagonal Jacobian") {
  Gaussian model(VpSde{}, {0.5, -1, 2}, {0.1, 1, 7});
  const X x = points(5);
  std::vector<double> exact(5), traces(5);
  model.trace(x, 0.1, exact);
  HutchinsonProbes<X> estimator(1, ProbeDistribution::rademacher, x, Noise{.seed = 1});
  X output(x.extents());
  estimator(model, x, 0.1, output, traces);
  for (std::size_t k = 0; k < 5; ++k) CHECK(traces[k] == Approx(exact[k]).epsilon(1e-13));
}

TEST_CASE("probes are a stream of their own and depend on the sample, not on the batch") {
  const X x = points(3), last = points(1);
  Noise noise{.seed = 9};
  HutchinsonProbes<X> all(1, ProbeDistribution::gaussian, x, noise);
  noise.first_sample = 2;
  HutchinsonProbes<X> one(1, ProbeDistribution::gaussian, last, noise);
  CHECK(all.of_identity()[2] == one.of_identity()[0]);
  X sampling({3, 3});
  draw_probe(sampling, ProbeDistribution::gaussian, Noise{.seed = 9}.draw(0));
  std::vector<double> squares(3);
  backend(x).inner(sampling, sampling, squares);
  CHECK(squares[0] != all.of_identity()[0]);
}

TEST_CASE("a trace without probes is rejected") {
  CHECK_THROWS_WITH(HutchinsonTrace{.probes = 0}.validate(),
                    Catch::Contains("probes is 0; it must be at least 1"));
}
