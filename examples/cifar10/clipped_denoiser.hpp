// SPDX-License-Identifier: MIT
/// A score model made of another: its estimate of the picture is clipped to the pixels' range.
///
///   x̂₀ = clip((x + std²·s(x, t))/mean, low, high),   ∇log p_t(x) ≈ (mean·x̂₀ − x)/std²
///
/// Ho et al. 2020 (arXiv:2006.11239) sample so (`clip_denoised` in their code). Pictures cannot lie
/// outside their range, so a network of little training errs less; a perfect one is not changed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <scoresde/score/score_model.hpp>
#include <scoresde/sde/sde.hpp>
#include <scoresde/state/host_state.hpp>

namespace cifar10 {

/// The range of pixels.
struct PixelRange {
  double low = -1, high = 1;
};

/// Models ScoreModel and PerSampleScoreModel over HostState; the output F is x̂₀. Refers to `model`.
template <class M, scoresde::Sde S>
class ClippedDenoiser {
 public:
  ClippedDenoiser(M& model, S sde, PixelRange range)
      : model_(&model), sde_(std::move(sde)), range_(range) {}

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const {
    const auto [mean, std] = sde_.marginal_prob(t);
    return {-1 / (std * std), mean / (std * std)};
  }

  template <class T>
  void evaluate(const scoresde::HostState<T>& x, double t, scoresde::HostState<T>& output) {
    model_->evaluate(x, t, output);
    for (std::size_t k = 0; k < x.extents().samples; ++k) clip(x, k, t, output);
  }
  /// The same with a time per sample.
  template <class T>
  void evaluate(const scoresde::HostState<T>& x, std::span<const double> times,
                scoresde::HostState<T>& output) {
    model_->evaluate(x, times, output);
    for (std::size_t k = 0; k < x.extents().samples; ++k) clip(x, k, times[k], output);
  }

 private:
  template <class T>
  void clip(const scoresde::HostState<T>& x, std::size_t k, double t,
            scoresde::HostState<T>& output) const {
    const auto [mean, std] = sde_.marginal_prob(t);
    const scoresde::ScoreForm form = model_->score_form(t);
    const double a = (1 + std * std * form.state) / mean, b = std * std * form.output / mean;
    for (std::size_t e = 0; e < x.extents().dim; ++e) {
      const double denoised =
          a * static_cast<double>(x(k, e)) + b * static_cast<double>(output(k, e));
      output(k, e) = static_cast<T>(std::clamp(denoised, range_.low, range_.high));
    }
  }

  M* model_;
  S sde_;
  PixelRange range_;
};

}  // namespace cifar10
