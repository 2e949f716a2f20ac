// SPDX-License-Identifier: MIT
/// VE with the noise levels that an SMLD network is trained on.
///
///   σ_i = exp(linspace(ln σ_min, ln σ_max, N)),   level i at t_i = i/(N − 1),   σ(t_i) = σ_i
///
/// Song and Ermon 2019 (arXiv:1907.05600), section 3; Song et al. 2021 (arXiv:2011.13456), eq. 20.
/// A step over several levels is SMLD's chain with the intermediate levels omitted, x_j = x_i +
/// √(σ_j² − σ_i²) z, which equals VE's transition. DiscreteVeSde supports only steps of one level.
#pragma once

#include <cstddef>

#include <scoresde/sde/discrete_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>

namespace scoresde {

class SmldSde : public VeSde {
 public:
  /// Throws Error for fewer than 2 training steps or a schedule that VeSde rejects.
  explicit SmldSde(std::size_t training_steps, SigmaSchedule schedule = {})
      : VeSde(schedule), count_(training_steps) {
    require(count_ >= 2, "SMLD SDE: ", count_, " training steps given; at least 2 are needed");
  }

  /// N.
  [[nodiscard]] std::size_t training_steps() const { return count_; }
  /// t_i. Throws Error for i ≥ N.
  [[nodiscard]] double training_time(std::size_t i) const {
    require(i < count_, "SMLD SDE: level ", i, " requested; the last is ", count_ - 1);
    return static_cast<double>(i) / static_cast<double>(count_ - 1);
  }

 private:
  std::size_t count_;
};

static_assert(DiscreteSde<SmldSde>);

}  // namespace scoresde
