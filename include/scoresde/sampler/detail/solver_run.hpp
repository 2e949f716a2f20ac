// SPDX-License-Identifier: MIT
/// A solver's run as a table of coefficients, independent of the types of SDE and solver.
///
///   for each stage:  F ← model(x, t),   x ← a·x + Σⱼ wⱼ·D₋ⱼ + c·z,   D = ε or x₀ = p·x + q·F
///
/// D₀ is folded into the pass that updates x. A D that later stages require is stored: as the raw F
/// with its factor q if p = 0 (a noise network under noise prediction), so that a step is one pass
/// over memory; otherwise one additional pass computes it. Stochastic solvers add c·z in the same
/// pass.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/sampler/constraint.hpp>
#include <scoresde/sampler/run.hpp>
#include <scoresde/solver/solver.hpp>

namespace scoresde::detail {

/// ε = −σ·s or x₀ = (x + σ²·s)/α as a form in (x, F); p is set to 0 where it is only rounding
/// error.
[[nodiscard]] inline ScoreForm prediction_form(Prediction prediction, MarginalProb p,
                                               ScoreForm score) {
  if (prediction == Prediction::noise) return {-p.std * score.state, -p.std * score.output};
  const double variance = p.std * p.std;
  double state = 1 + variance * score.state;
  if (std::abs(state) < 4 * std::numeric_limits<double>::epsilon()) state = 0;
  return {state / p.mean, variance * score.output / p.mean};
}

/// Data of a stage in addition to its coefficients.
struct StagePlan {
  MarginalProb marginal{};                          ///< of p(x_t | x_0) at its evaluation
  std::array<std::size_t, max_predictions> slot{};  ///< slot[j] holds D₋ⱼ
  bool keeps = false;                               ///< D₀ is used after this stage
};

/// The stages of a run.
class SolverRun {
 public:
  SolverRun() = default;

  /// Throws Error for coefficients that are not finite and for stages that store more than
  /// `history` predictions. marginal_at(t) is marginal_prob(t).
  template <class MarginalAt>
  SolverRun(const char* sampler, double begin, Prediction prediction,
            std::vector<SolverStage> stages, std::size_t history, const MarginalAt& marginal_at)
      : sampler_(sampler),
        begin_(begin),
        prediction_(prediction),
        stages_(std::move(stages)),
        plans_(stages_.size()) {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      check(i);
      if (!stages_[i].evaluates) continue;
      plans_[i].marginal = marginal_at(stages_[i].time.t);
      ++evaluations_;
    }
    assign_slots(history);
  }

  [[nodiscard]] const char* sampler() const { return sampler_; }
  [[nodiscard]] double begin() const { return begin_; }
  [[nodiscard]] Prediction prediction() const { return prediction_; }
  [[nodiscard]] const std::vector<SolverStage>& stages() const { return stages_; }
  [[nodiscard]] const StagePlan& plan(std::size_t i) const { return plans_[i]; }
  [[nodiscard]] std::size_t evaluations() const { return evaluations_; }
  /// The draw after the prior's and those of all stages.
  [[nodiscard]] std::uint64_t first_free_draw() const {
    std::uint64_t last = 0;
    for (const SolverStage& stage : stages_)
      if (stage.noise.coefficient != 0) last = std::max(last, stage.noise.draw);
    return last + 1;
  }

 private:
  void check(std::size_t i) const {
    const SolverStage& stage = stages_[i];
    double sum = std::abs(stage.state) + std::abs(stage.noise.coefficient);
    for (const double weight : stage.weights) sum += std::abs(weight);
    require(std::isfinite(sum), sampler_, ": the coefficients of stage ", i,
            ", from t = ", stage.time.t, " to ", stage.time.t_next,
            ", are not finite; this solver requires another grid");
  }

  /// Assigns every prediction a slot from its evaluation to the last stage that uses it.
  void assign_slots(std::size_t history) {
    std::vector<std::size_t> last_use;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i].evaluates) last_use.push_back(i);
      for (std::size_t j = 0; j < max_predictions && j < last_use.size(); ++j)
        if (stages_[i].weights[j] != 0) last_use[last_use.size() - 1 - j] = i;
    }
    std::vector<std::size_t> slot_of;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (stages_[i].evaluates) slot_of.push_back(free_slot(i, slot_of, last_use, history));
      for (std::size_t j = 0; j < max_predictions && j < slot_of.size(); ++j)
        plans_[i].slot[j] = slot_of[slot_of.size() - 1 - j];
      plans_[i].keeps = stages_[i].evaluates && last_use[slot_of.size() - 1] > i;
    }
  }

  [[nodiscard]] std::size_t free_slot(std::size_t i, const std::vector<std::size_t>& slot_of,
                                      const std::vector<std::size_t>& last_use,
                                      std::size_t history) const {
    std::array<bool, max_terms> taken{};
    for (std::size_t e = 0; e < slot_of.size(); ++e)
      if (last_use[e] >= i) taken[slot_of[e]] = true;
    std::size_t free = 0;
    while (free < history && taken[free]) ++free;
    require(free < history, sampler_, ": stage ", i, " of the solver stores more than ", history,
            " predictions; its history allows no more");
    return free;
  }

  const char* sampler_ = "";
  double begin_ = 0;
  Prediction prediction_ = Prediction::data;
  std::vector<SolverStage> stages_;
  std::vector<StagePlan> plans_;
  std::size_t evaluations_ = 0;
};

