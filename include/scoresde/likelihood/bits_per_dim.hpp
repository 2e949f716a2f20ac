// SPDX-License-Identifier: MIT
/// Bits per dimension of discrete images, from log-densities in nats.
///
///   bits = (log q(x|k) − log p(x))/(D ln 2),   an upper bound of −log₂ P(k)/D in the mean over q
///
/// Song et al. 2021 (arXiv:2011.13456), appendix D.2. Under uniform dequantization of 256 levels
/// log q is 8 bits per dimension for models on [0, 1] and 7 for models on [−1, 1]; here the type of
/// the dequantization supplies it, so no offset is passed.
#pragma once

#include <concepts>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/likelihood/dequantization.hpp>

namespace scoresde {

/// nats/(D ln 2).
[[nodiscard]] constexpr double bits_of_nats(double nats, std::size_t dim) {
  return nats / (static_cast<double>(dim) * std::numbers::ln2);
}

/// The bits per dimension of every image of a dequantized batch. Throws Error unless log_p has one
/// entry per sample.
template <class D>
[[nodiscard]] std::vector<double> bits_per_dim(std::span<const double> log_p,
                                               const DequantizedBatch<D>& batch) {
  require(log_p.size() == batch.log_q.size(), "bits per dim: ", log_p.size(),
          " log-likelihoods for ", batch.log_q.size(),
          " dequantized samples; there must be one per sample");
  std::vector<double> bits;
  for (std::size_t k = 0; k < log_p.size(); ++k)
    bits.push_back(bits_of_nats(batch.log_q[k] - log_p[k], batch.dim));
  return bits;
}

/// The same for a dequantization with one log q for all points, as the uniform one has. Throws
/// Error for dim = 0.
template <class D>
[[nodiscard]] std::vector<double> bits_per_dim(std::span<const double> log_p,
                                               const D& dequantization, std::size_t dim) {
  static_assert(
      requires {
        requires DataScaling<typename D::Scaling>;
        { dequantization.log_density(dim) } -> std::same_as<double>;
      },
      "bits_per_dim: the second argument must name the data's dequantization and scaling, "
      "UniformDequantization<Centered> or UniformDequantization<UnitInterval>, not an offset; "
      "other dequantizations return a DequantizedBatch");
  require(dim > 0, "bits per dim: dim is 0; it must be positive");
  return bits_per_dim(
      log_p,
      DequantizedBatch<D>{dim, std::vector<double>(log_p.size(), dequantization.log_density(dim))});
}

}  // namespace scoresde
