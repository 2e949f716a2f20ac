// SPDX-License-Identifier: MIT
/// Likelihoods, bounds and bits per dimension against score_sde's and score_flow's code.
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/likelihood/likelihood_bound.hpp>
#include <scoresde/likelihood/probability_flow_likelihood.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "likelihood/models.hpp"
#include "support/catch.hpp"
#include "support/golden_sampling.hpp"

using namespace scoresde;
using golden_sampling::Case;
using likelihood_models::Untraced;
using X = HostState<double>;

namespace {

std::vector<double> numbers(const Case& c, const std::string& what) {
  return c.file->at(c.name + "." + what).as<double>();
}

/// max |a − b| / max |b|.
double difference(std::span<const double> a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    largest = std::fmax(largest, std::abs(a[i] - b[i]));
    size = std::fmax(size, std::abs(b[i]));
    if (!std::isfinite(a[i])) return 1e300;
  }
  return largest / size;
}

template <class Use>
void with_continuous_sde(const Case& c, Use use) {
  const std::string sde = c.entry.at("sde");
  const BetaSchedule beta{.beta_min = c.entry.value("beta_min", 0.1),
                          .beta_max = c.entry.value("beta_max", 20.0)};
  if (sde == "vp")
    use(VpSde(beta));
  else if (sde == "subvp")
    use(SubVpSde(beta));
  else if (sde == "ve")
    use(VeSde({.sigma_min = c.entry.value("sigma_min", 0.01),
               .sigma_max = c.entry.value("sigma_max", 50.0)}));
  else
    FAIL("unknown SDE in " << c.name);
}

template <class S, class Use>
void with_target(const Case& c, const S& sde, Use use) {
  const std::string target = c.entry.at("target");
  const auto shared = [&](const char* what) {
    return c.file->at(target + "." + what).template as<double>();
  };
  if (target == "gauss")
    use(Gaussian(sde, shared("mu"), shared("var")));
  else if (target == "full")
    use(Gaussian(sde, shared("mu"), shared("cov")));
  else if (target == "mix")
    use(GaussianMixture(sde, shared("weights"), shared("means"), shared("variances")));
  else
    FAIL("unknown target in " << c.name);
}

/// The results that all cases share. `tolerance` is relative.
void check_result(const Case& c, const LogLikelihood& found, const X& z, double tolerance) {
  const std::size_t dim = z.extents().dim;
  CHECK(difference({z.data(), z.size()}, numbers(c, "z")) <= tolerance);
  CHECK(difference(found.prior, numbers(c, "prior_logp")) <= tolerance);
  CHECK(difference(found.change_by_probe, numbers(c, "delta_logp")) <= tolerance);
  CHECK(difference(found.log_p, numbers(c, "logp")) <= tolerance);
  if (c.file->tensors.count(c.name + ".standard_error")) {
    const auto expected = numbers(c, "standard_error");
    for (std::size_t k = 0; k < expected.size(); ++k)
      CHECK(std::abs(found.standard_error[k] - expected[k]) <= 1e-9);
  }
  if (c.file->tensors.count(c.name + ".bpd_centered")) {
    CHECK(difference(bits_per_dim(found.log_p, UniformDequantization<Centered>{}, dim),
                     numbers(c, "bpd_centered")) <= tolerance);
    CHECK(difference(bits_per_dim(found.log_p, UniformDequantization<UnitInterval>{}, dim),
                     numbers(c, "bpd_uncentered")) <= tolerance);
  }
}

template <class S, class M>
void check_adaptive(const Case& c, const S& sde, M& model) {
  const ProbabilityFlowLikelihood likelihood{sde,
                                             scipy_rk45(c.entry.at("rtol"), c.entry.at("atol")),
                                             HutchinsonTrace{}, TimeStep{c.entry.at("eps"), 1}};
  X x = golden_sampling::state<double>(c, "x");
  const auto probes = golden_sampling::states(c, "epsilon", x);
  const LogLikelihood found = likelihood.log_likelihood(model, x, RecordedNoise<X>{probes});
  CHECK(found.statistics.nfe == c.entry.at("nfe").template get<std::size_t>());
  check_result(c, found, x, 1e-8);
}

template <class S, class M>
void check_fixed(const Case& c, const S& sde, M& model) {
  const TimeGrid grid(numbers(c, "times"));
  X x = golden_sampling::state<double>(c, "x");
  for (std::size_t k = 0; k < x.extents().samples; ++k) {
    const double expected = numbers(c, "exact_logp_eps")[k];
    CHECK(std::abs(model.log_density(x[k], c.entry.at("eps")) - expected) <=
          1e-10 * std::abs(expected));
  }
  if (c.entry.at("trace") == "exact") {
    const ProbabilityFlowLikelihood likelihood{sde, RungeKutta4{}, ExactTrace{}, grid};
    X z = x;
    check_result(c, likelihood.log_likelihood(model, z, Noise{}), z, 1e-10);
    z = x;
    Untraced untraced{model};
    check_result(c, likelihood.log_likelihood(untraced, z, Noise{}), z, 1e-10);
  } else {
    const HutchinsonTrace trace{.probes = c.entry.at("probes")};
    const ProbabilityFlowLikelihood likelihood{sde, RungeKutta4{}, trace, grid};
    const auto probes = golden_sampling::states(c, "epsilon", x);
    const LogLikelihood found = likelihood.log_likelihood(model, x, RecordedNoise<X>{probes});
    CHECK(found.statistics.nfe == 4 * grid.size());
    check_result(c, found, x, 1e-10);
  }
}

