// SPDX-License-Identifier: MIT
/// Resampling by a factor of two: plain or by an FIR filter, alone or with a convolution.
///
///   plain:  nearest neighbor up, means of 2×2 down; with a 3×3 convolution after upsampling,
///           or of stride 2 with a zero row below and a zero column at the right, or zeros on all
///           sides
///   FIR:    ↑2 then filter (gain 2 in each direction), or filter then ↓2; a convolution runs
///           after the upsampling filter, and has stride 2 after the downsampling filter
///
/// Zhang 2019 (arXiv:1904.11486), section 3; Karras et al. 2020 (arXiv:1912.04958), appendix B;
/// Song et al. 2021 (arXiv:2011.13456), appendix H; Ho et al. 2020 (arXiv:2006.11239) for the plain
/// variant.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/layers/block_settings.hpp>

namespace scoresde::nn {
namespace detail {

/// The resampling filter; `margin` more pixels are kept on each side for a convolution without
/// padding that follows.
[[nodiscard]] inline Fir resampling_filter(const std::vector<double>& taps, Resample direction,
                                           std::ptrdiff_t margin) {
  Fir fir{.count = taps.size()};
  double sum = 0;
  for (const double tap : taps) sum += tap;
  const double gain = direction == Resample::up ? 2 : 1;
  for (std::size_t i = 0; i < taps.size(); ++i) fir.taps[i] = taps[i] / sum * gain;
  const auto count = static_cast<std::ptrdiff_t>(taps.size());
  if (direction == Resample::up) {
    fir.up = 2;
    fir.pad_before = (count - 1) / 2 + 1 + margin;
    fir.pad_after = count - 1 + 2 * margin - fir.pad_before;
  } else if (margin == 0) {
    fir.down = 2;
    fir.pad_before = (count - 1) / 2;
    fir.pad_after = (count - 2) / 2;
  } else {
    fir.pad_before = (count + 1) / 2;
    fir.pad_after = count / 2;
  }
  return fir;
}

}  // namespace detail

/// Throws Error on odd extents when downsampling.
inline Tensor resample(Graph& graph, Tensor x, Resample direction, const BlockSettings& settings) {
  if (direction == Resample::none) return x;
  if (settings.fir.empty())
    return direction == Resample::up ? graph.upsample_nearest(x) : graph.downsample_mean(x);
  return graph.fir(x, detail::resampling_filter(settings.fir, direction, 0));
}

/// As resample, with a 3×3 convolution to `out_channels`; parameters name.Conv_0, or name.Conv2d_0
/// with a filter.
inline Tensor resample_with_convolution(Graph& graph, Tensor x, const std::string& name,
                                        std::size_t out_channels, Resample direction,
                                        const BlockSettings& settings,
                                        const ConvolutionEpilogue& epilogue = {}) {
  const bool plain = settings.fir.empty();
  ConvolutionSpec spec{.name = name + (plain ? ".Conv_0" : ".Conv2d_0"),
                       .out_channels = out_channels};
  if (direction == Resample::down) spec.stride = 2;
  if (plain) {
    if (direction == Resample::down && !settings.symmetric_halving) spec.pads = {0, 1};
    return graph.convolution(direction == Resample::up ? graph.upsample_nearest(x) : x, spec,
                             epilogue);
  }
  spec.pads = {0, 0};
  return graph.convolution(graph.fir(x, detail::resampling_filter(settings.fir, direction, 1)),
                           spec, epilogue);
}

}  // namespace scoresde::nn
