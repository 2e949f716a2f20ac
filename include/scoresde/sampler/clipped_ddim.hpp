// SPDX-License-Identifier: MIT
/// DDIM(η) with the predicted data clipped and the predicted noise left as it is.
///
///   x ← mean_s clip(x̂₀, low, high) + √(std_s² − c²) ε̂ + c z
///
/// from t to s, with x̂₀, ε̂ and c of predictor/ddim.hpp: what diffusers' DDIMScheduler does by
/// default (clip_sample = true, use_clipped_model_output = false). A clipped x̂₀ and an unclipped ε̂
/// belong to no single score, so no model made of another expresses it; DDIM over a ClippedDenoiser
/// (score/thresholding.hpp) clips both, which is use_clipped_model_output = true.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <scoresde/predictor/ddim.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/sampler/sampler.hpp>
#include <scoresde/score/thresholding.hpp>
#include <scoresde/sde/general_sde.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde {

struct ClippedDdimOptions {
  double eta = 0;
  DataRange range{};
  /// The last step goes without its noise.
  bool denoise = false;
};

namespace detail {

/// An element of the step above: x̂₀ = data·(x, F), direction = √(std_s² − c²) ε̂ as a form in (x,
/// F).
struct ClippedDdimElement {
  ScoreForm data, direction;
  double mean = 1, noise = 0;
  DataRange range;

  template <class T>
  T operator()(ElementIndex, T x, T f, T z) const {
    return moved(x, f) + static_cast<T>(noise) * z;
  }
  template <class T>
  T operator()(ElementIndex, T x, T f) const {
    return moved(x, f);
  }

 private:
  template <class T>
  T moved(T x, T f) const {
    const auto form = [&](const ScoreForm& c) {
      return static_cast<T>(c.state) * x + static_cast<T>(c.output) * f;
    };
    const auto low = static_cast<T>(range.low), high = static_cast<T>(range.high);
    return static_cast<T>(mean) * std::clamp(form(data), low, high) + form(direction);
  }
};

}  // namespace detail

/// A const, stateless value, over every state whose backend is elementwise. Draw 0 is the prior, i
/// + 1 the noise of step i.
template <class S>
class ClippedDdim {
  static_assert(Sde<S> || !GeneralSde<S>,
                "ClippedDdim: this SDE is a general one, without the closed-form marginal of "
                "marginal_prob(t); take ReverseSimulation");
  static_assert(GeneralSde<S> || detail::SdeArgument<S>::checked);

 public:
  static constexpr std::size_t buffers = 1;

  /// Throws Error unless the grid decreases within [0, t_max], η lies in [0, 1] and low < high.
  ClippedDdim(S sde, TimeGrid grid, ClippedDdimOptions options = {})
      : sde_(std::move(sde)), grid_(std::move(grid)), options_(options) {
    Ddim{options.eta}.validate();
    detail::require(options.range.low < options.range.high, "clipped DDIM: the range goes from ",
                    options.range.low, " to ", options.range.high, "; low < high is needed");
    detail::require(grid_.generates(), "clipped DDIM: the grid goes from ", grid_.front().t,
                    " up to ", grid_.back().t_next, "; time must decrease towards the data");
    detail::require(grid_.front().t <= sde_.t_max() && grid_.back().t_next >= 0,
                    "clipped DDIM: the grid goes from ", grid_.front().t, " to ",
                    grid_.back().t_next, "; it must lie in [0, T] with T = ", sde_.t_max());
    for (const TimeStep time : grid_) {
      const StepCoefficients step = Ddim{options_.eta}.coefficients(sde_, time);
      detail::require(
          std::isfinite(step.state) && std::isfinite(step.score) && std::isfinite(step.noise),
          "clipped DDIM: the coefficients of the step from t = ", time.t, " to ", time.t_next,
          " are ", step.state, ", ", step.score, " and ", step.noise, "; they must be finite");
    }
  }

  /// Evaluations of the model in one run.
  [[nodiscard]] std::size_t nfe() const { return grid_.size(); }
  [[nodiscard]] const S& sde() const { return sde_; }
  [[nodiscard]] const TimeGrid& grid() const { return grid_; }

  /// Fills x with a draw from the prior, or from the marginal where the grid begins below T, and
  /// carries it to the data. Makes a workspace. Throws Error as draw_prior and integrate do.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics sample(M&& model, X& x, const N& noise, O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    Workspace<X, buffers> work(x);
    draw_prior(sde_, grid_.front().t, x, noise.draw(0));
    return integrate(model, x, noise, work, observer);
  }

  /// Carries the x given through the grid; allocates nothing. Throws Error for mismatched shapes
  /// and states that are not finite.
  template <class M, class X, class N, class O = NoObserver>
  SamplerStatistics integrate(M&& model, X& x, const N& noise, Workspace<X, buffers>& work,
                              O&& observer = O{}) const {
    static_assert(detail::RunArguments<std::remove_reference_t<M>, X, N>::checked);
    static_assert(ElementwiseState<X>,
                  "ClippedDdim: the state's backend runs no function element by element; it needs "
                  "transform(out, f, inputs...) (scoresde/state/elementwise.hpp)");
    detail::check_shapes("clipped DDIM", x, work);
    for (const TimeStep time : grid_) detail::check_score_form("clipped DDIM", model, time.t);
    const std::size_t count = grid_.size();
    detail::notify_start(observer, {0, count, {grid_.front().t, grid_.front().t}, 0}, x);
    detail::FiniteLooks look{"clipped DDIM", count, grid_.front().t};
    std::size_t taken = 0;
    while (taken < count) {
      const std::size_t i = taken++;
      model.evaluate(x, grid_[i].t, work[0]);
      step(x, work[0], i, model.score_form(grid_[i].t), noise);
      look(x, taken, grid_[i].t_next, work.row(0));
      if (detail::notify_step(observer, {i, count, grid_[i], taken}, x) == StepAction::stop) break;
    }
    detail::notify_finish(observer, static_cast<const X&>(x));
    return {taken, taken, 0};
  }

 private:
  template <class X, class N>
  void step(X& x, const X& output, std::size_t i, ScoreForm score, const N& noise) const {
    const TimeStep time = grid_[i];
    const bool quiet = options_.denoise && i + 1 == grid_.size();
    const auto [mean, variance, std, std_next] = transition(sde_, time);
    const double c = options_.eta * std::sqrt(variance) * std_next / std;
    const double kept = -std * std::sqrt((std_next - c) * (std_next + c));
    const detail::ClippedDdimElement element{tweedie_form(sde_.marginal_prob(time.t), score),
                                             {kept * score.state, kept * score.output},
                                             sde_.marginal_prob(time.t).mean / mean,
                                             quiet ? 0 : c,
                                             options_.range};
    if (element.noise == 0) return backend(x).transform(x, element, std::as_const(x), output);
    detail::with_step_noise<X>(noise, i + 1, time, element.noise, [&](const auto& z) {
      backend(x).transform(x, element, std::as_const(x), output, z);
    });
  }

  S sde_;
  TimeGrid grid_;
  ClippedDdimOptions options_;
};

}  // namespace scoresde