template <class S, class M>
void check_bound(const Case& c, const S& sde, M& model) {
  const bool sliced = c.entry.at("objective") == "ssm";
  const LikelihoodBound bound(
      sde, c.entry.at("eps"),
      {.objective = sliced ? BoundObjective::sliced : BoundObjective::denoising,
       .times = c.entry.at("time") == "uniform" ? BoundTimes::uniform : BoundTimes::importance});
  const auto& tensor = c.file->at("x");
  const X x({tensor.shape.at(0), tensor.size() / tensor.shape.at(0)}, tensor.template as<double>());
  const std::size_t samples = x.extents().samples, dim = x.extents().dim;
  const auto u = numbers(c, "u"), times = numbers(c, "times"), value = numbers(c, "integrand");
  const auto z = golden_sampling::states(c, "z", x),
             probe = golden_sampling::states(c, "epsilon", x);
  Workspace<X, 3> work(x);
  std::vector<double> total(samples), found(samples);
  // score_flow leaves out the length of the interval under uniform times.
  const double length = c.entry.at("time") == "uniform" ? 1 - c.entry.at("eps").get<double>() : 1;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::span row = std::span(times).subspan(i * samples, samples);
    for (std::size_t k = 0; k < samples; ++k)
      CHECK(bound.time(u[i * samples + k]) == Approx(row[k]).epsilon(1e-10));
    bound.integrand(model, x, row, z[i], probe[i], work, found);
    for (double& value_found : found) value_found /= length;
    for (std::size_t k = 0; k < samples; ++k) {
      const double expected = value[i * samples + k];
      CHECK(found[k] == Approx(expected).epsilon(1e-10).margin(1e-10 * double(dim)));
      total[k] += 0.5 * found[k] / double(z.size());
    }
  }
  const X offset_noise = golden_sampling::state<double>(c, "z_offset");
  bound.reconstruction(model, x, offset_noise, work, found);
  const X prior_noise = golden_sampling::state<double>(c, "z_prior");
  const MarginalProb p = sde.marginal_prob(1);
  X x_1(x.extents());
  for (std::size_t i = 0; i < x.size(); ++i)
    x_1.data()[i] = p.mean * x.data()[i] + p.std * prior_noise.data()[i];
  std::vector<double> prior(samples);
  prior_log_density(sde, x_1, prior);
  for (std::size_t k = 0; k < samples; ++k) {
    double squares = 0;  // the reference keeps ½‖z‖² − ½D, whose mean is 0
    for (const double e : offset_noise[k]) squares += e * e;
    const double offset = found[k] + 0.5 * (squares - double(dim));
    // The reference subtracts points that differ by std, 1e-6 under sub-VP.
    CHECK(offset == Approx(numbers(c, "offset")[k]).epsilon(1e-10).margin(1e-8));
    total[k] += offset - prior[k];
  }
  CHECK(difference(total, numbers(c, "negative_log_likelihood_bound")) <= 1e-10);
  for (double& nats : total) nats = -nats;
  CHECK(difference(bits_per_dim(total, UniformDequantization<Centered>{}, dim),
                   numbers(c, "bpd_centered")) <= 1e-10);
}

}  // namespace

TEST_CASE("log-likelihoods equal score_sde's", "[golden]") {
  const std::size_t count = golden_sampling::for_each_case(
      {"what", "solver", "trace", "target", "eps"}, [](const Case& c) {
        INFO(c.name);
        with_continuous_sde(c, [&](const auto& sde) {
          with_target(c, sde, [&](auto model) {
            if (c.entry.at("solver") == "rk45")
              check_adaptive(c, sde, model);
            else
              check_fixed(c, sde, model);
          });
        });
      });
  golden::require_cases(count, "golden likelihoods");
}

TEST_CASE("likelihood bounds equal score_flow's", "[golden]") {
  const std::size_t count = golden_sampling::for_each_case(
      {"what", "objective", "time", "target", "eps"}, [](const Case& c) {
        INFO(c.name);
        with_continuous_sde(c, [&](const auto& sde) {
          with_target(c, sde, [&](auto model) { check_bound(c, sde, model); });
        });
      });
  golden::require_cases(count, "golden likelihood bounds");
}

TEST_CASE("the integral of the importance density equals score_flow's", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"what", "sde", "eps"}, [](const Case& c) {
        if (c.entry.at("what") != "importance_weight") return;
        INFO(c.name);
        with_continuous_sde(c, [&](const auto& sde) {
          const LikelihoodBound bound(sde, c.entry.at("eps"));
          const auto t = numbers(c, "t"), expected = numbers(c, "cumulative");
          for (std::size_t i = 0; i < t.size(); ++i)
            CHECK(bound.importance(t[i]) == Approx(expected[i]).epsilon(1e-10).margin(1e-12));
        });
      });
  golden::require_cases(count, "golden importance weights");
}

TEST_CASE("bits per dimension equal score_sde's", "[golden]") {
  const std::size_t count =
      golden_sampling::for_each_case({"what", "dim", "centered", "offset"}, [](const Case& c) {
        INFO(c.name);
        const auto prior = numbers(c, "prior_logp"), change = numbers(c, "delta_logp");
        std::vector<double> log_p;
        for (std::size_t k = 0; k < prior.size(); ++k) log_p.push_back(prior[k] + change[k]);
        const std::size_t dim = c.entry.at("dim");
        const auto bits = c.entry.at("centered").template get<bool>()
                              ? bits_per_dim(log_p, UniformDequantization<Centered>{}, dim)
                              : bits_per_dim(log_p, UniformDequantization<UnitInterval>{}, dim);
        CHECK(difference(bits, numbers(c, "bits_per_dim")) <= 1e-10);
      });
  golden::require_cases(count, "golden bits per dimension");
}
