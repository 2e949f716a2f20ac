// SPDX-License-Identifier: MIT
/// Operators, guided scores, DPS, MCG, ΠGDM and DDRM against the published codes.
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include <scoresde/inverse/ddrm.hpp>
#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/dps.hpp>
#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/pigdm.hpp>
#include <scoresde/inverse/sdedit.hpp>
#include <scoresde/noise/recorded_noise.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "inverse/golden_cases.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using golden_cases::Case;
using golden_cases::check_close;
using golden_cases::state;
using golden_cases::tensor;
using Batch = HostState<double>;

namespace {

DenseOperator matrix(const Case& c, const std::string& problem) {
  const auto& a = c.file->at(problem + ".A");
  return {a.as<double>(), a.shape.at(0), a.shape.at(1)};
}
DenseOperator matrix(const Case& c) { return matrix(c, c.entry.at("problem")); }

/// The measurement of the case's problem.
Batch measurement(const Case& c) {
  const std::string problem = c.entry.at("problem");
  const auto& y = c.file->at(problem + ".y");
  return {{y.shape.at(0), y.shape.at(1)}, y.as<double>()};
}

/// Compares all maps with the matrix's.
template <class A>
void check_operator(const Case& c, const A& op) {
  const DenseOperator dense = matrix(c, c.name);
  const Batch x = state(c, "x_true"), y = state(c, "y");
  REQUIRE(op.rows() == dense.rows());
  REQUIRE(op.columns() == dense.columns());
  Batch forward = y, wanted = y, back = x, wanted_back = x;
  op.apply(x, forward);
  dense.apply(x, wanted);
  check_close(forward, {wanted.data(), wanted.data() + wanted.size()});
  op.adjoint(y, back);
  dense.adjoint(y, wanted_back);
  check_close(back, {wanted_back.data(), wanted_back.data() + wanted_back.size()});
  op.pseudo_inverse(y, back);
  dense.pseudo_inverse(y, wanted_back);
  check_close(back, {wanted_back.data(), wanted_back.data() + wanted_back.size()});
  // A⁺ of the file, row by row.
  const auto inverse = tensor(c, "A_pinv");
  for (std::size_t k = 0; k < x.extents().samples; ++k)
    for (std::size_t i = 0; i < op.columns(); ++i) {
      wanted_back(k, i) = 0;
      for (std::size_t j = 0; j < op.rows(); ++j)
        wanted_back(k, i) += inverse[i * op.rows() + j] * y(k, j);
    }
  check_close(back, {wanted_back.data(), wanted_back.data() + wanted_back.size()});
}

template <class Use>
void with_continuous_sde(const Case& c, const Use& use) {
  const std::string sde = c.entry.at("sde");
  const BetaSchedule beta{.beta_min = c.entry.at("beta_min"), .beta_max = c.entry.at("beta_max")};
  if (sde == "ve")
    use(VeSde({.sigma_min = c.entry.at("sigma_min"), .sigma_max = c.entry.at("sigma_max")}));
  else if (sde == "vp")
    use(VpSde(beta));
  else if (sde == "subvp")
    use(SubVpSde(beta));
  else
    FAIL("unknown SDE " << sde);
}

template <class S>
void check_guided(const Case& c, const S& sde) {
  const DenseOperator op = matrix(c);
  const Batch x = state(c, "x"), y = measurement(c);
  const double t = c.entry.at("t"), sigma = c.entry.at("sigma_y");
  auto model = golden_cases::gaussian(c, sde);
  const LinearProblem problem(op, y, sigma), exact(op, y, 0);
  Batch output = x, gradient = x;
  model.evaluate(x, t, output);
  check_close(output, tensor(c, "score"));
  detail::PredictedResidual residual(sde, problem);
  const Batch& r = residual.residual("test", model, x, t, output);
  check_close(residual.predicted(x), tensor(c, "x0_hat"));
  Batch norms({x.extents().samples, 1});
  backend(r).norms(std::vector<Term<Batch>>{{1, &r}}, {norms.data(), norms.size()});
  check_close(norms, tensor(c, "residual_norm"));

  Batch step({x.extents()});  // −∇‖r‖ of scale 1
  Dps dps(sde, problem, 1);
  dps.after_update(x, step, {t, 0}, model, NoiseDraw{});
  assign(step, {{-1, step}});
  check_close(step, tensor(c, "grad_norm"));
  for (std::size_t k = 0; k < x.extents().samples; ++k)
    for (double& value : step[k]) value *= 2 * norms(k, 0);
  check_close(step, tensor(c, "grad_norm_squared"));

  PredictedLikelihood likelihood(sde, problem, 1);
  CHECK(likelihood.r_squared(t) == Approx(c.entry.at("r_squared").get<double>()).epsilon(1e-12));
  likelihood.gradient(model, x, t, output, gradient);
  check_close(gradient, tensor(c, "pigdm_score"));
  PredictedLikelihood noiseless(sde, exact, 1);
  noiseless.gradient(model, x, t, output, gradient);
  assign(gradient, {{noiseless.r_squared(t), gradient}});
  check_close(gradient, tensor(c, "pigdm_noiseless"));

  TweedieLikelihood tweedie(sde, problem, {.tolerance = 1e-14});
  tweedie.gradient(model, x, t, output, gradient);
  check_close(gradient, tensor(c, "exact_score"));
  auto posterior = tweedie_pigdm(model, sde, problem, {.tolerance = 1e-14});
  posterior.evaluate(x, t, output);
  check_close(output, tensor(c, "posterior_score"));
}

/// The ancestral step of the chain from x, without its noise if it ends at the data.
template <class M>
void ancestral(const DdpmSde& sde, M& model, TimeStep time, Batch& x, const Batch& z) {
  Batch output = x;
  model.evaluate(x, time.t, output);
  StepCoefficients step = Ancestral{PosteriorVariance::small}.coefficients(sde, time);
  if (time.t_next == 0) step.noise = 0;
  update(x, output, model.score_form(time.t), step, z);
}

/// Golden normals of DDRM in the coordinates of the file, as normals of the image.
Batch image_noise(const Case& c, std::size_t i, double sigma_next) {
  const std::size_t d = c.file->at(c.name + ".V").shape.at(0);
  const std::size_t n = c.file->at(c.name + ".x_T").shape.at(0);
  const auto v = tensor(c, "V"), s = tensor(c, "singular_values");
  const auto missing = tensor(c, "z_missing"), after = tensor(c, "z_after"),
             before = tensor(c, "z_before");
  const double sigma_y = c.entry.at("sigma_y");
  Batch z({n, d});
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t l = 0; l < d; ++l) {
      double value = missing[(i * n + k) * d + l];
      if (l < s.size()) {
        const std::size_t at = (i * n + k) * s.size() + l;
        if (s[l] * sigma_next < sigma_y) value = after[at];
        if (s[l] * sigma_next > sigma_y) value = before[at];
      }
      for (std::size_t j = 0; j < d; ++j) z(k, j) += v[j * d + l] * value;
    }
  return z;
}

