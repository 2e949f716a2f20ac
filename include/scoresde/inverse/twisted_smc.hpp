// SPDX-License-Identifier: MIT
/// Twisted SMC: particles proposed by the guided score and weighted, exact in their limit.
///
///   x_s ~ q = N(a x_t + b (∇log p_t + g), c² I),   g = ∇log p̃(y | x_t)
///   w ← w · N(x_s; a x_t + b ∇log p_t, c² I) p̃(y | x_s) / (q(x_s) p̃(y | x_t))
///
/// Wu et al. 2023 (arXiv:2306.17775), algorithm 1, with p̃ of ΠGDM (predicted_likelihood.hpp) as the
/// twisting function and the ancestral kernel. The last twist is N(y; A x̂₀, σ_y² I) of the image x̂₀
/// predicted at the end of the grid, which is the sample: as the number of particles grows, the
/// weighted particles become samples of the posterior under the discrete chain, whose distance to
/// that of the SDE is the error of the grid alone. Their error falls as 1/√particles.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/inverse/predicted_likelihood.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/not_deduced.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/predictor/ancestral.hpp>
#include <scoresde/sampler/prior.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/state/host_copy.hpp>
#include <scoresde/state/select_samples.hpp>
#include <scoresde/state/workspace.hpp>
#include <scoresde/time/time_grid.hpp>

namespace scoresde {

struct TwistedSmcOptions {
  std::size_t particles = 64;   ///< of each group of consecutive samples, which share a measurement
  double resample_below = 0.5;  ///< effective sample size, as a fraction of the particles
  double data_variance = flat_data_variance;  ///< v of the twisting function
  PosteriorVariance variance = PosteriorVariance::small;
};

/// What a run found. The samples of a group are to be weighted.
struct TwistedSmcResult {
  SamplerStatistics statistics{};
  std::vector<double> weights;                ///< of each sample; their sum is 1 in each group
  std::vector<double> log_evidence;           ///< estimate of log p(y), per group
  std::vector<double> effective_sample_size;  ///< Σw²⁻¹ at the end, per group
  std::size_t resamplings = 0;                ///< of all groups together
};

namespace detail {

/// The weights w ∝ exp(log_weights), of sum 1. Returns the log of the mean of exp(log_weights).
inline double normalize_weights(std::span<const double> log_weights, std::span<double> weights) {
  const double largest = *std::max_element(log_weights.begin(), log_weights.end());
  double sum = 0;
  for (std::size_t k = 0; k < weights.size(); ++k)
    sum += weights[k] = std::exp(log_weights[k] - largest);
  for (double& w : weights) w /= sum;
  return largest + std::log(sum / static_cast<double>(weights.size()));
}

/// 1/Σw², between 1 and the number of weights.
[[nodiscard]] inline double effective_sample_size(std::span<const double> weights) {
  double sum = 0;
  for (const double w : weights) sum += w * w;
  return 1 / sum;
}

/// Systematic resampling: ancestors[k] is the particle in whose share of [0, 1) (k + u)/n lies.
inline void resample(std::span<const double> weights, double u, std::span<std::size_t> ancestors) {
  const std::size_t n = weights.size();
  std::size_t i = 0;
  double upper = weights[0];
  for (std::size_t k = 0; k < n; ++k) {
    const double at = (static_cast<double>(k) + u) / static_cast<double>(n);
    while (at >= upper && i + 1 < n) upper += weights[++i];
    ancestors[k] = i;
  }
}

/// The elements of x in host memory: x itself, or a copy.
template <State X>
[[nodiscard]] decltype(auto) on_host(const X& x) {
  if constexpr (ContiguousState<X>)
    return (x);
  else
    return host_copy(x);
}

}  // namespace detail

/// A const, stateless value. Draw 0 is the prior, draw 2i + 1 the noise of step i and the words of
/// draw 2i + 2 the uniform of its resampling, all named by the index of a sample, so that a group
/// does not depend on its batch.
template <class S>
class TwistedSmc {
  static_assert(deduced<S>,
                "TwistedSmc: an argument is missing or not in its place; it takes (sde, grid, "
                "options), such as TwistedSmc{sde, uniform_grid(sde, 100)}");
  static_assert(SdeArgument<S>::checked);

 public:
  /// Throws Error for a grid that does not decrease within (0, T], particles = 0, and
  /// resample_below outside [0, 1].
  TwistedSmc(S sde, TimeGrid grid, TwistedSmcOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)), options_(options) {
    require(options.particles >= 1, "twisted SMC: particles is 0; it must be at least 1");
    require(options.resample_below >= 0 && options.resample_below <= 1,
            "twisted SMC: resample_below is ", options.resample_below, "; it must lie in [0, 1]");
    require(grid_.generates() && grid_.front().t <= sde_.t_max() && grid_.back().t_next > 0,
            "twisted SMC: the grid goes from ", grid_.front().t, " to ", grid_.back().t_next,
            "; time must decrease within (0, T] with T = ", sde_.t_max());
    const Ancestral kernel{options.variance};
    for (const TimeStep step : grid_) {
      steps_.push_back(kernel.coefficients(sde_, step));
      require(steps_.back().noise > 0, "twisted SMC: the step from t = ", step.t, " to ",
              step.t_next, " has no noise; the kernel must have a density");
    }
  }

