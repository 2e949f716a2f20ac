// SPDX-License-Identifier: MIT
/// SolverSampler: evaluations, models with every prediction, splitting of batches, final steps,
/// both directions, rejected arguments.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/solver_registry.hpp>
#include <scoresde/sampler/final_step.hpp>
#include <scoresde/sampler/solver_sampler.hpp>
#include <scoresde/score/gaussian_mixture.hpp>
#include <scoresde/score/parameterization.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/rectified_flow_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/solver/solver_table.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/time/log_snr_grid.hpp>

#include "sampler/diffusers_to_data_table.hpp"
#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using scoresde::test::difference;
using X = HostState<double>;

namespace {

GaussianMixture<AnySde> mixture(const AnySde& sde) {
  return {sde, {0.4, 0.6}, {1, 0, -1, -0.5, 0.5, 2}, {0.2, 0.3}};
}

/// Equal steps in log-SNR that shrink to a 64th at both ends, so that multistep methods, which
/// begin at order 1, show their orders in both directions.
TimeGrid graded_both_ways(const AnySde& sde, std::size_t steps) {
  const double first = log_snr(sde, sde.t_max()), last = log_snr(sde, sde.t_min());
  const double h = 1 / static_cast<double>(steps);
  std::vector<double> lengths;
  for (double step = h * h / 64; step < h; step *= 2) lengths.push_back(step);
  const std::size_t ramp = lengths.size();
  lengths.insert(lengths.end(), steps, h);
  for (std::size_t i = ramp; i-- > 0;) lengths.push_back(lengths[i]);
  double sum = 0, u = 0;
  for (const double length : lengths) sum += length;
  std::vector<double> times{sde.t_max()};
  for (const double length : lengths)
    times.push_back(time_of_log_snr(sde, first + (u += length / sum) * (last - first)));
  times.back() = sde.t_min();
  return TimeGrid(times);
}

/// Every solver of for_each_solver, and variants that it does not list, as tables, so that one
/// sampler type is compiled.
template <class Use>
void with_every_solver(const AnySde& sde, const TimeGrid& grid, Use use) {
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    if (grid.generates() || !entry.stochastic) use(entry, solver_table(solver, sde, grid));
  });
  const auto add = [&](const char* name, int order, const auto& solver) {
    use(SolverEntry{name, order}, solver_table(solver, sde, grid));
  };
  add("unip-bh1", 3, UniPc<3>{.variant = UniPcVariant::bh1, .corrector = false});
  add("unipc-noise", 4, UniPc<3>{.prediction = Prediction::noise});
  add("heun in the noise", 2, EdmHeun{.prediction = Prediction::noise});
  add("dpm-2 in the noise", 2, Dpm2{.prediction = Prediction::noise});
  add("sa-solver 3, 1 without noise", 2, SaSolver<3, 1>{.tau = 0});
  add("sa-solver 1, 4 without noise", 2, SaSolver<1, 4>{.tau = 0});
}

struct Counting : GaussianMixture<AnySde> {
  std::size_t calls = 0;
  explicit Counting(const AnySde& sde) : GaussianMixture(mixture(sde)) {}
  void evaluate(const X& x, double t, X& out) {
    ++calls;
    GaussianMixture::evaluate(x, t, out);
  }
};

/// The exact model as a network with the given prediction: output ← (score − p·x)/q.
template <class Output>
auto predicting(Output output, const AnySde& sde) {
  auto function = [output, model = mixture(sde)](const X& x, double t, X& out) mutable {
    model.evaluate(x, t, out);
    const ScoreForm form = output(t);
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = (out.data()[i] - form.state * x.data()[i]) / form.output;
  };
  return FunctionModel<decltype(function), Output>(function, output);
}

void every_model_gives_the_same(const AnySde& sde) {
  const TimeGrid grid = log_snr_grid(sde, 12);
  with_every_solver(sde, grid, [&](const SolverEntry& entry, const SolverTable& solver) {
    INFO(entry.name);
    const SolverSampler sampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}};
    X score({2, 3}), noise({2, 3}), denoised({2, 3}), velocity({2, 3}), flow({2, 3});
    sampler.sample(mixture(sde), score, Noise{.seed = 5});
    sampler.sample(predicting(NoiseOutput<AnySde>{sde}, sde), noise, Noise{.seed = 5});
    sampler.sample(predicting(DenoiserOutput<AnySde>{sde}, sde), denoised, Noise{.seed = 5});
    sampler.sample(predicting(VelocityOutput<AnySde>{sde}, sde), velocity, Noise{.seed = 5});
    sampler.sample(predicting(FlowVelocityOutput<AnySde>{sde}, sde), flow, Noise{.seed = 5});
    // The remaining difference is rounding, magnified if a prediction is a small difference of
    // large terms.
    for (const X* other : {&noise, &denoised, &velocity, &flow})
      CHECK(difference(score, *other) < 1e-9);
  });
}

}  // namespace