/// V x_T: the normals of the start as normals of the image.
Batch start_noise(const Case& c) {
  const Batch coordinates = state(c, "x_T");
  const auto v = tensor(c, "V");
  const auto [n, d] = coordinates.extents();
  Batch z({n, d});
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t l = 0; l < d; ++l) z(k, j) += v[j * d + l] * coordinates(k, l);
  return z;
}

/// U diag(s) Vᵀ with the singular values of the file.
DenseOperator ddrm_matrix(const Case& c) {
  const auto u = tensor(c, "U"), s = tensor(c, "singular_values"), v = tensor(c, "V");
  const std::size_t m = s.size(), d = c.file->at(c.name + ".V").shape.at(0);
  std::vector<double> a(m * d);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t l = 0; l < m; ++l)
      for (std::size_t j = 0; j < d; ++j) a[i * d + j] += u[i * m + l] * s[l] * v[j * d + l];
  return {a, m, d};
}

/// A list of draws; draw 0 is not used.
struct Draws {
  std::vector<Batch> list;
  const Batch& draw(std::uint64_t index) const { return list.at(index - 1); }
};

}  // namespace

TEST_CASE("operators equal the matrices of the golden problems", "[golden]") {
  const std::size_t count = golden_cases::for_each("linear_problem", [](const Case& c) {
    const auto& shape = c.file->at(c.name + ".x_true").shape;
    const ImageShape image{shape.at(1), shape.at(2), shape.at(3)};
    const std::string kind = c.entry.at("operator");
    const DenseOperator dense = matrix(c, c.name);
    check_operator(c, dense);
    if (kind == "gray") check_operator(c, Gray(image));
    if (kind == "block_mean") check_operator(c, BlockMean(image, c.entry.at("factor")));
    if (kind == "mask") {
      std::vector<double> mask(image.size());
      const auto a = tensor(c, "A");
      for (std::size_t i = 0; i < a.size(); ++i) mask[i % mask.size()] += a[i];
      check_operator(c, Mask(mask));
    }
    const std::string boundary = c.entry.value("boundary", "");
    if (kind == "blur" && (boundary == "zero" || boundary == "periodic")) {
      const auto kernel = c.entry.at("kernel").get<std::vector<std::vector<double>>>();
      const std::size_t middle = kernel.size() / 2;
      std::vector<double> row(kernel.size());
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] =
            kernel[std::min(i, row.size() - 1 - i)][middle] / std::sqrt(kernel[middle][middle]);
      check_operator(c, Blur(image, row, boundary == "zero" ? Boundary::zero : Boundary::periodic));
    }
  });
  golden::require_cases(count, "golden linear problems");
}

