// SPDX-License-Identifier: MIT
/// TrainedUnder: the label convention of a network that is sampled under another SDE than the one
/// that it was trained under.
///
///   ∇log p_t(x) ≈ c²·p'(t')·x + c·q'(t')·F(c·c'(t')·x, label'(t'))
///
/// p', q', c' and label' are those of the convention under the training SDE, t' and c those of the
/// change of variables (score/change_of_sde.hpp), which costs no pass over memory where the
/// convention scales x. Karras et al. 2022 (arXiv:2206.00364), eq. 4.
///
///   ScoreNetwork(network, parameters, VpSde(), TrainedUnder(EdmSde()))
#pragma once

#include <utility>

#include <scoresde/model/label_convention.hpp>
#include <scoresde/score/change_of_sde.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::nn {

template <Sde S, class Convention = typename convention_of<S>::type>
class TrainedUnder {
  static_assert(convention_fits<Convention, S>,
                "TrainedUnder: a convention of discrete noise levels requires an SDE with "
                "training_steps() and training_time(i)");

 public:
  /// `first`: the least time of training. Throws Error for one outside [0, T).
  TrainedUnder(S training, Convention convention, double first)
      : training_(std::move(training)), convention_(std::move(convention)), first_(first) {
    require_first_time(training_, first_);
  }
  /// Trained from t_min.
  explicit TrainedUnder(S training, Convention convention = {})
      : TrainedUnder(training, std::move(convention), training.t_min()) {}

  void validate() const {
    if constexpr (requires { convention_.validate(); }) convention_.validate();
  }
  /// The time of training for time t of the SDE that is sampled.
  template <Sde Target>
  [[nodiscard]] ChangedTime changed(const Target& sde, double t) const {
    return changed_time(training_, first_, sde, t);
  }
  template <Sde Target>
  [[nodiscard]] double label(const Target& sde, double t) const {
    return convention_.label(training_, changed(sde, t).t);
  }
  template <Sde Target>
  [[nodiscard]] double input_scale(const Target& sde, double t) const {
    const ChangedTime at = changed(sde, t);
    if constexpr (requires { convention_.input_scale(training_, at.t); })
      return at.scale * convention_.input_scale(training_, at.t);
    else
      return at.scale;
  }
  template <Sde Target>
  [[nodiscard]] ScoreForm score_form(const Target& sde, double t) const {
    const ChangedTime at = changed(sde, t);
    return at.form(convention_.score_form(training_, at.t));
  }
  /// Of training.
  [[nodiscard]] NoiseRange noise_range() const { return scoresde::noise_range(training_, first_); }

 private:
  S training_;
  Convention convention_;
  double first_;
};

}  // namespace scoresde::nn