static_assert(Sampler<SolverSampler<VpSde, DpmSolver<2>>, GaussianMixture<VpSde>, X, Noise>);
static_assert(Sampler<SolverSampler<VeSde, UniPc<3>>, GaussianMixture<VeSde>, X, Noise>);
static_assert(SolverSampler<VpSde, DpmSolver<3>>::nfe(7) == 7);
static_assert(SolverSampler<VpSde, DpmSolver<3>>::nfe(7, FinalStep::keep_noise) == 7);
static_assert(SolverSampler<VpSde, UniPc<2>>::nfe(7, FinalStep::denoise) == 8);
static_assert(solver_sampler_fits<VpSde, UniPc<2>> && !solver_sampler_fits<VpSde, int>);

TEST_CASE("nfe() is the number of evaluations made, for every solver and 1 to 50 steps") {
  const AnySde sde{VpSde()};
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    for (std::size_t steps = 1; steps <= 50; ++steps) {
      const TimeGrid grid = uniform_grid(sde, steps);
      const SolverTable table = solver_table(solver, sde, grid);
      for (const FinalStep final_step :
           {FinalStep::keep_noise, FinalStep::to_data, FinalStep::denoise}) {
        const SolverSampler sampler{sde, solver, grid, {.final_step = final_step}};
        Counting model(sde);
        X x({1, 3});
        const SamplerStatistics done =
            SolverSampler{sde, table, grid, {.final_step = final_step}}.sample(model, x, Noise{});
        const std::size_t promised = decltype(sampler)::nfe(steps, final_step);
        if (model.calls != promised || done.nfe != promised || sampler.nfe() != promised)
          FAIL_CHECK(entry.name << ", " << steps << " steps, " << name_of(final_step) << ": "
                                << model.calls << " calls, " << promised << " expected");
      }
    }
  });
}

TEST_CASE("networks of every prediction give the same samples with every solver") {
  every_model_gives_the_same(AnySde(VpSde()));
  every_model_gives_the_same(AnySde(SubVpSde()));
  every_model_gives_the_same(AnySde(VeSde()));
  every_model_gives_the_same(AnySde(DdpmSde(linear_betas(1000))));
  every_model_gives_the_same(AnySde(RectifiedFlowSde({.t_max = 0.999})));
}

TEST_CASE("results are bit-identical for any split of the batch, with every solver") {
  const AnySde sde{VpSde()};
  const TimeGrid grid = log_snr_grid(sde, 10);
  with_every_solver(sde, grid, [&](const SolverEntry& entry, const SolverTable& solver) {
    INFO(entry.name);
    const SolverSampler sampler{sde, solver, grid, {.final_step = FinalStep::keep_noise}};
    X whole({6, 3});
    sampler.sample(mixture(sde), whole, Noise{.seed = 3});
    for (const std::uint32_t size : {1, 2, 3})
      for (std::uint32_t first = 0; first < 6; first += size) {
        X part({size, 3});
        sampler.sample(mixture(sde), part, Noise{.seed = 3, .first_sample = first});
        for (std::size_t i = 0; i < 3 * size; ++i)
          CHECK(part.data()[i] == whole.data()[3 * first + i]);
      }
  });
}

TEST_CASE("encode then decode returns the input up to an error of the solver's order") {
  const AnySde sde{VpSde({.beta_min = 0.5, .beta_max = 8, .t_min = 0.01})};
  for_each_solver([&](const SolverEntry& entry, const auto& solver) {
    if (entry.stochastic) return;
    const auto round_trip = [&](std::size_t steps) {
      const TimeGrid grid = graded_both_ways(sde, steps);
      X x({4, 3});
      draw_prior(x, 1, Noise{.seed = 2}.draw(0));
      const X start = x;
      auto model = mixture(sde);
      Workspace<X, SolverTable::history> work(x);
      for (const TimeGrid& way : {grid.reversed(), grid}) {
        SolverSampler{
            sde, solver_table(solver, sde, way), way, {.final_step = FinalStep::keep_noise}}
            .integrate(model, x, Noise{}, work);
        if (!way.generates()) CHECK(difference(x, start) > 0.1);
      }
      return difference(x, start);
    };
    const double coarse = round_trip(120), fine = round_trip(240);
    INFO(entry.name << ", order " << entry.order << ": " << coarse << " and " << fine);
    CHECK(std::log2(coarse / fine) > entry.order - 0.3);
    CHECK(fine < (entry.order == 1 ? 0.2 : 0.02));
  });
}

