// SPDX-License-Identifier: MIT
/// WithPriorMean: an SDE whose prior is centered at the mean of the perturbed data.
///
///   p_T ≈ N(mean(T)·E[x₀], prior_std²·I)
///
/// From p(x_t | x₀) of Song et al. 2021 (arXiv:2011.13456), eq. 29. The mean of N(0, prior_std²·I)
/// is off by mean(T)·E[x₀]. Under VP that is 0.7 % of the mean of the data. Under VE, where mean(T)
/// = 1, it is all of it, which matters for images in [0, 1] unless σ_max is large in comparison.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/sde/sde.hpp>

namespace scoresde {

/// S with a prior_mean; all other members, including optional ones, are those of S.
template <class S>
class WithPriorMean : public S {
  static_assert(SdeArgument<S>::checked);

 public:
  /// A single mean for all elements of the data. Throws Error unless it is finite.
  WithPriorMean(S sde, double data_mean)
      : WithPriorMean(std::move(sde), std::vector<double>{data_mean}) {}
  /// E[x₀], element by element. Throws Error if it is empty or has a non-finite entry.
  WithPriorMean(S sde, std::vector<double> data_mean)
      : S(std::move(sde)), prior_mean_(std::move(data_mean)) {
    require(!prior_mean_.empty(), "prior mean: 0 elements given; 1 or dim are needed");
    const double factor = S::marginal_prob(S::t_max()).mean;
    for (double& value : prior_mean_) {
      require(std::isfinite(value), "prior mean: the data's mean is ", value,
              "; it must be finite");
      value *= factor;
    }
  }

  /// mean(T)·E[x₀]: a single value for all elements, or one per element.
  [[nodiscard]] std::span<const double> prior_mean() const { return prior_mean_; }

 private:
  std::vector<double> prior_mean_;
};

}  // namespace scoresde
