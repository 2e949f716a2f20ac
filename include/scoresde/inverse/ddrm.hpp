// SPDX-License-Identifier: MIT
/// DDRM: denoising in the coordinates in which the measurement is diagonal.
///
///   with x̃ = x/mean, σ' = std/mean at the end of a step, ε̂ = −std·∇log p_t, and z ~ N(0, I):
///   not measured     x̂ + √(1 − η_c²) σ' ε̂ + η_c σ' z
///   s σ' < σ_y       x̂ + √(1 − η_a²) σ' (ỹ − s x̂)/σ_y + η_a σ' z
///   s σ' ≥ σ_y       (1 − η_b) x̂ + η_b ỹ/s + √(σ'² − η_b² σ_y²/s²) z
///
/// Kawar et al. 2022 (arXiv:2201.11793), eq. 7 and 8, in the coordinates Vᵀx, with ỹ = Uᵀ y. The
/// published code takes s σ' = σ_y for not measured, which loses a measurement without noise in the
/// last step. Exact in the limit of many steps if σ_y = 0, η = 0 and the covariance of the data is
/// diagonal in V; biased elsewhere (docs/editing.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/score/tweedie.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/element_terms.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

/// The fractions of fresh noise in the three cases above.
struct DdrmOptions {
  double eta_a = 0.85;  ///< measured with more noise than the state has
  double eta_b = 1;     ///< measured with less: the weight of the measurement
  double eta_c = 0.85;  ///< not measured
};

/// A const, stateless value. The last step of the grid goes to noise-free data, wherever it ends.
template <class S>
class Ddrm {
  static_assert(deduced<S>,
                "Ddrm: an argument is missing or not in its place; it takes (sde, grid, options), "
                "such as Ddrm{sde, uniform_grid(sde, 20)}");
  static_assert(SdeArgument<S>::checked);

