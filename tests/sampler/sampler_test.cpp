// SPDX-License-Identifier: MIT
/// Updates and corrector steps one by one.
#include <array>
#include <cmath>
#include <vector>

#include <scoresde/corrector/annealed_langevin.hpp>
#include <scoresde/corrector/langevin.hpp>
#include <scoresde/sampler/correct.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/states.hpp"

using namespace scoresde;
using scoresde::test::mean_square;
using scoresde::test::state_of;
using X = HostState<double>;

namespace {

/// output ← −x/variance.
void normal_score(const X& x, double variance, X& output) {
  for (std::size_t i = 0; i < x.size(); ++i) output.data()[i] = -x.data()[i] / variance;
}

}  // namespace

TEST_CASE("an update folds the score's form into one pass") {
  X x({1, 2}, {1, -2});
  const X output({1, 2}, {10, 20});
  const NoiseDraw draw = Noise{.seed = 4}.draw(9);
  const X z = state_of(draw, {1, 2});
  update(x, output, ScoreForm{-0.5, 0.25}, StepCoefficients{0.9, 2, 0.3}, draw);
  CHECK(x(0, 0) == Approx(0.9 + 2 * (-0.5 * 1 + 0.25 * 10) + 0.3 * z(0, 0)).epsilon(1e-15));
  CHECK(x(0, 1) == Approx(-1.8 + 2 * (-0.5 * -2 + 0.25 * 20) + 0.3 * z(0, 1)).epsilon(1e-15));
}

TEST_CASE("a recorded draw gives the same update as the named draw") {
  const NoiseDraw draw = Noise{.seed = 4}.draw(9);
  X a({3, 7});
  draw_prior(a, 2, Noise{.seed = 1}.draw(0));
  X b = a;
  const X output = state_of(Noise{.seed = 2}.draw(0), {3, 7}), z = state_of(draw, {3, 7});
  update(a, output, {0, 1}, {0.9, 2, 0.3}, draw);
  update(b, output, {0, 1}, {0.9, 2, 0.3}, z);
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a.data()[i] == Approx(b.data()[i]).epsilon(1e-14));
}

TEST_CASE("Scope::per_sample gives each sample its own step size, Scope::batch one to all") {
  const double t = 0.5;
  const NoiseDraw draw = Noise{.seed = 3}.draw(1);
  const X start = state_of(Noise{.seed = 7}.draw(0), {3, 40}), z = state_of(draw, {3, 40});
  X score({3, 40});
  normal_score(start, 2, score);
  for (std::size_t e = 0; e < 40; ++e) score(2, e) *= 30;
  std::array<Norms, 3> norms{};
  Norms mean{};
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t e = 0; e < 40; ++e) {
      norms[k].score += score(k, e) * score(k, e);
      norms[k].noise += z(k, e) * z(k, e);
    }
    norms[k] = {std::sqrt(norms[k].score), std::sqrt(norms[k].noise)};
    mean.score += norms[k].score / 3;
    mean.noise += norms[k].noise / 3;
  }
  for (const auto scope : {Scope::per_sample, Scope::batch}) {
    const Langevin langevin{.snr = 0.1, .scope = scope};
    X x = start;
    Workspace<X, 1> work(x);
    correct(VpSde(), langevin, t, x, score, ScoreForm{}, draw, work);
    for (std::size_t k = 0; k < 3; ++k) {
      const auto rule = langevin.rule(VpSde(), t);
      const StepCoefficients c = rule(scope == Scope::per_sample ? norms[k] : mean);
      for (std::size_t e = 0; e < 40; ++e)
        CHECK(x(k, e) ==
              Approx(start(k, e) + c.score * score(k, e) + c.noise * z(k, e)).epsilon(1e-12));
    }
    // A second state stores the draw instead of generating it twice: the same step, summed in
    // another order.
    X kept = start;
    Workspace<X, 2> wider(kept);
    correct(VpSde(), langevin, t, kept, score, ScoreForm{}, draw, wider);
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(kept.data()[i] == Approx(x.data()[i]).epsilon(1e-13));
  }
}

TEST_CASE("Langevin steps converge to the stationary Gaussian from it and from another one",
          "[slow]") {
  // The step size depends on the norms of the sample and of the noise, each of which increases the
  // variance by a factor of (1 + 2/d); discretization adds 1 + ε/2v with ε = 2·snr²·v. With 64000
  // elements the standard error of the mean square is 0.6 %.
  const double variance = 1.7, snr = 0.1;
  const auto run = [&](std::size_t dim, double start, std::uint64_t steps) {
    X x({64000 / dim, dim}), score(x.extents());
    draw_prior(x, start * std::sqrt(variance), Noise{.seed = 12}.draw(0));
    Workspace<X, 1> work(x);
    for (std::uint64_t i = 1; i <= steps; ++i) {
      normal_score(x, variance, score);
      correct(VpSde(), Langevin{.snr = snr}, 0.5, x, score, ScoreForm{}, Noise{.seed = 12}.draw(i),
              work);
    }
    const double lift = 1 + 2 / static_cast<double>(dim);
    CHECK(mean_square(x) == Approx(variance * lift * lift * (1 + snr * snr)).epsilon(0.03));
  };
  run(320, 1, 100);
  run(320, 2.5, 400);
  run(16, 1, 200);
}

TEST_CASE("the finite check names the sample and the step") {
  X x({3, 2});
  std::vector<double> row(3);
  CHECK_NOTHROW(check_finite("test", x, {1, 0.5}, row));
  x(1, 0) = std::nan("");
  CHECK_THROWS_WITH(check_finite("test", x, {1, 0.5}, row),
                    Catch::Matchers::Contains("sample 1") &&
                        Catch::Matchers::Contains("not finite at t = 0.5") &&
                        Catch::Matchers::Contains("finite at t = 1,"));
}
