// SPDX-License-Identifier: MIT
/// Every sampler over one SDE and its order of convergence, printed by benchmarks/convergence and
/// asserted by tests/testing/convergence_table_test.cpp.
///
/// Data are Gaussians and mixtures with exact scores. Deterministic samplers are compared
/// with the exact flow map, stochastic samplers by the exact mean and covariance of their chains.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/ode/tableaux.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/predictor/euler_maruyama.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sampler/probability_flow.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/chain_moments.hpp>
#include <scoresde/testing/convergence_order.hpp>
#include <scoresde/testing/mixture_flow.hpp>
#include <scoresde/time/log_snr_grid.hpp>

namespace convergence {

using scoresde::AnySde;
using X = scoresde::HostState<double>;

/// Grids over which the order is measured.
enum class Grid {
  log_snr,  ///< uniform in log-SNR
  graded,   ///< the same with short steps at both ends, for methods that begin or end at order 1
  uniform   ///< uniform in time, for PNDM, whose weights assume it
};

using Steps = std::vector<std::size_t>;

/// Properties of a sampler that are not measured.
struct Entry {
  std::string name;
  std::string family;      ///< panel of the plot
  std::string prediction;  ///< noise, data, or score for samplers without a choice
  int order = 1;           ///< by design; weak order of a stochastic sampler
  bool stochastic = false;
  Grid grid = Grid::graded;
  std::size_t parts = 1;  ///< steps of the grid per step of the sampler
  double eta = 0;         ///< share of the reverse SDE's noise: g² scaled by η²
  /// Order of the covariance on Gaussian data if it differs from `order`, 0 otherwise.
  int covariance_order = 0;
  Steps steps{};         ///< numbers of steps for measuring the order, the finest last
  double floor = 1e-12;  ///< smallest error above rounding
};

[[nodiscard]] inline scoresde::TimeGrid make_grid(const Entry& entry, const AnySde& sde,
                                                  std::size_t steps) {
  if (entry.grid == Grid::log_snr) return scoresde::log_snr_grid(sde, steps);
  if (entry.grid == Grid::uniform) return scoresde::uniform_grid(sde, steps);
  return scoresde::testing::graded_log_snr_grid(sde, steps, entry.parts);
}

/// A type-erased predictor: with it and AnySde, each family of samplers is compiled once.
struct AnyPredictor {
  std::function<scoresde::StepCoefficients(const AnySde&, scoresde::TimeStep)> rule;
  [[nodiscard]] scoresde::StepCoefficients coefficients(const AnySde& sde,
                                                        scoresde::TimeStep step) const {
    return rule(sde, step);
  }
};

namespace detail {

inline std::string family_of(const scoresde::SolverEntry& entry) {
  const std::string name = entry.name;
  if (entry.stochastic) return "stochastic solvers";
  if (name.starts_with("dpm-solver++")) return "DPM-Solver++";
  if (name.starts_with("dpm-solver") || name == "ddim") return "DPM-Solver";
  if (name.starts_with("uni")) return "UniPC";
  return "in sigma and time";
}

/// The table's entry for a solver of the library.
template <class R>
[[nodiscard]] Entry entry_of(const AnySde& sde, const scoresde::SolverEntry& solver,
                             const R& rule) {
  Entry entry{solver.name, family_of(solver),
              rule.prediction == scoresde::Prediction::data ? "data" : "noise", solver.order,
              solver.stochastic};
  entry.steps = {50, 100, 200, 400, 800};
  if (entry.order > 2) entry.steps.push_back(1600);
  // Closer together: at order 5 the range between asymptotic errors and rounding is short.
  if (entry.order >= 5) entry.steps = {50, 71, 100, 141, 200, 283, 400};
  const auto is = [&](const char* name) { return entry.name == name; };
  if (is("dpm-solver-2s") || is("dpm-solver++-2s")) entry.parts = 2;
  if (is("dpm-solver-fast") || is("dpm-solver++-3s")) entry.parts = 3;
  if (is("pndm") || is("plms") || is("ipndm")) {
    entry.grid = Grid::uniform;
    entry.steps = {400, 800, 1600, 3200, 6400};
    // If time is σ/α, the classical weights are weights in the variable of the transfer. The third
    // order of the first steps of Plms is not observable, because ε is almost constant there.
    if (sde.is<scoresde::EdmSde>()) entry.order = is("ipndm") ? 2 : 4;
  }
  if (!entry.stochastic) return entry;
  entry.eta = 1;
  entry.steps = {50, 100, 200, 400};
  // Noise is added exactly and the flow's steps are of second order, and so are the marginals; the
  // share of x replaced by noise, and with it the mean from another start, is of first order.
  if (is("karras-stochastic") || is("dpm-solver++-2s-ancestral") || is("dpm-2-ancestral"))
    entry.covariance_order = 2;
  // Its error in the smaller variance crosses zero, under rectified flow near 200 steps.
  if (is("sde-dpm-solver-1")) entry.steps = {800, 1200, 1800, 2700};
  if (is("karras-stochastic")) entry.grid = Grid::log_snr;
  // At τ = 1 the second-order error of the trapezoidal corrector vanishes for a linear score.
  if (is("sa-solver-2")) entry.covariance_order = 3;
  return entry;
}

}  // namespace detail

/// Calls use(entry, make) for every solver of the library; make(grid) is the sampler over a grid.
template <class Use>
void for_each_multistep(const AnySde& sde, const Use& use) {
  using scoresde::Prediction;
  using Made = scoresde::SolverSampler<AnySde, scoresde::SolverTable>;
  const auto add = [&](const scoresde::SolverEntry& solver, const auto& rule) {
    use(detail::entry_of(sde, solver, rule),
        std::function<Made(const scoresde::TimeGrid&)>(
            [&sde, rule](const scoresde::TimeGrid& grid) {
              return Made{sde,
                          scoresde::solver_table(rule, sde, grid),
                          grid,
                          {.final_step = scoresde::FinalStep::keep_noise}};
            }));
  };
  scoresde::for_each_solver([&](const scoresde::SolverEntry& solver, const auto& rule) {
    if (std::string(solver.name) != "karras-stochastic") return add(solver, rule);
    // As much noise as the reverse SDE, γ = ln(s_T/s_ε)/N, and s_noise = 1: with the entry's
    // 1.007 the distribution of the samples differs from that of the data in the limit.
    const double range =
        0.5 * (scoresde::log_snr(sde, sde.t_min()) - scoresde::log_snr(sde, sde.t_max()));
    add(solver, scoresde::EdmHeun{.churn = {.s_churn = range}});
  });
  // The library lists these in data prediction only.
  const auto in_noise = [&](const char* name, int order, auto rule) {
    rule.prediction = Prediction::noise;
    add({name, order}, rule);
  };
  in_noise("unipc-1", 2, scoresde::UniPc<1>{});
  in_noise("unipc-2", 3, scoresde::UniPc<2>{});
  in_noise("unipc-3", 4, scoresde::UniPc<3>{});
  in_noise("unipc-4", 5, scoresde::UniPc<4>{});
  in_noise("karras-euler", 1, scoresde::EdmEuler{});
  in_noise("karras-heun", 2, scoresde::EdmHeun{});
  in_noise("dpm-2", 2, scoresde::Dpm2{});
}

/// The same for the predictors.
template <class Use>
void for_each_predictor(const AnySde& sde, const Use& use) {
  using Made = scoresde::PredictorCorrector<AnySde, AnyPredictor>;
  const auto add = [&](const char* name, double eta, const auto& predictor) {
    const AnyPredictor any{[predictor](const AnySde& of, scoresde::TimeStep step) {
      return predictor.coefficients(of, step);
    }};
    const scoresde::PredictorCorrectorOptions noisy_to_the_end{.final_step =
                                                                   scoresde::FinalStep::keep_noise};
    Entry entry{name, "predictors", "score", 1, eta > 0, Grid::log_snr, 1, eta};
    entry.steps = {50, 100, 200, 400};
    // The errors in two variances cross zero near 100 steps.
    if (sde.is<scoresde::VeSde>() && entry.name == "Euler-Maruyama")
      entry.steps = {200, 400, 800, 1600};
    use(entry, std::function<Made(const scoresde::TimeGrid&)>(
                   [&sde, any, noisy_to_the_end](const scoresde::TimeGrid& grid) {
                     return Made{sde, any, grid, noisy_to_the_end};
                   }));
  };
  add("Euler-Maruyama", 1, scoresde::EulerMaruyama{});
  add("reverse diffusion", 1, scoresde::ReverseDiffusion{});
  add("ancestral, small", 1, scoresde::Ancestral{});
  add("ancestral, large", 1, scoresde::Ancestral{.variance = scoresde::PosteriorVariance::large});
  add("DDIM(0)", 0, scoresde::Ddim{});
  add("DDIM(0.5)", 0.5, scoresde::Ddim{.eta = 0.5});
  add("DDIM(1)", 1, scoresde::Ddim{.eta = 1});
}

/// The same for the probability flow by Runge-Kutta methods.
template <class Use>
void for_each_flow(const AnySde& sde, const Use& use) {
  const auto add = [&](const char* name, auto method) {
    using Made = scoresde::ProbabilityFlow<AnySde, decltype(method)>;
    Entry entry{name, "Runge-Kutta in time", "score", method.order, false, Grid::log_snr};
    entry.steps = {32, 40, 51, 64, 81, 102, 128, 161, 203, 256};
    // With so few steps rounding is near 1e-14.
    entry.floor = 3e-13;
    use(entry, std::function<Made(const scoresde::TimeGrid&)>([&sde, method](
                                                                  const scoresde::TimeGrid& grid) {
          return Made{sde, method, grid, {.final_step = scoresde::FinalStep::keep_noise}};
        }));
  };
  add("flow, Euler", scoresde::Euler{});
  add("flow, Heun", scoresde::Heun{});
  add("flow, Runge-Kutta 4", scoresde::RungeKutta4{});
  add("flow, Dormand-Prince 5", scoresde::DormandPrince54{});
}

/// A mixture on the line, by its components.
struct MixtureShape {
  std::vector<double> weights, means, variances;
};

/// The data for errors: three modes, one of them narrow.
inline const MixtureShape rough_mixture{{0.5, 0.3, 0.2}, {-1.2, 0.4, 1.5}, {0.16, 0.25, 0.04}};
/// The data for orders: the less smooth the mixture, the later the asymptotic range begins, at
/// order 5 below rounding.
inline const MixtureShape smooth_mixture{{0.6, 0.4}, {-1, 1}, {0.5, 0.3}};

struct MixtureData {
  scoresde::GaussianMixture<AnySde> model;
  scoresde::testing::MixtureFlow<AnySde> exact;