TEST_CASE("guided scores equal the closed forms of the golden problems", "[golden]") {
  const std::size_t count = golden_cases::for_each("guided_score", [](const Case& c) {
    with_continuous_sde(c, [&](const auto& sde) { check_guided(c, sde); });
  });
  golden::require_cases(count, "golden guided scores");
}

TEST_CASE("DPS and MCG steps equal the published code's", "[golden]") {
  std::size_t count = golden_cases::for_each("dps_step", [](const Case& c) {
    const DdpmSde sde = golden_cases::chain(c);
    const DenseOperator op = matrix(c);
    const Batch y = measurement(c), before = state(c, "x"), z = state(c, "z");
    auto model = golden_cases::gaussian(c, sde);
    const double index = c.entry.at("index"), levels = c.entry.at("levels");
    const TimeStep time{(index + 1) / levels, index / levels};
    Batch x = before;
    ancestral(sde, model, time, x, z);
    check_close(x, tensor(c, "x_prime"));
    const LinearProblem problem(op, y, c.entry.at("sigma_y"));
    Dps dps(sde, problem, c.entry.at("scale"));
    dps.after_update(before, x, time, model, z);
    check_close(x, tensor(c, "x_next"));
  });
  count += golden_cases::for_each("mcg_step", [](const Case& c) {
    const DdpmSde sde = golden_cases::chain(c);
    const Mask op(tensor(c, "mask"));
    const Batch before = state(c, "x"), image = state(c, "y_image");
    const auto draws = golden_sampling::states<double>(c, "z", before);
    Batch y({before.extents().samples, op.rows()});
    op.apply(image, y);
    auto model = golden_cases::gaussian(c, sde);
    const double index = c.entry.at("index"), levels = c.entry.at("levels");
    const TimeStep time{(index + 1) / levels, index / levels};
    Batch x = before;
    ancestral(sde, model, time, x, draws.at(0));
    check_close(x, tensor(c, "x_prime"));
    const LinearProblem problem(op, y, 0);
    Mcg mcg(sde, problem, c.entry.at("scale"), KnownLevel::step_start);
    mcg.after_update(before, x, time, model, draws.at(1));
    check_close(x, tensor(c, "x_next"));
  });
  golden::require_cases(count, "golden DPS and MCG steps");
}