/// Executes the stages one at a time; `kept` stores the predictions.
template <class M, State X, class N>
class SolverStepper {
 public:
  SolverStepper(const SolverRun& table, M& model, X& x, const N& noise, std::span<X> kept)
      : table_(table), model_(model), x_(x), noise_(noise), kept_(kept) {}

  void step(std::size_t i) {
    const ScoreForm present = table_.stages()[i].evaluates ? predict(i) : ScoreForm{};
    move(i, present.state);
  }

 private:
  /// Evaluates D₀ into its slot: D₀ is factors_[slot] times the stored state, plus the returned
  /// form's state times x.
  ScoreForm predict(std::size_t i) {
    const StagePlan& plan = table_.plan(i);
    const double t = table_.stages()[i].time.t;
    X& output = kept_[plan.slot[0]];
    model_.evaluate(x_, t, output);
    ScoreForm form = prediction_form(table_.prediction(), plan.marginal, model_.score_form(t));
    if (plan.keeps && form.state != 0) {
      assign(output, {{form.state, x_}, {form.output, output}});
      form = {0, 1};
    }
    factors_[plan.slot[0]] = form.output;
    return form;
  }

  /// x ← state·x + Σⱼ weights[j]·D₋ⱼ + c·z, where D₀ includes the term `present`·x.
  void move(std::size_t i, double present) {
    const SolverStage& stage = table_.stages()[i];
    std::array<Term<X>, max_terms> terms;
    terms[0] = {stage.state + stage.weights[0] * present, &x_};
    std::size_t used = 1;
    for (std::size_t j = 0; j < max_predictions; ++j) {
      if (stage.weights[j] == 0) continue;
      const std::size_t slot = table_.plan(i).slot[j];
      terms[used++] = {stage.weights[j] * factors_[slot], &kept_[slot]};
    }
    if (stage.noise.coefficient == 0)
      backend(x_).assign(x_, std::span<const Term<X>>(terms.data(), used), NoiseTerm{});
    else
      with_noise(stage.noise, [&](const auto& z) { add(terms, used, stage.noise.coefficient, z); });
  }

  /// Calls use(z). Noise that increases t (churn) is not an increment of the decreasing path, so it
  /// is drawn by index.
  template <class Use>
  void with_noise(const StageNoise& wanted, const Use& use) const {
    if (wanted.time.t_next > wanted.time.t)
      use(noise_.draw(wanted.draw));
    else
      with_step_noise<X>(noise_, wanted.draw, wanted.time, wanted.coefficient, use);
  }

  void add(std::array<Term<X>, max_terms>& terms, std::size_t used, double c, NoiseDraw z) {
    backend(x_).assign(x_, std::span<const Term<X>>(terms.data(), used), NoiseTerm{c, z});
  }
  void add(std::array<Term<X>, max_terms>& terms, std::size_t used, double c, const X& z) {
    require(used < max_terms, table_.sampler(), ": ", used,
            " terms in addition to recorded noise; at most ", max_terms - 1, " are allowed");
    terms[used] = {c, &z};
    backend(x_).assign(x_, std::span<const Term<X>>(terms.data(), used + 1), NoiseTerm{});
  }

  const SolverRun& table_;
  M& model_;
  X& x_;
  const N& noise_;
  std::span<X> kept_;
  std::array<double, max_terms> factors_{};
};

/// The run itself, compiled once per combination of model, state, noise, observer and constraint.
template <class M, State X, class N, class O, class Q>
SamplerStatistics run_stages(const SolverRun& table, M& model, X& x, const N& noise,
                             std::span<X> kept, std::span<double> row, O& observer, Q& constraint) {
  const std::vector<SolverStage>& stages = table.stages();
  for (const SolverStage& stage : stages)
    if (stage.evaluates) check_score_form(table.sampler(), model, stage.time.t);
  SamplerRun<X, O> run(table.sampler(), stages.size(), table.begin(), x, row, observer);
  SolverStepper<M, X, N> stepper(table, model, x, noise, kept);
  ConstrainedRun<Q, M, X, N> constrained(constraint, model, x, noise);
  std::uint64_t draw = table.first_free_draw();
  constrained.start(table.begin());
  for (std::size_t i = 0; i < stages.size() && !run.stopped(); ++i) {
    constrained.updates();
    stepper.step(i);
    constrained.updated(stages[i].time, draw);
    run.nfe += stages[i].evaluates ? 1 : 0;
    run.took(stages[i].time, x);
  }
  if (!run.stopped()) constrained.finish();
  return run.finish();
}

}  // namespace scoresde::detail