TEST_CASE("the final step keeps the noise, or returns the data predicted before or after it") {
  const AnySde sde{VpSde()};
  const TimeGrid grid = log_snr_grid(sde, 9);
  with_every_solver(sde, grid, [&](const SolverEntry& entry, const SolverTable& solver) {
    INFO(entry.name);
    const auto run = [&](FinalStep final_step) {
      X x({2, 3});
      SolverSampler{sde, solver, grid, {.final_step = final_step}}.sample(mixture(sde), x,
                                                                          Noise{.seed = 1});
      return x;
    };
    const auto data_at = [&](X x, double t) {
      X score({2, 3});
      mixture(sde).evaluate(x, t, score);
      const MarginalProb p = sde.marginal_prob(t);
      for (std::size_t i = 0; i < x.size(); ++i)
        x.data()[i] = (x.data()[i] + p.std * p.std * score.data()[i]) / p.mean;
      return x;
    };
    CHECK(difference(run(FinalStep::denoise), data_at(run(FinalStep::keep_noise), 1e-3)) < 1e-12);
    struct {
      std::size_t wanted = 0;
      X before{};
      void on_step(const ObservedStep& step, const X& now) {
        if (step.index == wanted) before = now;
      }
    } observer;
    const SolverSampler sampler{sde, solver, grid};
    const std::vector<SolverStage>& stages = sampler.stages();
    observer.wanted = stages.size() - 2;
    X x({2, 3});
    sampler.sample(mixture(sde), x, Noise{.seed = 1}, observer);
    CHECK(difference(x, data_at(observer.before, stages.back().time.t)) < 1e-12);
  });
}

TEST_CASE("SolverSampler rejects invalid arguments and names them") {
  const AnySde sde{VpSde()};
  const DpmSolver<2> solver;
  const auto at = [&](std::vector<double> times) { return TimeGrid(times); };
  CHECK_THROWS_WITH(
      (SolverSampler{sde, solver, at({1, 0.5, 0}), {.final_step = FinalStep::keep_noise}}),
      Contains("infinite"));
  CHECK_NOTHROW(SolverSampler{sde, solver, at({1, 0.5, 0})});
  CHECK_THROWS_WITH(
      (SolverSampler{sde, solver, at({1, 0.5}), {.final_step = FinalStep::drop_last_noise}}),
      Contains("final_step is drop_last_noise; it must be one of keep_noise, to_data, "
               "denoise"));
  CHECK_THROWS_WITH((SolverSampler{sde, solver, at({1.5, 0.5})}), Contains("[0, T]"));
  CHECK_THROWS_WITH((SolverSampler{sde, solver, score_sde_grid(1, 0.2, 10)}),
                    Contains("start where the previous one ends"));
  CHECK_THROWS_WITH((SolverSampler{sde, solver, at({0.1, 0.5})}),
                    Contains("requires a run to the data") && Contains("keep_noise"));
  const SolverSampler upwards{sde, solver, at({0.1, 0.5}), {.final_step = FinalStep::keep_noise}};
  X x({2, 3});
  CHECK_THROWS_WITH(upwards.sample(mixture(sde), x, Noise{}), Contains("must decrease"));
  const SolverSampler sampler{sde, solver, uniform_grid(sde, 4)};
  X other({2, 2});
  Workspace<X, sampler.buffers> work(other);
  CHECK_THROWS_WITH(sampler.integrate(mixture(sde), x, Noise{}, work),
                    Contains("2 samples of dimension 2"));
  auto bad = score_function(
      [](const X&, double, X& out) { out.data()[0] = std::numeric_limits<double>::quiet_NaN(); });
  CHECK_THROWS_WITH(sampler.sample(bad, x, Noise{}), Contains("not finite"));
  CHECK_THROWS_WITH((SolverSampler{sde, Deis<3>{.full_order_to_data = true}, uniform_grid(sde, 4)}),
                    Contains("full_order_to_data is true"));
}

TEST_CASE("a solver whose coefficients are not finite is rejected when the sampler is made") {
  struct Broken : DpmSolver<1> {
    std::vector<SolverStage> stages(const VpSde& sde, const TimeGrid& grid) const {
      auto table = DpmSolver<1>::stages(sde, grid);
      table[2].weights[0] = std::numeric_limits<double>::quiet_NaN();
      return table;
    }
  };
  const VpSde sde;
  CHECK_THROWS_WITH((SolverSampler{sde, Broken{}, uniform_grid(sde, 4)}),
                    Contains("the coefficients of stage 2") && Contains("are not finite"));
}

