// SPDX-License-Identifier: MIT
/// The exact mean and covariance of a sampler's result for Gaussian data, without sampling.
///
///   x = c + A x_T + Σᵢ Bᵢ zᵢ   ⇒   E x = c + A E x_T,   Cov x = A C_T Aᵀ + Σᵢ Bᵢ Bᵢᵀ
///
/// With the affine score of Gaussian data, every step of a sampler is affine in x, in the stored
/// predictions and in its normals, so a run over unit vectors yields c, A and all Bᵢ. Weak order:
/// Kloeden & Platen, Numerical Solution of Stochastic Differential Equations, section 9.7.
/// Correctors whose step depends on norms (Langevin) are not affine.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde::testing {

struct Moments {
  std::vector<double> mean;
  std::vector<double> covariance;  ///< d×d in row-major order
};

namespace detail {

/// A noise source: draw i holds the unit vectors in samples 1 + dim·i … and 0 in all others.
class UnitNoise {
 public:
  using X = HostState<double>;
  explicit UnitNoise(Extents shape) : state_(shape) {}

  /// Throws Error if the batch has no samples for the draw.
  [[nodiscard]] const X& draw(std::uint64_t index) const {
    const std::size_t dim = state_.extents().dim, wanted = 1 + dim * index;
    scoresde::require(wanted + dim <= state_.extents().samples, "chain moments: draw ", index,
                      " is requested; the batch has samples for draws up to ",
                      (state_.extents().samples - 1) / dim - 1, " only");
    mark(0);
    row_ = wanted;
    mark(1);
    return state_;
  }

 private:
  void mark(double value) const {
    for (std::size_t e = 0; e < state_.extents().dim; ++e)
      if (row_ > 0) state_(row_ + e, e) = value;
  }
  mutable X state_;
  mutable std::size_t row_ = 0;
};

/// The lower triangular L with L Lᵀ = c, by Cholesky decomposition. Throws Error unless c is
/// positive definite.
[[nodiscard]] inline std::vector<double> cholesky(const std::vector<double>& c, std::size_t d) {
  std::vector<double> l(d * d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = c[i * d + j];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * d + k] * l[j * d + k];
      scoresde::require(i != j || sum > 0,
                        "chain moments: the covariance of start is not positive "
                        "definite");
      l[i * d + j] = i == j ? std::sqrt(sum) : sum / l[j * d + j];
    }
  return l;
}

}  // namespace detail

/// The moments of the result of sampler.integrate for an x_T with moments `start`, under a model
/// whose output is affine in x. Runs (nfe() + 1)·d + 1 samples. Throws Error for mismatched sizes
/// in `start` and unless its covariance is positive definite.
template <class Sampler, class Model>
[[nodiscard]] Moments chain_moments(const Sampler& sampler, Model& model, const Moments& start) {
  using X = HostState<double>;
  const std::size_t d = start.mean.size(), samples = 1 + d * (1 + sampler.nfe());
  scoresde::require(d > 0 && start.covariance.size() == d * d, "chain moments: a mean of ", d,
                    " elements and a covariance of ", start.covariance.size(),
                    "; it must have d x d");
  const std::vector<double> root = detail::cholesky(start.covariance, d);
  X x({samples, d});
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t e = 0; e < d; ++e)
      x(k, e) = start.mean[e] + (k >= 1 && k <= d ? root[e * d + k - 1] : 0);
  Workspace<X, Sampler::buffers> work(x);
  sampler.integrate(model, x, detail::UnitNoise({samples, d}), work);
  Moments result{{x[0].begin(), x[0].end()}, std::vector<double>(d * d)};
  for (std::size_t k = 1; k < samples; ++k)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j)
        result.covariance[i * d + j] += (x(k, i) - result.mean[i]) * (x(k, j) - result.mean[j]);
  return result;
}

/// The root mean square of the difference between two lists of equal length.
[[nodiscard]] inline double rms_difference(std::span<const double> a, std::span<const double> b) {
  scoresde::require(a.size() == b.size() && !a.empty(), "rms difference: ", a.size(), " and ",
                    b.size(), " numbers; both lists must have the same length, at least 1");
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace scoresde::testing
