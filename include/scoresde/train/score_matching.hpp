// SPDX-License-Identifier: MIT
/// ScoreMatching: the objective that trains a score network by a loss under an SDE.
///
///   x_t = mean·x_0 + std·z,   loss = E[ w(t)·‖std·s(x_t, t) + z‖² ]
///
/// Song et al. 2021 (arXiv:2011.13456), eq. 7. loss/ has the losses.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/loss/training_loss.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/training_rules.hpp>

namespace scoresde {

/// Models Objective and, for a WeightedResidualLoss, ResidualObjective. The convention defines the
/// network's label; its default depends on the loss.
template <Sde S, class L = DenoisingScoreMatching, class C = typename L::template Convention<S>>
class ScoreMatching {
  static_assert(
      trains_convention<L, C>,
      "Trainer: NoisePredictionAtLevel and ScoreAtLevel require DiscreteScoreMatching, and the "
      "other label conventions require a loss in continuous time");

 public:
  using Loss = L;
  using Convention = C;
  template <class Ops>
  using Model = nn::ScoreNetwork<Ops, S, C>;
  template <class Ops>
  using Workspace = LossWorkspace<typename Ops::State>;
  static constexpr bool scales_input = requires(const C& convention, const S& sde) {
    convention.input_scale(sde, 0.0);
  };

  /// With the loss's convention.
  ScoreMatching(S sde) : sde_(std::move(sde)) {}  // NOLINT(google-explicit-constructor)
  /// With a convention that has settings.
  ScoreMatching(S sde, C convention) : sde_(std::move(sde)), convention_(std::move(convention)) {}

  [[nodiscard]] const S& sde() const { return sde_; }
  /// Of configure.
  [[nodiscard]] const Loss& loss() const { return loss_; }
  [[nodiscard]] const Convention& convention() const { return *convention_; }

  /// Takes the loss of a run. Throws Error if the loss or the convention rejects its settings, and
  /// when the convention's σ_d is not the loss's.
  void configure(const Loss& loss) {
    loss.check(sde_);
    if (!convention_) convention_ = convention_for<C>(loss);
    if constexpr (requires(const C& c) { c.validate(); }) convention_->validate();
    if constexpr (shares_sigma_data<L, C>)
      require(loss.sigma_data == convention_->sigma_data, "training: sigma_data is ",
              loss.sigma_data, " in the loss and ", convention_->sigma_data,
              " in the preconditioning; both must be that of the data");
    loss_ = loss;
  }

  /// The network as a score model. Refers to both arguments.
  template <nn::ModelOps Ops>
  [[nodiscard]] Model<Ops> model(nn::Network<Ops>& network,
                                 std::span<const typename Ops::Scalar> parameters) const {
    return {network, parameters, sde_, *convention_};
  }

  /// As in Objective; the model must be of this SDE and convention.
  template <class M, State X>
  double forward_backward(M& model, const X& x0, const TrainingDraws& draws, LossWorkspace<X>& work,
                          double share, std::span<typename M::Scalar> gradient) const {
    static_assert(TrainableScoreModel<M, X>);
    static_assert(TrainingLoss<Loss, S, M, X>,
                  "Trainer: the loss does not support this SDE; it needs check(sde), "
                  "draw_times(sde, draw, times) and a call with (sde, model, x0, draw, workspace, "
                  "share)");
    loss_.draw_times(sde_, draws.time(), work.times());
    model.set_dropout(draws.dropout());
    const double value = loss_(sde_, model, x0, draws.noise(), work, share);
    model.backward(work.output_gradient(), gradient);
    return value;
  }

  /// One time per sample of a batch, as forward_backward draws them.
  void draw_times(const TrainingDraws& draws, std::span<double> times) const {
    loss_.draw_times(sde_, draws.time(), times);
  }
  /// Of a sample of `dim` elements at time t.
  [[nodiscard]] ResidualTerms terms(double t,
                                    std::size_t dim) const requires WeightedResidualLoss<L, S> {
    const auto c = denoising_coefficients(loss_.weighted_marginal(sde_, t, dim),
                                          convention_->score_form(sde_, t));
    double scale = 1;
    if constexpr (scales_input) scale = convention_->input_scale(sde_, t);
    return {c.mean, c.std, c.state, c.output, c.weight, convention_->label(sde_, t), scale};
  }

 private:
  S sde_;
  std::optional<C> convention_;
  Loss loss_{};
};

}  // namespace scoresde
