// SPDX-License-Identifier: MIT
/// TrainingDraws: the names of all random numbers of one training step.
///
/// They are a function of (seed, step, place in the batch) alone, so a run that resumes, or one
/// that splits a batch into parts or over machines, draws what an uninterrupted one draws.
#pragma once

#include <cstdint>

#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// Sample k of the batch at hand is picture first_sample + k of the whole batch of that step.
struct TrainingDraws {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;  ///< updates done before
  std::uint32_t first_sample = 0;

  /// Element 0 of each sample is its uniform for t.
  [[nodiscard]] constexpr NoiseDraw time() const { return draw(Purpose::training_time); }
  /// z of x_t = mean·x_0 + std·z.
  [[nodiscard]] constexpr NoiseDraw noise() const { return draw(Purpose::training_noise); }
  [[nodiscard]] constexpr NoiseDraw dropout() const { return draw(Purpose::dropout); }
  /// Element 0 of each sample is its uniform for label_dropout.
  [[nodiscard]] constexpr NoiseDraw label_dropout() const { return draw(Purpose::label_dropout); }

 private:
  [[nodiscard]] constexpr NoiseDraw draw(Purpose purpose) const {
    return Noise{.seed = seed, .first_sample = first_sample, .purpose = purpose}.draw(step);
  }
};

}  // namespace scoresde
