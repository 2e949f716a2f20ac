// SPDX-License-Identifier: MIT
/// The standard beta schedules of discrete diffusion models, and rescaling to zero terminal SNR.
///
///   x_i = √(1 − β_i) x_{i−1} + √β_i z,   ᾱ_i = Π_{j≤i} (1 − β_j),   i = 1 … N
///
///   linear:         β_i on linspace(β_1, β_N)
///   scaled linear:  √β_i on linspace(√β_1, √β_N)
///   cosine:         β_i = min(1 − ᾱ(i/N)/ᾱ((i−1)/N), 0.999)
///   zero SNR:       √ᾱ_i ← (√ᾱ_i − √ᾱ_N) √ᾱ_1/(√ᾱ_1 − √ᾱ_N)
///
/// In this order: Ho et al. 2020 (arXiv:2006.11239), sec. 4; Rombach et al. 2022
/// (arXiv:2112.10752); Nichol & Dhariwal 2021 (arXiv:2102.09672), eq. 17; Lin et al. 2023
/// (arXiv:2305.08891), algorithm 1.
///
/// A DdpmSde (sde/ddpm_sde.hpp) takes any of these lists or a user-defined one. BetaList describes
/// a list by its rule and parameters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/sde/cosine_vp_sde.hpp>

namespace scoresde {

/// Throws Error for fewer than 2 levels, and for betas outside (0, 1).
inline void require_beta_range(const char* list, std::size_t levels, double first, double last) {
  require(levels >= 2, list, ": ", levels, " levels requested; at least 2 are needed");
  require(first > 0 && first < 1 && last > 0 && last < 1, list, ": the betas go from ", first,
          " to ", last, "; they must lie in (0, 1)");
}

/// Entry i of linspace(first, last, count).
[[nodiscard]] inline double linspace(double first, double last, std::size_t i, std::size_t count) {
  return first + static_cast<double>(i) / static_cast<double>(count - 1) * (last - first);
}

namespace detail {

/// Throws Error unless there are at least 2 betas in (0, 1), optionally followed by a last one
/// equal to 1.
inline void require_betas(const char* what, const std::vector<double>& betas) {
  const bool zero_snr = !betas.empty() && betas.back() == 1;
  const std::size_t count = betas.size(), finite = zero_snr ? count - 1 : count;
  require(finite >= 2, what, ": ", count, " betas given, ", finite,
          " of them below 1; at least 2 are needed");
  for (std::size_t i = 0; i < finite; ++i)
    require(betas[i] > 0 && betas[i] < 1, what, ": beta ", i + 1, " of ", count, " is ", betas[i],
            "; it must lie in (0, 1), the last in (0, 1]");
}

}  // namespace detail

/// β_i evenly spaced from `first` to `last`. Throws Error for fewer than 2 levels or betas outside
/// (0, 1).
[[nodiscard]] inline std::vector<double> linear_betas(std::size_t levels, double first = 1e-4,
                                                      double last = 0.02) {
  require_beta_range("linear betas", levels, first, last);
  std::vector<double> betas(levels);
  for (std::size_t i = 0; i < levels; ++i) betas[i] = linspace(first, last, i, levels);
  return betas;
}

/// √β_i evenly spaced from √first to √last; the defaults are those of Stable Diffusion. Throws
/// Error for fewer than 2 levels or betas outside (0, 1).
[[nodiscard]] inline std::vector<double> scaled_linear_betas(std::size_t levels,
                                                             double first = 0.00085,
                                                             double last = 0.012) {
  require_beta_range("scaled-linear betas", levels, first, last);
  std::vector<double> betas(levels);
  for (std::size_t i = 0; i < levels; ++i) {
    const double root = linspace(std::sqrt(first), std::sqrt(last), i, levels);
    betas[i] = root * root;
  }
  return betas;
}

/// The betas of the cosine schedule with offset s (CosineVpSde's ᾱ), clipped at `largest`. Throws
/// Error for fewer than 2 levels, a negative or non-finite s, or `largest` outside (0, 1).
[[nodiscard]] inline std::vector<double> cosine_betas(std::size_t levels, double s = 0.008,
                                                      double largest = 0.999) {
  require_beta_range("cosine betas", levels, largest, largest);
  const CosineSchedule schedule{.s = s};
  schedule.check("cosine betas");
  const auto count = static_cast<double>(levels);
  std::vector<double> betas(levels);
  for (std::size_t i = 0; i < levels; ++i) {
    const double t = static_cast<double>(i) / count;
    betas[i] = std::min(schedule.lost(t, static_cast<double>(i + 1) / count), largest);
  }
  return betas;
}

/// Shifts and scales √ᾱ so that ᾱ_1 is unchanged and ᾱ_N = 0: the last beta becomes 1. The last
/// level then has no signal and a log-SNR of −∞, and a DdpmSde starts sampling at the level before
/// it. A list that already ends with 1 is returned unchanged. Throws Error unless all betas lie in
/// (0, 1), the last in (0, 1].
[[nodiscard]] inline std::vector<double> zero_terminal_snr_betas(std::vector<double> betas) {
  detail::require_betas("zero-terminal-SNR betas", betas);
  double log_mean = 0;  // ln √ᾱ
  std::vector<double> mean{1}, drop{0};
  for (const double beta : betas) {
    const double half = 0.5 * std::log1p(-beta);
    drop.push_back(-mean.back() * std::expm1(half));  // √ᾱ_{i−1} − √ᾱ_i
    mean.push_back(std::exp(log_mean += half));
  }
  for (std::size_t i = 2; i < mean.size(); ++i) {
    const double lost = drop[i] / (mean[i - 1] - mean.back());  // 1 − √(1 − β_i), rescaled
    betas[i - 1] = lost * (2 - lost);
  }
  betas.back() = 1;
  return betas;
}

/// How a list of betas is defined; `listed` means explicit values.
enum class BetaRule { linear, scaled_linear, cosine, listed };

/// A list of betas by its definition, as stored in files.
struct BetaList {
  BetaRule rule = BetaRule::linear;
  std::size_t levels = 1000;         ///< for every rule except listed
  double first = 1e-4, last = 0.02;  ///< for linear and scaled_linear
  std::vector<double> betas{};       ///< for listed
  bool zero_terminal_snr = false;    ///< apply zero_terminal_snr_betas last

  /// The betas, from the lowest noise level up. Throws Error as the rule's function does; listed
  /// betas must lie in (0, 1), the last in (0, 1].
  [[nodiscard]] std::vector<double> values() const {
    std::vector<double> made = rule == BetaRule::linear ? linear_betas(levels, first, last)
                               : rule == BetaRule::scaled_linear
                                   ? scaled_linear_betas(levels, first, last)
                               : rule == BetaRule::cosine ? cosine_betas(levels)
                                                          : betas;
    detail::require_betas("beta list", made);
    return zero_terminal_snr ? zero_terminal_snr_betas(std::move(made)) : made;
  }
  bool operator==(const BetaList&) const = default;
};

}  // namespace scoresde