  MixtureData(const AnySde& sde, const MixtureShape& shape)
      : model(sde, shape.weights, shape.means, shape.variances),
        exact(sde, shape.weights, shape.means, shape.variances) {}

  /// The quantiles of p_t at (k + ½)/count.
  [[nodiscard]] X quantiles(std::size_t count, double t) const {
    X x({count, 1});
    for (std::size_t k = 0; k < count; ++k)
      x(k, 0) = exact.quantile((static_cast<double>(k) + 0.5) / static_cast<double>(count), t);
    return x;
  }
};

/// A Gaussian in the plane with unequal variances along its axes.
struct GaussianData {
  std::vector<double> mean{1.5, -0.7}, variance{0.3, 2.5};
  AnySde sde;
  scoresde::GaussianMixture<AnySde> model;

  explicit GaussianData(const AnySde& of) : sde(of), model(of, {1}, mean, variance) {}

  /// x_u ↦ m_u μ + √(v_u/v_t) (x_t − m_t μ).
  void flow(const X& x, double t, double u, X& out) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k)
      for (std::size_t e = 0; e < 2; ++e) out(k, e) = moved(x(k, e), e, t, u, 0);
  }
  /// The mean at u of a chain whose mean at t is x, for the share η of noise: with d = x − m_t μ,
  ///   d′ = (f + ½(1 + η²) g²/v) d   ⇒   d_u = d_t (m_t/m_u)^{η²} (v_u/v_t)^{(1 + η²)/2}
  [[nodiscard]] double moved(double x, std::size_t e, double t, double u, double eta) const {
    const auto p = sde.marginal_prob(t), q = sde.marginal_prob(u);
    const double from = p.mean * p.mean * variance[e] + p.std * p.std;
    const double to = q.mean * q.mean * variance[e] + q.std * q.std;
    const double shrink =
        std::pow(p.mean / q.mean, eta * eta) * std::pow(to / from, 0.5 * (1 + eta * eta));
    return q.mean * mean[e] + shrink * (x - p.mean * mean[e]);
  }
  [[nodiscard]] X start() const {
    X x({4, 2});
    const double std = sde.prior_std();
    for (std::size_t k = 0; k < 4; ++k)
      for (std::size_t e = 0; e < 2; ++e) x(k, e) = std * (0.4 + 0.5 * double(k) - 0.9 * double(e));
    return x;
  }
};

