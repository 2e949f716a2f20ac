// SPDX-License-Identifier: MIT
/// StepStatistics: an observer that records the measurements of every step.
///
///   steps:         ‖x‖₂
///   corrections:   ‖∇log p_t(x)‖₂, ‖z‖₂, ε, and the ratio of the norms of the step's two terms
///   attempts:      lengths and errors of the trial steps of adaptive samplers
///
/// Song et al. 2021 (arXiv:2011.13456), algorithms 4 and 5, set ε by the ratio measured here.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/observer/observer.hpp>

namespace scoresde {

/// A number per sample: the mean, and the individual numbers if requested.
struct Measured {
  double mean = 0;
  std::vector<double> samples;
};

/// Allocates when it grows; on_start clears it.
class StepStatistics {
 public:
  struct Step {
    TimeStep time;
    std::size_t nfe = 0;  ///< evaluations of the model so far
    Measured norm;        ///< ‖x‖₂ after the step
  };
  struct Correction {
    double t = 0;
    Measured score_norm, noise_norm, step_size, snr;  ///< as in CorrectionStep
  };
  struct Attempt {
    std::size_t sample = 0;  ///< 0 for Scope::batch
    TimeStep time;
    double error = 0;  ///< the scaled error, which must not exceed 1
    bool accepted = false;
  };

  /// With per_sample, the norms of every sample are stored in addition to their mean.
  explicit StepStatistics(bool per_sample = false) : per_sample_(per_sample) {}

  template <State X>
  void on_start(const ObservedStep&, const X& x) {
    steps_.clear();
    corrections_.clear();
    attempts_.clear();
    norms_.resize(extents(x).samples);
  }
  template <State X>
  void on_step(const ObservedStep& step, const X& x) {
    const Term<X> whole{1, &x};
    backend(x).norms(std::span<const Term<X>>(&whole, 1), norms_);
    steps_.push_back({step.time, step.nfe, measured(norms_)});
  }
  template <State X>
  void on_correction(const CorrectionStep& step, const X&) {
    corrections_.push_back({step.t, measured(step.score_norm), measured(step.noise_norm),
                            measured(step.step_size), measured(step.snr)});
  }
  template <State X>
  void on_attempt(const StepAttempts& tried, const X&) {
    for (std::size_t k = 0; k < tried.t.size(); ++k)
      if (tried.t[k] != tried.t_next[k])
        attempts_.push_back(
            {k, {tried.t[k], tried.t_next[k]}, tried.error[k], tried.accepted[k] != 0});
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const std::vector<Correction>& corrections() const { return corrections_; }
  /// Attempts of adaptive samplers; finished samples make none.
  [[nodiscard]] const std::vector<Attempt>& attempts() const { return attempts_; }

 private:
  [[nodiscard]] Measured measured(std::span<const double> values) const {
    Measured result;
    for (const double value : values) result.mean += value / static_cast<double>(values.size());
    if (per_sample_) result.samples.assign(values.begin(), values.end());
    return result;
  }

  bool per_sample_;
  std::vector<double> norms_;
  std::vector<Step> steps_;
  std::vector<Correction> corrections_;
  std::vector<Attempt> attempts_;
};

}  // namespace scoresde