 public:
  /// Throws Error for a grid that does not decrease within [0, T] and an eta outside [0, 1].
  Ddrm(S sde, TimeGrid grid, DdrmOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)), options_(options) {
    require(grid_.generates(), "DDRM: the grid goes from ", grid_.front().t, " up to ",
            grid_.back().t_next, "; time must decrease towards the data");
    require(grid_.front().t <= sde_.t_max() && grid_.back().t > 0, "DDRM: the grid goes from ",
            grid_.front().t, " to ", grid_.back().t,
            "; it must lie in (0, T] with T = ", sde_.t_max());
    for (const double eta : {options.eta_a, options.eta_b, options.eta_c})
      require(eta >= 0 && eta <= 1, "DDRM: an eta is ", eta, "; it must lie in [0, 1]");
  }

  [[nodiscard]] std::size_t nfe() const { return grid_.size(); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with the start of the paper (draw 0) and carries it to the data. The published code
  /// starts with deviation 1 where std(T) stands here. Throws Error as integrate does.
  template <class M, class A, State X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, const LinearProblem<A, X>& problem, X& x, const N& noise,
                           O&& observer = O{}) const {
    static_assert(RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Steps<std::remove_reference_t<M>, A, X> steps(*this, model, problem, x);
    steps.start(noise.draw(0));
    return steps.run(noise, observer);
  }

  /// Carries the x given through the grid, with one evaluation and draw per step; memory is
  /// allocated before the first. Throws Error for x of other samples or dimension than the problem
  /// and for states that are not finite.
  template <class M, class A, State X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, const LinearProblem<A, X>& problem, X& x, const N& noise,
                              O&& observer = O{}) const {
    static_assert(RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Steps<std::remove_reference_t<M>, A, X> steps(*this, model, problem, x);
    return steps.run(noise, observer);
  }

  /// Does not compile.
  template <class... A>
  requires(!is_problem_call<A...>) SamplerStatistics sample(A&&...)
  const {
    static_assert(never<A...>,
                  "Ddrm: sample takes (model, problem, x, noise, observer): a LinearProblem of "
                  "states of x's type, a variable x, which becomes the result, a noise source as "
                  "Noise{.seed = 42} and, optionally, an observer");
    return {};
  }
  /// Does not compile.
  template <class... A>
  requires(!is_problem_call<A...>) SamplerStatistics integrate(A&&...)
  const {
    static_assert(never<A...>,
                  "Ddrm: integrate takes (model, problem, x, noise, observer): a LinearProblem of "
                  "states of x's type, a variable x, which becomes the result, a noise source as "
                  "Noise{.seed = 42} and, optionally, an observer");
    return {};
  }

 private:
  template <class M, class A, State X>
  class Steps {
    static_assert(SpectralOperator<A, X>,
                  "Ddrm: the operator has no singular value decomposition; it needs "
                  "singular_values(), left_coordinates, right_coordinates and "
                  "from_right_coordinates (scoresde/inverse/linear_operator.hpp)");

   public:
    Steps(const Ddrm& sampler, M& model, const LinearProblem<A, X>& problem, X& x)
        : sampler_(sampler),
          model_(model),
          problem_(problem),
          x_(x),
          images_(x),
          coordinates_(problem.measurement()) {
      for (auto& column : table_) column.resize(problem.op().rows());
      problem.check("DDRM", x);
      problem.op().left_coordinates(problem.measurement(), measured());
    }

    /// x ← std(T)·z, and where s σ_T ≥ σ_y the measurement with what noise it lacks.
    template <class Z>
    void start(const Z& z) {
      const MarginalProb p = sampler_.sde_.marginal_prob(sampler_.grid_.front().t);
      const double sigma = p.std / p.mean, noise = problem_.noise_std();
      for (std::size_t i = 0; i < problem_.op().rows(); ++i) {
        const double s = value(i);
        if (s > 0 && s * sigma >= noise)
          set(i, {1 / s, 0, 0, lacking(sigma, noise / s) - sigma});
        else
          set(i, {});
      }
      assign(drawn(), {}, {1, z});
      assign(predicted(), {}, NoiseTerm{});
      assign(epsilon(), {}, NoiseTerm{});
      correct(p.mean, p.std, 0);
    }

    template <class N, class O>
    SamplerStatistics run(const N& noise, O& observer) {
      const TimeGrid& grid = sampler_.grid_;
      SamplerRun<X, O> run("DDRM", grid.size(), grid.front().t, x_, images_.row(0), observer);
      for (std::size_t i = 0; i < grid.size() && !run.stopped(); ++i) {
        const bool last = i + 1 == grid.size();
        predict(grid[i].t);
        ++run.nfe;
        assign(drawn(), {}, {1, noise.draw(static_cast<std::uint64_t>(i + 1))});
        take(last ? MarginalProb{1, 0} : sampler_.sde_.marginal_prob(grid[i].t_next));
        run.took(grid[i], x_);
      }
      return run.finish();
    }

   private:
    X& predicted() { return images_[0]; }
    X& epsilon() { return images_[1]; }
    X& drawn() { return images_[2]; }
    X& output() { return images_[3]; }
    X& measured() { return coordinates_[0]; }
    /// The factors of measurement, data, ε and z in coordinate i.
    void set(std::size_t i, const std::array<double, 4>& factors) {
      for (std::size_t j = 0; j < 4; ++j) table_[j][i] = factors[j];
    }
    [[nodiscard]] double value(std::size_t i) const { return problem_.op().singular_values()[i]; }

    /// √(σ² − known²), known ≤ σ up to rounding.
    static double lacking(double sigma, double known) {
      return std::sqrt(std::max(0.0, (sigma - known) * (sigma + known)));
    }

    void predict(double t) {
      const MarginalProb p = sampler_.sde_.marginal_prob(t);
      const ScoreForm score = model_.score_form(t), data = tweedie_form(p, score);
      model_.evaluate(x_, t, output());
      assign(predicted(), {{data.state, x_}, {data.output, output()}});
      assign(epsilon(), {{-p.std * score.state, x_}, {-p.std * score.output, output()}});
    }

    /// The step to p: that of elements that are not measured, corrected where they are.
    void take(MarginalProb p) {
      const auto [eta_a, eta_b, eta_c] = sampler_.options_;
      const double sigma = p.std / p.mean, noise = problem_.noise_std();
      const double kept = std::sqrt(1 - eta_c * eta_c) * sigma, fresh = eta_c * sigma;
      for (std::size_t i = 0; i < problem_.op().rows(); ++i) {
        const double s = value(i);
        if (s * sigma < noise) {
          const double pull = std::sqrt(1 - eta_a * eta_a) * sigma / noise;
          set(i, {pull, -pull * s, -kept, eta_a * sigma - fresh});
        } else if (s > 0) {
          const double own = eta_b * noise / s;
          set(i, {eta_b / s, -eta_b, -kept, lacking(sigma, own) - fresh});
        } else {
          set(i, {});
        }
      }
      assign(x_, {{p.mean, predicted()}, {p.mean * kept, epsilon()}});
      correct(p.mean, p.mean * fresh, 1);
    }

    /// x ← kept·x + noise·z + mean·V c with the coordinates c of the table.
    void correct(double mean, double noise, double kept) {
      const A& op = problem_.op();
      X &data = coordinates_[1], &eps = coordinates_[2], &z = coordinates_[3];
      op.right_coordinates(predicted(), data);
      op.right_coordinates(epsilon(), eps);
      op.right_coordinates(drawn(), z);
      assign_by_element(
          z, {{table_[0], measured()}, {table_[1], data}, {table_[2], eps}, {table_[3], z}});
      op.from_right_coordinates(z, output());
      assign(x_, {{kept, x_}, {noise, drawn()}, {mean, output()}});
    }

    const Ddrm& sampler_;
    M& model_;
    const LinearProblem<A, X>& problem_;
    X& x_;
    Workspace<X, 4> images_, coordinates_;
    std::array<std::vector<double>, 4> table_;
  };

  S sde_;
  TimeGrid grid_;
  DdrmOptions options_;
};

/// Reports arguments that no constructor takes.
Ddrm(...)->Ddrm<NotDeduced>;

}  // namespace scoresde