inline constexpr double unseen = std::numeric_limits<double>::quiet_NaN();
inline constexpr double exact = std::numeric_limits<double>::infinity();

/// Observed orders; `unseen` where fewer than three points are asymptotic and above rounding,
/// `exact` where all errors are rounding.
struct Orders {
  double gaussian = unseen;  ///< of the covariance where the sampler is stochastic
  double mean = unseen;      ///< of the mean on Gaussian data, of stochastic samplers
  double mixture = unseen;   ///< of deterministic samplers
};

/// Observed order of error(i), the error with steps[i] steps.
template <class Error>
[[nodiscard]] double order_over(const Entry& entry, const Error& error) {
  std::vector<scoresde::testing::ConvergencePoint> points;
  for (std::size_t i = 0; i < entry.steps.size(); ++i)
    points.push_back({static_cast<double>(entry.steps[i]), error(i)});
  const scoresde::testing::OrderRule rule{.floor = entry.floor};
  const auto above = std::count_if(points.begin(), points.end(),
                                   [&](const auto& point) { return point.error > rule.floor; });
  if (above == 0) return exact;
  if (above < 3) return unseen;
  const auto seen = scoresde::testing::observed_order(points, rule);
  return seen.points < 3 ? unseen : seen.order;
}

/// The orders of a deterministic sampler.
template <class Make>
[[nodiscard]] Orders deterministic_orders(const AnySde& sde, const Entry& entry, const Make& make) {
  GaussianData gaussian(sde);
  MixtureData mixture(sde, smooth_mixture);
  const X on_line = mixture.quantiles(9, sde.t_max()), in_plane = gaussian.start();
  const auto sampler = [&](std::size_t i) { return make(make_grid(entry, sde, entry.steps[i])); };
  Orders orders;
  orders.gaussian = order_over(entry, [&](std::size_t i) {
    return scoresde::testing::flow_error(sampler(i), gaussian.model, gaussian, in_plane);
  });
  orders.mixture = order_over(entry, [&](std::size_t i) {
    return scoresde::testing::flow_error(sampler(i), mixture.model, mixture.exact, on_line);
  });
  return orders;
}

