// SPDX-License-Identifier: MIT
/// The cells of Song et al. 2021 (arXiv:2011.13456), table 1, for n steps instead of 1000:
///
///   predictors ancestral, reverse_diffusion, probability_flow   ×   SDEs ve, vp
///   P n, P 2n   the predictor alone, in n or 2n steps
///   C 2n        the corrector alone, two steps at each of n times; one for each SDE
///   PC n        both, in n steps of each
///
/// The corrector is Langevin dynamics with the signal-to-noise ratios of table 5; ancestral
/// sampling has the variance of score_sde, large under VP and small under VE.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/metadata.hpp>

#include "cli/sample_options.hpp"

namespace programs {

struct TableCell {
  std::string sde, predictor, sampler;  ///< predictor: none for C 2n; sampler: "PC100"
  std::size_t steps = 0, corrections = 0;
  std::optional<double> snr;  ///< of the corrector

  /// "ve/PC100_ancestral", "vp/C200"; the cell's folder.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool predicts() const { return predictor != "none"; }
  /// Of the score, for a sample.
  [[nodiscard]] std::size_t evaluations() const {
    return steps * ((predicts() ? 1 : 0) + corrections);
  }
  /// Sets SDE and sampler.
  void choose(SampleOptions& o) const;
};

/// "P100", "P200", "C200", "PC100".
[[nodiscard]] std::vector<std::string> table1_samplers(std::size_t n);
[[nodiscard]] std::vector<std::string> table1_predictors();
[[nodiscard]] std::vector<std::string> table1_sdes();

/// All of them, those of an SDE together, the cheapest first.
[[nodiscard]] std::vector<TableCell> table1_cells(std::size_t n);

/// The share of the cell's evaluations at noise levels that are clamped to those of training, for
/// resolved options. Throws UsageError for more steps than a network of discrete levels has levels.
[[nodiscard]] double clamped_share(const TableCell& cell, const SampleOptions& o,
                                   const scoresde::Metadata& configuration);

}  // namespace programs
