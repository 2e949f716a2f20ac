// SPDX-License-Identifier: MIT
/// LinearClassifier: the exact noise-conditional classifier of Gaussian classes of one variance.
///
///   ℓ_k(x, t) = Σ m μ_k x/q − ½ Σ m² μ_k²/q + ln w_k,   q = m² v + s²,   m, s of the marginal at t
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/host_state.hpp>

/// `means` has a row per class; `variances` are those of the elements, the same in all classes.
template <class S>
struct LinearClassifier {
  using Batch = scoresde::HostState<double>;
  S sde;
  std::vector<double> weights, means, variances;

  [[nodiscard]] std::size_t classes() const { return weights.size(); }
  void logits(const Batch& x, double t, std::span<double> out) const {
    logits(x, std::vector<double>(x.extents().samples, t), out);
  }
  void logits(const Batch& x, std::span<const double> times, std::span<double> out) const {
    const auto [samples, dim] = x.extents();
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t c = 0; c < classes(); ++c) {
        double& logit = out[k * classes() + c] = std::log(weights[c]);
        const double m = sde.marginal_prob(times[k]).mean;
        for (std::size_t e = 0; e < dim; ++e)
          logit += slope(times[k], c, e) * (x(k, e) - 0.5 * m * means[c * dim + e]);
      }
  }
  void vjp(const Batch& x, double t, std::span<const double> v, Batch& out) const {
    vjp(x, std::vector<double>(x.extents().samples, t), v, out);
  }
  void vjp(const Batch& x, std::span<const double> times, std::span<const double> v,
           Batch& out) const {
    const auto [samples, dim] = x.extents();
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t e = 0; e < dim; ++e) {
        out(k, e) = 0;
        for (std::size_t c = 0; c < classes(); ++c)
          out(k, e) += v[k * classes() + c] * slope(times[k], c, e);
      }
  }

 private:
  /// ∂ℓ_c/∂x_e.
  [[nodiscard]] double slope(double t, std::size_t c, std::size_t e) const {
    const auto [m, s] = sde.marginal_prob(t);
    return m * means[c * variances.size() + e] / (m * m * variances[e] + s * s);
  }
};
