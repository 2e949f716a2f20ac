// SPDX-License-Identifier: MIT
/// A linear inverse problem on Gaussian data, and its exact posterior.
///
///   x₀ ~ N(μ, C),   y = A x₀ + σ n:   K = C Aᵀ (A C Aᵀ + σ² I)⁻¹
///   E[x₀ | y] = μ + K (y − A μ),   Cov[x₀ | y] = C − K A C
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/score/gaussian.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/chain_moments.hpp>

#include "support/states.hpp"

namespace gaussian_problem {

using Matrix = std::vector<double>;  // in row-major order
using Batch = scoresde::HostState<double>;
using scoresde::test::difference;

inline Matrix product(const Matrix& a, const Matrix& b, std::size_t rows, std::size_t inner,
                      std::size_t columns) {
  Matrix c(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < columns; ++j)
        c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return c;
}

inline Matrix transposed(const Matrix& a, std::size_t rows, std::size_t columns) {
  Matrix b(a.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) b[j * rows + i] = a[i * columns + j];
  return b;
}

/// The inverse of a symmetric positive definite matrix, and the logarithm of its determinant.
struct Inverse {
  Matrix matrix;
  double log_determinant = 0;
};
inline Inverse inverse(const Matrix& a, std::size_t n) {
  const auto [values, vectors] = scoresde::symmetric_eigen(a, n);
  Inverse result{Matrix(n * n)};
  for (std::size_t l = 0; l < n; ++l) {
    result.log_determinant += std::log(values[l]);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        result.matrix[i * n + j] += vectors[l * n + i] * vectors[l * n + j] / values[l];
  }
  return result;
}

struct Problem {
  std::vector<double> mean, covariance, matrix;  ///< of the data, d and d×d; m×d
  std::vector<double> y;
  double noise_std = 0;
  std::vector<double> posterior_mean{}, posterior_covariance{};
  double log_evidence = 0;

  [[nodiscard]] std::size_t dim() const { return mean.size(); }
  [[nodiscard]] std::size_t rows() const { return y.size(); }
  [[nodiscard]] Batch measurement(std::size_t samples) const {
    Batch state({samples, rows()});
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t i = 0; i < rows(); ++i) state(k, i) = y[i];
    return state;
  }

  void solve() {
    const std::size_t d = dim(), m = rows();
    const Matrix at = transposed(matrix, m, d);
    Matrix s = product(product(matrix, covariance, m, d, d), at, m, d, m);
    for (std::size_t i = 0; i < m; ++i) s[i * m + i] += noise_std * noise_std;
    const Inverse inverted = inverse(s, m);
    const Matrix gain = product(product(covariance, at, d, d, m), inverted.matrix, d, m, m);
    Matrix residual = product(matrix, mean, m, d, 1);
    for (std::size_t i = 0; i < m; ++i) residual[i] = y[i] - residual[i];
    posterior_mean = product(gain, residual, d, m, 1);
    for (std::size_t i = 0; i < d; ++i) posterior_mean[i] += mean[i];
    posterior_covariance = covariance;
    const Matrix known = product(gain, product(matrix, covariance, m, d, d), d, m, d);
    for (std::size_t i = 0; i < d * d; ++i) posterior_covariance[i] -= known[i];
    const Matrix weighted = product(inverted.matrix, residual, m, m, 1);
    log_evidence =
        -0.5 * (inverted.log_determinant + static_cast<double>(m) * std::log(2 * std::numbers::pi));
    for (std::size_t i = 0; i < m; ++i) log_evidence -= 0.5 * residual[i] * weighted[i];
  }
};

/// The problem as the methods take it, with a row of measurements for each of `samples` samples.
struct Measured {
  Measured(const Problem& p, std::size_t samples)
      : op(p.matrix, p.rows(), p.dim()), y(p.measurement(samples)), problem(op, y, p.noise_std) {}
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;

  scoresde::DenseOperator op;
  Batch y;
  scoresde::LinearProblem<scoresde::DenseOperator, Batch> problem;
};

/// Four dimensions, of which two combinations are measured.
inline Problem problem(double noise_std) {
  Problem p{.mean = {0.5, -0.3, 0.2, 0.1},
            .covariance = {1.0, 0.5, 0.2, 0.0,   //
                           0.5, 0.8, 0.1, 0.1,   //
                           0.2, 0.1, 0.6, -0.2,  //
                           0.0, 0.1, -0.2, 0.7},
            .matrix = {1, 0.5, 0, 0.25,  //
                       0, 0.5, -1, 0.5},
            .y = {1.2, -0.8},
            .noise_std = noise_std};
  p.solve();
  return p;
}

/// The posterior diffused to time t: x_t of x₀ ~ N(E[x₀ | y], Cov[x₀ | y]).
template <class S>
scoresde::testing::Moments diffused(const Problem& p, const S& sde, double t) {
  const auto [m, s] = sde.marginal_prob(t);
  scoresde::testing::Moments moments{p.posterior_mean, p.posterior_covariance};
  for (double& value : moments.mean) value *= m;
  for (double& value : moments.covariance) value *= m * m;
  for (std::size_t i = 0; i < p.dim(); ++i) moments.covariance[i * p.dim() + i] += s * s;
  return moments;
}

/// N(0, std² I).
inline scoresde::testing::Moments isotropic(std::size_t d, double std) {
  scoresde::testing::Moments moments{std::vector<double>(d), Matrix(d * d)};
  for (std::size_t i = 0; i < d; ++i) moments.covariance[i * d + i] = std * std;
  return moments;
}

/// The weighted or plain moments of the samples of a batch.
inline scoresde::testing::Moments sample_moments(const Batch& x,
                                                 const std::vector<double>& w = {}) {
  const auto [n, d] = x.extents();
  scoresde::testing::Moments moments{std::vector<double>(d), Matrix(d * d)};
  const auto weight = [&, n = n](std::size_t k) {
    return w.empty() ? 1 / static_cast<double>(n) : w[k];
  };
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < d; ++i) moments.mean[i] += weight(k) * x(k, i);
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j)
        moments.covariance[i * d + j] +=
            weight(k) * (x(k, i) - moments.mean[i]) * (x(k, j) - moments.mean[j]);
  return moments;
}

/// Root mean squares of the differences in mean and covariance.
struct Bias {
  double mean = 0, covariance = 0;
};
inline Bias difference(const scoresde::testing::Moments& found,
                       const scoresde::testing::Moments& wanted) {
  return {scoresde::testing::rms_difference(found.mean, wanted.mean),
          scoresde::testing::rms_difference(found.covariance, wanted.covariance)};
}
inline Bias bias(const scoresde::testing::Moments& found, const Problem& p) {
  return difference(found, scoresde::testing::Moments{p.posterior_mean, p.posterior_covariance});
}

}  // namespace gaussian_problem