/// The weak orders of a stochastic sampler. The chain starts at the exact covariance and away from
/// the exact mean, which every sampler with data prediction would keep.
template <class Make>
[[nodiscard]] Orders weak_orders(const AnySde& sde, const Entry& entry, const Make& make) {
  using scoresde::testing::rms_difference;
  GaussianData data(sde);
  const double from = sde.t_max(), to = sde.t_min();
  scoresde::testing::Moments start{data.model.marginal_mean(from),
                                   data.model.marginal_covariance(from)};
  std::vector<double> mean(2);
  for (std::size_t e = 0; e < 2; ++e) {
    start.mean[e] += sde.prior_std() * (e == 0 ? 1 : -2);
    mean[e] = data.moved(start.mean[e], e, from, to, entry.eta);
  }
  std::vector<scoresde::testing::Moments> moments;
  for (const std::size_t n : entry.steps)
    moments.push_back(
        scoresde::testing::chain_moments(make(make_grid(entry, sde, n)), data.model, start));
  const std::vector<double> covariance = data.model.marginal_covariance(to);
  Orders orders;
  orders.gaussian = order_over(
      entry, [&](std::size_t i) { return rms_difference(moments[i].covariance, covariance); });
  orders.mean =
      order_over(entry, [&](std::size_t i) { return rms_difference(moments[i].mean, mean); });
  return orders;
}

template <class Make>
[[nodiscard]] Orders measure_orders(const AnySde& sde, const Entry& entry, const Make& make) {
  return entry.stochastic ? weak_orders(sde, entry, make) : deterministic_orders(sde, entry, make);
}

/// Calls use(name, narrow, usual) for the SDEs of the table: with narrow ranges for measuring
/// orders, because with the usual ones high orders appear late, some below rounding, and with the
/// usual ranges.
template <class Use>
void for_each_sde(const Use& use) {
  namespace sd = scoresde;
  const sd::BetaSchedule gentle{.beta_min = 0.5, .beta_max = 8, .t_min = 0.01};
  use("VP", sd::VpSde(gentle), sd::VpSde());
  use("cosine VP", sd::CosineVpSde({.t_min = 0.05, .t_max = 0.95}), sd::CosineVpSde());
  use("sub-VP", sd::SubVpSde(gentle), sd::SubVpSde());
  use("VE", sd::VeSde({.sigma_min = 0.05, .sigma_max = 5}), sd::VeSde());
  use("EDM", sd::EdmSde({.sigma_min = 0.05, .sigma_max = 5}), sd::EdmSde());
  use("rectified flow", sd::RectifiedFlowSde({.t_min = 0.05, .t_max = 0.95}),
      sd::RectifiedFlowSde({.t_max = 0.995}));
}

}  // namespace convergence