TEST_CASE("DPS runs equal the published code's", "[golden]") {
  const std::size_t count = golden_cases::for_each("dps_run", [](const Case& c) {
    const DdpmSde sde = golden_cases::chain(c);
    const DenseOperator op = matrix(c);
    Batch x = state(c, "x_T");
    const auto draws = golden_sampling::states<double>(c, "z", x);
    const Batch all = measurement(c);
    const std::size_t sample = c.entry.at("sample");
    const Batch y({1, op.rows()}, {all[sample].begin(), all[sample].end()});
    const LinearProblem problem(op, y, c.entry.at("sigma_y"));
    auto model = golden_cases::gaussian(c, sde);
    Dps dps(sde, problem, c.entry.at("scale"));
    const PredictorCorrector sampler{sde, Ancestral{PosteriorVariance::small},
                                     golden_cases::grid(c)};
    Workspace<Batch, sampler.buffers> work(x);
    sampler.integrate(model, x, Draws{draws}, work, NoObserver{}, dps);
    check_close(x, tensor(c, "x_0"));
  });
  golden::require_cases(count, "golden DPS runs");
}

TEST_CASE("every update of RED-diff's PiGDM is a DDIM step", "[golden]") {
  const std::size_t count = golden_cases::for_each("pigdm_run", [](const Case& c) {
    const DdpmSde sde = golden_cases::chain(c);
    const DenseOperator op = matrix(c);
    const Batch y = measurement(c);
    const LinearProblem problem(op, y, 0);
    auto model = golden_cases::gaussian(c, sde);
    auto guided = pigdm(model, sde, problem, 1, LikelihoodWeight::squared_mean);
    AdaptivePiGdm adaptive(sde, problem);
    const auto states = tensor(c, "states");
    Batch x = state(c, "z_start"), output = x;
    const auto draws = golden_sampling::states<double>(c, "z", x);
    const TimeGrid grid = golden_cases::grid(c);
    op.pseudo_inverse(y, output);
    add_noise(sde, grid.front().t, output, x);
    x = output;
    const auto wanted = [&](std::size_t i) {
      const Batch s = golden_cases::state_of(states, i, x.extents());
      return std::vector<double>(s.data(), s.data() + s.size());
    };
    check_close(x, wanted(0));
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const Batch before = x;
      const auto step = Ddim{c.entry.at("eta")}.coefficients(sde, grid[i]);
      const bool by_step = c.entry.at("adaptive_weight");
      if (by_step)
        model.evaluate(x, grid[i].t, output);
      else
        guided.evaluate(x, grid[i].t, output);
      update(x, output, model.score_form(grid[i].t), step, draws.at(i));
      if (by_step) adaptive.after_update(before, x, grid[i], model, NoiseDraw{});
      check_close(x, wanted(i + 1));
    }
  });
  golden::require_cases(count, "golden PiGDM runs");
}

TEST_CASE("DDRM runs equal the published code's", "[golden]") {
  const std::size_t count = golden_cases::for_each("ddrm_run", [](const Case& c) {
    const DdpmSde sde = golden_cases::chain(c);
    const DenseOperator op = ddrm_matrix(c);
    const Batch y = measurement(c);
    const LinearProblem problem(op, y, c.entry.at("sigma_y"));
    auto model = golden_cases::gaussian(c, sde);
    const TimeGrid grid = golden_cases::grid(c);
    Draws draws;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const MarginalProb p = sde.marginal_prob(grid[i].t_next);
      draws.list.push_back(image_noise(c, i, p.std / p.mean));
    }
    const Ddrm sampler(sde, grid, {c.entry.at("eta_a"), c.entry.at("eta_b"), c.entry.at("eta_c")});
    const auto states = tensor(c, "states");
    Batch x = golden_cases::state_of(states, 0, state(c, "x_T").extents());
    const SamplerStatistics done = sampler.integrate(model, problem, x, draws);
    CHECK(done.nfe == grid.size());
    const std::vector<double> wanted(states.end() - static_cast<std::ptrdiff_t>(x.size()),
                                     states.end());
    check_close(x, wanted);
    // The published code draws the start in the coordinates of V and with deviation 1, not std(T).
    draws.list.insert(draws.list.begin(), start_noise(c));
    const std::span<const Batch> all(draws.list);
    sampler.sample(model, problem, x, RecordedNoise<Batch>{all});
    CHECK(golden_sampling::relative_error(x, wanted) <=
          4 * (1 - sde.marginal_prob(grid.front().t).std));
  });
  golden::require_cases(count, "golden DDRM runs");
}
