// SPDX-License-Identifier: MIT
/// What a run keeps fixed in addition to network, SDE and data. registry/run_configuration.hpp has
/// its text form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/optimizer.hpp>

namespace scoresde {

/// What a run keeps fixed in addition to network, SDE and data.
template <class Loss, class O = Adam>
struct TrainingConfigurationWith {
  static_assert(
      Optimizer<O>,
      "training: this is not an optimizer; it needs validate(), learning_rate_at(updates) "
      "returning double, and coefficients<T>(updates, norm, ema_decay) returning the "
      "functions update(theta, m, v, gradient) and move_average(average, theta)");

  std::uint64_t seed = 0;
  Loss loss{};
  O optimizer{};
  ExponentialMovingAverage ema{};
  /// Averages kept in addition: first those of EmaSchedule::power, of which two suffice for
  /// reconstruction after the run, then those of EmaSchedule::ramp.
  std::vector<ExponentialMovingAverage> ema_tracks{};
  double label_dropout = 0;  ///< share of samples whose class is kept from the network
  /// Number of consecutive steps with a loss or gradient that is not finite that are skipped: they
  /// change nothing but the number of the step, and so the next images and noise. The step after
  /// them, if it is not finite either, throws; with 0 the first one does.
  std::uint32_t skip_limit = 0;
  /// Equal parts of a batch whose gradients and losses are added in a fixed tree (TreeSum), so that
  /// any number of ranks computes the same bits; 0: each rank adds its part in order.
  std::size_t gradient_shards = 0;

  /// Throws Error naming the setting that is out of range.
  void validate() const {
    optimizer.validate();
    ema.validate();
    EmaSchedule last = EmaSchedule::power;
    for (const ExponentialMovingAverage& track : ema_tracks) {
      track.validate();
      require(track.schedule == last || track.schedule == EmaSchedule::ramp,
              "training: ema_tracks holds an average of another schedule or out of order; all must "
              "be of EmaSchedule::power, then of EmaSchedule::ramp");
      last = track.schedule;
    }
    require(label_dropout >= 0 && label_dropout <= 1, "training: label_dropout is ", label_dropout,
            "; it must lie in [0, 1]");
  }
};

/// With score matching in continuous time.
using TrainingConfiguration = TrainingConfigurationWith<DenoisingScoreMatching>;

}  // namespace scoresde
