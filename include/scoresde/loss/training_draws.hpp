// SPDX-License-Identifier: MIT
/// TrainingDraws: the names of all random numbers of a training step.
///
/// They depend only on seed, step and position in the batch, so a run that resumes, or that splits
/// a batch into parts or over machines, uses the same numbers as an uninterrupted one.
#pragma once

#include <cstdint>

#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// Sample k of the current batch is image first_sample + k of the whole batch of the step.
struct TrainingDraws {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  ///< number of preceding updates
  std::uint32_t first_sample = 0;

  /// Element 0 of each sample is the uniform number for t.
  [[nodiscard]] constexpr NoiseDraw time() const { return draw(Purpose::training_time); }
  /// z of x_t = mean·x_0 + std·z.
  [[nodiscard]] constexpr NoiseDraw noise() const { return draw(Purpose::training_noise); }
  [[nodiscard]] constexpr NoiseDraw dropout() const { return draw(Purpose::dropout); }
  /// Element 0 of each sample is the uniform number for label_dropout.
  [[nodiscard]] constexpr NoiseDraw label_dropout() const { return draw(Purpose::label_dropout); }

 private:
  [[nodiscard]] constexpr NoiseDraw draw(Purpose purpose) const {
    return Noise{.seed = seed, .first_sample = first_sample, .purpose = purpose}.draw(step);
  }
};

}  // namespace scoresde