TEST_CASE("runs to noise-free data equal diffusers' schedulers, with orders lowered once") {
  // Uniform in ln(sigma) from 20 to 0.05; the end of the last step is not used.
  const VpSde sde;
  const auto grid_of = [&](std::size_t steps) {
    std::vector<double> times;
    for (std::size_t i = 0; i < steps; ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(steps - 1);
      times.push_back(time_of_log_snr(sde, -2 * (std::log(20) + u * std::log(0.05 / 20))));
    }
    times.push_back(0.5 * times.back());
    return TimeGrid(times);
  };
  const auto check = [&](const DiffusersCase& wanted, const auto& solver) {
    INFO(wanted.name << ", " << wanted.steps << " steps");
    GaussianMixture<VpSde> data(sde, {0.3, 0.7}, {1.2, -0.5}, {0.04, 0.3});
    X x({diffusers_start.size(), 1}, diffusers_start);
    const SolverSampler sampler{sde, solver, grid_of(wanted.steps)};
    Workspace<X, sampler.buffers> work(x);
    CHECK(sampler.integrate(data, x, Noise{}, work).nfe == wanted.steps);
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(x.data()[i] == Approx(wanted.x[i]).epsilon(1e-11));
  };
  constexpr auto halved = SecondDifference::halved;
  for (const DiffusersCase& wanted : diffusers_cases) {
    if (wanted.name == "unipc bh2 1") check(wanted, UniPc<1>{});
    if (wanted.name == "unipc bh2 2") check(wanted, UniPc<2>{});
    if (wanted.name == "unipc bh2 3") check(wanted, UniPc<3>{});
    if (wanted.name == "dpm-solver++ 2m")
      check(wanted, DpmSolverPlusPlus<2>{.lower_order_below = 15});
    if (wanted.name == "dpm-solver++ 3m")
      check(wanted, DpmSolverPlusPlus<3>{.second_difference = halved, .lower_order_below = 15});
    if (wanted.name == "dpm-solver++ 2s")
      check(wanted, DpmSolverPlusPlusSingleStep<2>{.form = SolverForm::taylor});
    if (wanted.name == "dpm-solver++ 3s")
      check(wanted, DpmSolverPlusPlusSingleStep<3>{.form = SolverForm::taylor});
  }
  CHECK(diffusers_cases.size() == 25);
}

TEST_CASE("the last step to noise-free data does not magnify the errors of a model") {
  // The data are a point at 0. The model predicts the noise with an independent error at each
  // evaluation, uniform of width 0.1. One evaluation leaves 0.029 sigma in x.
  const VeSde sde;
  const auto rms = [&](const auto& solver, std::size_t steps) {
    std::uint64_t call = 0;
    auto model = noise_prediction(
        [&](const X& x, double t, X& out) {
          ++call;
          for (std::size_t k = 0; k < 64; ++k)
            for (std::size_t e = 0; e < 16; ++e)
              out(k, e) = x(k, e) / sde.marginal_prob(t).std +
                          0.1 * (uniform(Noise{.seed = 77}.draw(call), k, e) - 0.5);
        },
        sde);
    X x({64, 16});
    SolverSampler{sde, solver, uniform_grid(sde, steps)}.sample(model, x, Noise{.seed = 1});
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x.data()[i] * x.data()[i];
    return std::sqrt(sum / static_cast<double>(x.size()));
  };
  for (const std::size_t steps : {100, 200, 1000}) {
    INFO(steps << " steps");
    CHECK(rms(Lms<4>{}, steps) < 1e-3);
    CHECK(rms(Lms<4>{.full_order_to_data = true}, steps) > 0.05);
    CHECK(rms(DpmSolverPlusPlus<2>{}, steps) < 1e-3);
  }
}

TEST_CASE("an output that is not finite is reported with the interval between two checks") {
  const VpSde sde;
  auto model = score_function([&](const X& x, double t, X& out) {
    for (std::size_t i = 0; i < x.size(); ++i)
      out.data()[i] = t < 0.45 ? std::numeric_limits<double>::quiet_NaN() : -x.data()[i];
  });
  X x({2, 3});
  // Of 100 steps, 64 and 100 are checked last: t = 0.36064 and 0.001; step 32 ends at 0.68032.
  const SolverSampler sampler{
      sde, DdimSolver{}, uniform_grid(sde, 100), {.final_step = FinalStep::keep_noise}};
  CHECK_THROWS_WITH(sampler.sample(model, x, Noise{}),
                    Contains("not finite at t = 0.3606") && Contains("finite at t = 0.6803"));
}
