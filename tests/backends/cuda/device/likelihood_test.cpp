// SPDX-License-Identifier: MIT
/// Likelihoods, bounds and a network's vjp in device memory against those on the host.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/scoresde.hpp>
#include <scoresde/state/host_copy.hpp>

#include "backends/cuda/device/isotropic_score.hpp"
#include "support/catch.hpp"
#include "support/shared_context.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using cuda::DeviceState;
using scoresde::test::context;
using test::TemporaryFolder;

namespace {

/// The score of N(0, v·I) with its vjp.
template <Sde S>
struct DifferentiableScore : IsotropicScore<S> {
  template <class X, class Times>
  void vjp(const X&, const Times& t, const X& v, X& out) {
    this->evaluate(v, t, out);
  }
};

HostState<float> placed(const HostState<float>& x, const HostState<float>&) { return x; }
DeviceState<float> placed(const HostState<float>& x, const DeviceState<float>&) {
  return {context(), x};
}

/// Everything of likelihood/ that runs without a user's function on the device, for points of
/// `like`'s backend; 0 where only one draw is made and no error can be estimated.
template <class X>
std::vector<double> results(const X& like) {
  const VpSde sde;
  DifferentiableScore<VpSde> model{{sde, 0.4}};
  const HostState<float> host({3, 6}, small::normals<float>(18, 5));
  std::vector<double> all;
  const auto keep = [&](const std::vector<double>& values) {
    all.insert(all.end(), values.begin(), values.end());
  };
  for (const auto distribution : {ProbeDistribution::rademacher, ProbeDistribution::gaussian}) {
    const HutchinsonTrace trace{.probes = 2, .distribution = distribution};
    X x = placed(host, like);
    const auto adaptive =
        ProbabilityFlowLikelihood{sde, AdaptiveRungeKutta<>{}, trace}.log_likelihood(
            model, x, Noise{.seed = 1});
    keep(adaptive.log_p);
    keep(adaptive.change_by_probe);
    keep({static_cast<double>(adaptive.statistics.nfe)});
    x = placed(host, like);
    keep(ProbabilityFlowLikelihood{sde, scipy_rk45(1e-3, 1e-3), trace}
             .log_likelihood(model, x, Noise{.seed = 1})
             .log_p);
    x = placed(host, like);
    keep(ProbabilityFlowLikelihood{sde, Heun{}, trace, uniform_grid(sde, 10)}
             .log_likelihood(model, x, Noise{.seed = 1})
             .log_p);
  }
  const X x = placed(host, like);
  for (const auto objective : {BoundObjective::denoising, BoundObjective::sliced})
    keep(LikelihoodBound(sde, 1e-3, {.objective = objective, .draws = 3})
             .evaluate(model, x, Noise{.seed = 2})
             .negative_log_p);
  const DdpmSde chain(linear_betas(5, 0.01, 0.4));
  DifferentiableScore<DdpmSde> discrete{{chain, 0.4}};
  keep(DiscreteLikelihoodBound<>(chain, {.draws = 2})
           .evaluate(discrete, x, Noise{.seed = 3})
           .negative_log_p);
  return all;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    error = std::fmax(error, std::abs(double(a[i]) - double(b[i])));
    size = std::fmax(size, std::abs(double(b[i])));
  }
  return error / size;
}

/// Value and vjp of a checkpoint's network at a time per sample.
template <class Ops>
std::vector<float> value_and_vjp(const std::filesystem::path& path, Ops ops) {
  auto model = load_pretrained(path, {.batch = 2, .mode = nn::Mode::differentiation}, ops);
  const std::vector<double> times{0.2, 0.5, 0.9};
  const auto state = [&](std::uint64_t seed) {
    auto x = model.make_state(3);
    const auto values = small::normals<float>(3 * model.dim(), seed);
    ops.upload(values, Ops::elements(x));
    return x;
  };
  const auto x = state(1), v = state(2);
  auto output = state(3), product = state(3), alone = state(3);
  evaluate_with_vjp(model, x, std::span<const double>(times), v, output, product);
  model.vjp(x, std::span<const double>(times), v, alone);
  std::vector<float> all, part(3 * model.dim());
  for (const auto* from : {&output, &product, &alone}) {
    ops.download(Ops::elements(*from), part);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

TEST_CASE("likelihoods and bounds of device states are those of host states") {
  const auto expected = results(HostState<float>({1, 1}));
  const auto found = results(DeviceState<float>(context(), Extents{1, 1}));
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO(i);
    CHECK(found[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-5));
  }
}

TEST_CASE("Rademacher probes of device states are those of host states") {
  HostState<float> expected({2, 7});
  DeviceState<float> found(context(), expected);
  const NoiseDraw draw = Noise{.seed = 4, .purpose = Purpose::probe}.draw(1);
  draw_probe(expected, ProbeDistribution::rademacher, draw);
  draw_probe(found, ProbeDistribution::rademacher, draw);
  const auto copy = host_copy(found);
  CHECK(std::equal(copy.data(), copy.data() + copy.size(), expected.data()));
}

TEST_CASE("a network's value and vjp with a time per sample are the CPU's", "[slow]") {
  const auto compare = [&](const std::filesystem::path& path) {
    CHECK(largest_difference(value_and_vjp(path, cuda::Ops<float>(context())),
                             value_and_vjp(path, eigen::Ops<float>())) < 1e-4);
  };
  const TemporaryFolder vp, edm;
  compare(small::weights_file<DenoisingScoreMatching>(vp, small::every_path(), VpSde{}));
  compare(small::weights_file<EdmLoss>(edm, small::every_path(), EdmSde{}));  // scales its input
}

TEST_CASE("the likelihood of a checkpoint on the device is the CPU's", "[slow]") {
  const TemporaryFolder folder;
  const auto path =
      small::weights_file<DenoisingScoreMatching>(folder, small::every_path(), VpSde{});
  const auto likelihood = [&]<class Ops>(Ops ops) {
    auto model = load_pretrained(path, {.batch = 2, .mode = nn::Mode::differentiation}, ops);
    auto x = model.make_state(3);
    ops.upload(small::normals<float>(3 * model.dim(), 6), Ops::elements(x));
    return ProbabilityFlowLikelihood{model.sde(), Heun{}, HutchinsonTrace{.probes = 2},
                                     TimeGrid({0.4, 0.7, 1.0})}
        .log_likelihood(model, x, Noise{.seed = 9});
  };
  const auto expected = likelihood(eigen::Ops<float>());
  const auto found = likelihood(cuda::Ops<float>(context()));
  CHECK(found.statistics.nfe == expected.statistics.nfe);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(found.log_p[k] == Approx(expected.log_p[k]).epsilon(1e-4));
    CHECK(found.change[k] == Approx(expected.change[k]).epsilon(1e-3));
  }
}
