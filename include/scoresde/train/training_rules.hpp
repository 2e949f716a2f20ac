// SPDX-License-Identifier: MIT
/// Rules common to the engines of all backends: the convention of a loss, valid batches and finite
/// steps.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/nn/graph/parameters.hpp>

namespace scoresde {

/// Statistics of one update.
struct StepReport {
  double loss = 0;           ///< mean over the batch
  double gradient_norm = 0;  ///< before clipping
  double learning_rate = 0;
  bool finite = true;  ///< false: the step was skipped (TrainingConfigurationWith::skip_limit)
};

/// Whether a loss can train a network with this label convention.
template <class Loss, class Convention>
inline constexpr bool trains_convention =
    nn::LevelConvention<Loss> == nn::LevelConvention<Convention>;

template <class Loss, class Convention>
inline constexpr bool shares_sigma_data = requires(const Loss& loss, const Convention& c) {
  loss.sigma_data == c.sigma_data;
};

/// The convention with the loss's σ_d, where both have one.
template <class Convention, class Loss>
[[nodiscard]] Convention convention_for([[maybe_unused]] const Loss& loss) {
  Convention convention{};
  if constexpr (shares_sigma_data<Loss, Convention>) convention.sigma_data = loss.sigma_data;
  return convention;
}

/// Initial parameters by the network's rules.
template <class Scalar>
[[nodiscard]] std::vector<Scalar> initial_parameters(const nn::ParameterTable& table,
                                                     std::uint64_t seed) {
  std::vector<Scalar> parameters(table.size());
  nn::initialize(table, std::span<Scalar>(parameters), seed);
  return parameters;
}

/// Throws Error unless the network's batch can process them at once or in equal parts.
inline void require_samples(std::size_t samples, std::size_t network_batch) {
  require(samples > 0 && (samples <= network_batch || samples % network_batch == 0),
          "training: the batch has ", samples, " images; it must be at most ", network_batch,
          " or a multiple of it");
}

/// Throws Error unless `shards` are none, 0, or 2ᵏ for each of the ranks, so that those of a rank
/// are a subtree of the sum; one rank can have any number.
inline void require_shards(std::size_t shards, std::size_t ranks) {
  require(shards == 0 || ranks == 1 || (shards % ranks == 0 && std::has_single_bit(shards / ranks)),
          "training: gradient_shards is ", shards, "; with ", ranks, " ranks it must be ", ranks,
          " times a power of two");
}

/// The shards of a rank, 1 without any.
[[nodiscard]] inline std::size_t shards_of_rank(std::size_t shards, std::size_t ranks) {
  return shards == 0 ? 1 : shards / ranks;
}

/// Throws Error unless a rank's part of a batch can be divided into its shards, and each of those
/// as require_samples demands.
inline void require_shardable(std::size_t samples, std::size_t shards, std::size_t network_batch) {
  require(samples % shards == 0, "training: a rank has ", samples,
          " images of the batch; they must be a multiple of its ", shards, " gradient shards");
  require_samples(samples / shards, network_batch);
}

/// Throws Error unless a batch of `size` elements can be divided into the shards of a rank as
/// require_shardable demands.
inline void require_batch(std::size_t size, std::size_t dim, std::size_t shards,
                          std::size_t network_batch) {
  require(size > 0 && size % dim == 0, "training: the batch has ", size,
          " elements; it must be a positive multiple of ", dim);
  require_shardable(size / dim, shards, network_batch);
}

/// Whether a step may change the state.
[[nodiscard]] inline bool is_finite_step(double loss, double norm) {
  return std::isfinite(loss) && std::isfinite(norm);
}

/// Throws Error for a step that must not change the state, the last of `in_row` such steps.
inline void require_finite_step(std::uint64_t step, double loss, double norm,
                                std::uint64_t in_row = 1) {
  require(is_finite_step(loss, norm), "training: at step ", step, " the loss is ", loss,
          " and the gradient's norm ", norm,
          in_row > 1 ? text(", as in ", in_row - 1, " steps before it") : "",
          "; both must be finite (the state is unchanged; check the images for "
          "NaN or lower the learning rate)");
}

}  // namespace scoresde
