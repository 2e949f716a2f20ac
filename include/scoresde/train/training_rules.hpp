// SPDX-License-Identifier: MIT
/// What every trainer holds to, whatever its device: which settings go together, what a batch may
/// be, what the network is told of it, and that a step must be finite.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/loss/training_draws.hpp>
#include <scoresde/nn/label_convention.hpp>
#include <scoresde/nn/ops.hpp>
#include <scoresde/nn/parameters.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/label_dropout.hpp>

namespace scoresde {

/// What one update did.
struct StepReport {
  double loss = 0;           ///< mean over the batch
  double gradient_norm = 0;  ///< before clipping
  double learning_rate = 0;
};

namespace detail {

/// Whether a loss and the label convention of its networks go together.
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

/// By the network's rules.
template <class Scalar>
[[nodiscard]] std::vector<Scalar> initial_parameters(const nn::ParameterTable& table,
                                                     std::uint64_t seed) {
  std::vector<Scalar> parameters(table.size());
  nn::initialize(table, std::span<Scalar>(parameters), seed);
  return parameters;
}

/// Throws Error for settings out of range, or that do not go together. `classes`: how many the
/// network may be told.
template <class Loss, class S, class Convention>
void check_training(const TrainingConfigurationWith<Loss>& configuration, const S& sde,
                    [[maybe_unused]] const Convention& convention, std::size_t classes) {
  configuration.check();
  configuration.loss.check(sde);
  require(configuration.label_dropout == 0 || classes > 0, "training: label_dropout is ",
          configuration.label_dropout, "; the network is told no classes (num_class_embeds is 0)");
  if constexpr (shares_sigma_data<Loss, Convention>)
    require(configuration.loss.sigma_data == convention.sigma_data, "training: sigma_data is ",
            configuration.loss.sigma_data, " in the loss and ", convention.sigma_data,
            " in the preconditioning; both must be the data's");
}

/// Throws Error unless the network's batch takes them at once or in equal parts.
inline void require_samples(std::size_t samples, std::size_t network_batch) {
  require(samples > 0 && (samples <= network_batch || samples % network_batch == 0),
          "training: the batch has ", samples, " images; it must be at most ", network_batch,
          " or a multiple of it");
}

/// The images of a batch of `size` elements. Throws Error as require_samples does.
[[nodiscard]] inline std::size_t checked_samples(std::size_t size, std::size_t dim,
                                                 std::size_t network_batch) {
  require(size > 0 && size % dim == 0, "training: the batch has ", size,
          " elements; it must be a positive multiple of ", dim);
  require_samples(size / dim, network_batch);
  return size / dim;
}

/// The classes of the batch as a network that may be told `count` is told them in a step. Throws
/// Error unless there is one for each sample, or none where none is told.
inline void tell_classes(std::span<const std::uint32_t> classes, std::size_t count, double dropout,
                         const TrainingDraws& draws, std::span<std::uint32_t> told) {
  const std::size_t wanted = count > 0 ? told.size() : 0;
  require(classes.size() == wanted, "training: ", classes.size(), " classes for ", told.size(),
          " images; the network is told ", count, " classes, so there must be ", wanted);
  for (const std::uint32_t c : classes)
    require(c < count || c == nn::no_class, "training: there is no class ", c, "; there are ",
            count, ", from 0");
  drop_labels(classes, dropout, draws.label_dropout(), told);
}

/// Throws Error for a step that may not change the state.
inline void require_finite_step(std::uint64_t step, double loss, double norm) {
  require(std::isfinite(loss) && std::isfinite(norm), "training: at step ", step, " the loss is ",
          loss, " and the gradient's norm ", norm,
          "; both must be finite. The state is as before the step: check the images for "
          "NaN or lower the learning rate");
}

}  // namespace detail
}  // namespace scoresde