  [[nodiscard]] std::size_t nfe() const { return grid_.size() + 1; }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with weighted particles: samples k·particles … (k + 1)·particles − 1 are those of
  /// group k, and the measurement is the same in all of them. Memory is allocated before the first
  /// step. Throws Error for a batch that is not a whole number of groups, measurements that differ
  /// within a group, a measurement without noise, and weights that are not finite.
  ///
  /// Observers receive the particles after each step, before their weights; a run that one stops
  /// ends with the particles as they are.
  template <class M, class A, State X, class O = NoObserver>
  TwistedSmcResult sample(M&& model, const LinearProblem<A, X>& problem, X& x, const Noise& noise,
                          O&& observer = O{}) const {
    static_assert(SelectableState<X>,
                  "TwistedSmc: particles of this state cannot be resampled; its backend needs "
                  "select_samples(out, x, rows) (scoresde/state/select_samples.hpp)");
    static_assert(DifferentiableScoreModel<std::remove_reference_t<M>, X>,
                  "TwistedSmc: the model is not a differentiable score model for this state; it "
                  "needs evaluate(x, t, output), score_form(t) and vjp(x, t, v, out)");
    static_assert(SpectralOperator<A, X>,
                  "TwistedSmc: the operator has no singular value decomposition; it needs "
                  "singular_values(), left_coordinates, right_coordinates and "
                  "from_right_coordinates (scoresde/inverse/linear_operator.hpp)");
    check(problem, x);
    Particles<std::remove_reference_t<M>, A, X> particles(*this, model, problem, x, noise);
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    std::vector<double> row(extents(x).samples);
    SamplerRun<X, std::remove_reference_t<O>> run("twisted SMC", grid_.size(), grid_.front().t, x,
                                                  row, observer);
    particles.twist(grid_.front().t);
    run.nfe = 1;
    for (std::size_t i = 0; i < grid_.size() && !run.stopped(); ++i) {
      particles.step(i);
      ++run.nfe;
      run.took(grid_[i], x);
    }
    if (!run.stopped()) particles.predict();
    TwistedSmcResult result = particles.weigh();
    result.statistics = run.finish();
    return result;
  }

  /// Does not compile.
  template <class... A>
  requires(!is_problem_call<A...>) TwistedSmcResult sample(A&&...)
  const {
    static_assert(never<A...>,
                  "TwistedSmc: sample takes (model, problem, x, noise, observer): a LinearProblem "
                  "of states of x's type, a variable x, which becomes the result, a noise source "
                  "as Noise{.seed = 42} and, optionally, an observer");
    return {};
  }
  /// Does not compile.
  template <class M, class A, State X, class N, class O = NoObserver>
  requires(!std::convertible_to<const N&, const Noise&>) TwistedSmcResult
      sample(M&&, const LinearProblem<A, X>&, X&, const N&, O&& = O{})
  const {
    static_assert(never<N>,
                  "TwistedSmc: the noise is not Noise{.seed = 42}; its draws are named by the "
                  "index of a sample");
    return {};
  }

 private:
  template <class A, class X>
  void check(const LinearProblem<A, X>& problem, const X& x) const {
    problem.check("twisted SMC", x);
    const std::size_t samples = extents(x).samples;
    require(samples > 0 && samples % options_.particles == 0, "twisted SMC: the state has ",
            samples, " samples; it must be a multiple of the ", options_.particles, " particles");
    require(problem.noise_std() > 0, "twisted SMC: noise_std is ", problem.noise_std(),
            "; it must be positive, as the weights are densities");
    const auto& y = detail::on_host(problem.measurement());
    const std::size_t dim = extents(y).dim;
    for (std::size_t k = 0; k < samples; ++k) {
      const std::size_t first = k / options_.particles * options_.particles;
      require(std::equal(y.data() + k * dim, y.data() + (k + 1) * dim, y.data() + first * dim),
              "twisted SMC: the measurements of samples ", first, " and ", k,
              " differ; those of a group of particles must be the same");
    }
  }

  template <class M, class A, class X>
  class Particles {
   public:
    Particles(const TwistedSmc& sampler, M& model, const LinearProblem<A, X>& problem, X& x,
              const Noise& noise)
        : sampler_(sampler),
          model_(model),
          likelihood_(sampler.sde_, problem, sampler.options_.data_variance),
          x_(x),
          noise_(noise),
          work_(x),
          log_weights_(extents(x).samples),
          twist_(log_weights_.size()),
          next_(log_weights_.size()),
          ancestors_(sampler.options_.particles),
          rows_(log_weights_.size()) {
      result_.weights.resize(log_weights_.size());
      result_.log_evidence.resize(log_weights_.size() / ancestors_.size());
      result_.effective_sample_size.resize(result_.log_evidence.size());
    }

