// SPDX-License-Identifier: MIT
/// The results of an ablation as a table and as comma-separated values.
///
///   loss = (1/N) Σₖ lₖ,   difference = (1/N) Σₖ (lₖ − bₖ),   standard errors s/√N
///
/// with the losses lₖ of a network and bₖ of the base on the same N images and noise: images and
/// noise that are difficult for one network are difficult for the other, so differences have
/// smaller errors than losses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/training.hpp"

namespace programs {

/// One network, or the base with another average.
struct AblationResult {
  std::string name{}, field{}, value{};  ///< "fir=false", "fir", "false"; "base" and empty ones
  std::size_t parameters = 0;
  std::uint64_t steps = 0, images = 0;
  double seconds = 0;                  ///< of training
  std::vector<HeldOutLevel> levels{};  ///< with the losses of each image
};

struct Estimate {
  double value = 0, error = 0;
};

/// The mean of these losses, or of their differences to others of the same images.
[[nodiscard]] Estimate mean_loss(const std::vector<double>& losses);
[[nodiscard]] Estimate mean_difference(const std::vector<double>& losses,
                                       const std::vector<double>& base);

/// The mean over the noise levels between the first and the last for each image, which approximates
/// the training loss (engine/held_out.hpp).
[[nodiscard]] std::vector<double> losses_over_levels(const std::vector<HeldOutLevel>& levels);

/// A line for each result, the base first, and notes. `ema_rate`: that of the base.
[[nodiscard]] std::string ablation_text(const std::vector<AblationResult>& results,
                                        double ema_rate);

/// For each result a row for each noise level, and one for losses_over_levels with sigma `mean`.
[[nodiscard]] std::string ablation_csv(const std::vector<AblationResult>& results);

}  // namespace programs