    /// w ← w·p̃(y | x)/p̃(y | x before), with the model's output and g at x.
    void twist(double t) {
      evaluate(t);
      likelihood_.gradient(model_, x_, t, output(), gradient(), next_);
      take_twist();
    }

    void step(std::size_t i) {
      const TimeStep time = sampler_.grid_[i];
      const auto index = static_cast<std::uint64_t>(2 * i);
      resample(noise_.draw(index + 2));
      move(sampler_.steps_[i], model_.score_form(time.t), noise_.draw(index + 1));
      if (i + 1 < sampler_.grid_.size()) return twist(time.t_next);
      evaluate(time.t_next);
      likelihood_.log_density_of_prediction(model_, x_, time.t_next, output(), next_);
      take_twist();
    }

    void predict() { assign(x_, {{1, likelihood_.predicted(x_)}}); }

    TwistedSmcResult weigh() {
      for (std::size_t group = 0; group < result_.log_evidence.size(); ++group) {
        result_.log_evidence[group] += normalize(group);
        result_.effective_sample_size[group] = detail::effective_sample_size(weights(group));
      }
      return std::move(result_);
    }

   private:
    X& output() { return work_[0]; }
    X& gradient() { return work_[1]; }
    X& drawn() { return work_[2]; }

    std::span<double> weights(std::size_t group) {
      return std::span<double>(result_.weights)
          .subspan(group * ancestors_.size(), ancestors_.size());
    }
    double normalize(std::size_t group) {
      return detail::normalize_weights(std::span<const double>(log_weights_)
                                           .subspan(group * ancestors_.size(), ancestors_.size()),
                                       weights(group));
    }
    void evaluate(double t) { model_.evaluate(x_, t, output()); }
    void take_twist() {
      for (std::size_t k = 0; k < twist_.size(); ++k) {
        log_weights_[k] += next_[k] - twist_[k];
        twist_[k] = next_[k];
        require(std::isfinite(log_weights_[k]), "twisted SMC: the weight of sample ", k,
                " is not finite, by the model's output or by the measurement");
      }
    }

    /// Resamples the groups whose effective sample size is too small.
    void resample(NoiseDraw draw) {
      const std::size_t before = result_.resamplings;
      std::iota(rows_.begin(), rows_.end(), 0u);
      for (std::size_t group = 0; group < result_.log_evidence.size(); ++group)
        choose_ancestors(group, draw);
      if (result_.resamplings == before) return;
      for (X* state : {&x_, &output(), &gradient()}) {
        select_samples(drawn(), *state, std::span<const std::uint32_t>(rows_));
        assign(*state, {{1, drawn()}});
      }
    }
    void choose_ancestors(std::size_t group, NoiseDraw draw) {
      const std::size_t n = ancestors_.size(), first = group * n;
      const double log_mean = normalize(group);
      const double least = sampler_.options_.resample_below * static_cast<double>(n);
      if (detail::effective_sample_size(weights(group)) >= least) return;
      result_.log_evidence[group] += log_mean;
      ++result_.resamplings;
      detail::resample(weights(group), uniform(draw, first, 0), ancestors_);
      for (std::size_t k = 0; k < n; ++k)
        rows_[first + k] = static_cast<std::uint32_t>(first + ancestors_[k]);
      for (std::size_t k = 0; k < n; ++k) next_[first + k] = twist_[rows_[first + k]];
      for (std::size_t k = 0; k < n; ++k) twist_[first + k] = next_[first + k];
      for (std::size_t k = 0; k < n; ++k) log_weights_[first + k] = 0;
    }

    /// x ← a x + b (score + g) + c z; w ← w·N(x; without g)/N(x; with g), whose logarithm is
    /// −(b²‖g‖² + 2 b c ⟨g, z⟩)/(2c²).
    void move(StepCoefficients step, ScoreForm form, NoiseDraw z) {
      assign(drawn(), {}, {1, z});
      const std::span<double> square = work_.row(0), along = work_.row(1);
      backend(x_).inner(gradient(), gradient(), square);
      backend(x_).inner(gradient(), drawn(), along);
      const double ratio = step.score / step.noise;
      for (std::size_t k = 0; k < log_weights_.size(); ++k)
        log_weights_[k] -= ratio * (0.5 * ratio * square[k] + along[k]);
      assign(x_, {{step.state + step.score * form.state, x_},
                  {step.score * form.output, output()},
                  {step.score, gradient()},
                  {step.noise, drawn()}});
    }

    const TwistedSmc& sampler_;
    M& model_;
    PredictedLikelihood<S, A, X> likelihood_;
    X& x_;
    const Noise& noise_;
    Workspace<X, 3> work_;
    std::vector<double> log_weights_, twist_, next_;
    std::vector<std::size_t> ancestors_;
    std::vector<std::uint32_t> rows_;
    TwistedSmcResult result_;
  };

  S sde_;
  TimeGrid grid_;
  TwistedSmcOptions options_;
  std::vector<StepCoefficients> steps_;
};

/// Reports arguments that no constructor takes.
TwistedSmc(...)->TwistedSmc<NotDeduced>;

}  // namespace scoresde
