// SPDX-License-Identifier: MIT
/// The embeddings of time labels and classes, and dropout.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>

#include <scoresde/eigen/parallel.hpp>
#include <scoresde/nn/ops.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::eigen::detail {

/// y[n] = (sin(t ω₀), …, sin(t ω_{h−1}), cos(t ω₀), …, cos(t ω_{h−1})), h = ⌊width/2⌋ and
/// ω_k = 10000^{−k/(h−1)}; an odd width ends with a zero. Vaswani et al. 2017, section 3.5, with
/// the spacing of Ho et al. 2020, which ends at 1/10000 exactly.
template <class T>
void positional_embedding(std::span<const double> labels, std::size_t width, T* y) {
  const std::size_t half = width / 2;
  const double step = half > 1 ? std::log(10000.0) / static_cast<double>(half - 1) : 0.0;
  for (std::size_t n = 0; n < labels.size(); ++n, y += width) {
    for (std::size_t k = 0; k < half; ++k) {
      const double angle = labels[n] * std::exp(-step * static_cast<double>(k));
      y[k] = static_cast<T>(std::sin(angle));
      y[half + k] = static_cast<T>(std::cos(angle));
    }
    if (width % 2 == 1) y[width - 1] = T(0);
  }
}

/// y[n] = (sin(2π w₀ ln σ), …, cos(2π w₀ ln σ), …) of the labels σ, with width/2 frequencies w.
/// Tancik et al. 2020 (arXiv:2006.10739), eq. 5; Song et al. 2021 (arXiv:2011.13456), appendix H.
template <class T>
void fourier_embedding(std::span<const double> labels, const T* frequencies, std::size_t width,
                       T* y) {
  const std::size_t half = width / 2;
  for (std::size_t n = 0; n < labels.size(); ++n, y += width) {
    const double turn = 2 * std::numbers::pi * std::log(labels[n]);
    for (std::size_t k = 0; k < half; ++k) {
      const double angle = turn * static_cast<double>(frequencies[k]);
      y[k] = static_cast<T>(std::sin(angle));
      y[half + k] = static_cast<T>(std::cos(angle));
    }
  }
}

/// y[n] = the row of class n, zeros for no_class.
template <class T>
void class_embedding(std::span<const std::uint32_t> classes, const T* table, std::size_t width,
                     T* y) {
  for (std::size_t n = 0; n < classes.size(); ++n)
    if (classes[n] == nn::no_class)
      std::fill_n(y + n * width, width, T(0));
    else
      std::copy_n(table + classes[n] * width, width, y + n * width);
}

/// dtable[class n] += dy[n].
template <class T>
void class_embedding_gradient(std::span<const std::uint32_t> classes, const T* dy,
                              std::size_t width, T* dtable) {
  for (std::size_t n = 0; n < classes.size(); ++n)
    if (classes[n] != nn::no_class)
      for (std::size_t c = 0; c < width; ++c) dtable[classes[n] * width + c] += dy[n * width + c];
}

/// Multiplies each element by 1/(1 − rate) with probability 1 − rate and by 0 otherwise (Srivastava
/// et al. 2014, inverted). Element e of sample k is kept iff its uniform number is at least `rate`,
/// so the mask belongs to the sample, not to the batch, and the gradient finds the same one again.
template <class T>
void dropout(const T* x, const nn::Shape& shape, double rate, NoiseDraw draw, nn::Gradient<T> y,
             std::size_t threads) {
  const std::size_t count = shape.c * shape.h * shape.w, quads = (count + 3) / 4;
  const T scale = static_cast<T>(1 / (1 - rate));
  for_each_range(threads, shape.n * quads, 2048, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t sample = i / quads, first = i % quads * 4;
      const PhiloxBlock block = noise_words(draw, static_cast<std::uint32_t>(sample),
                                            static_cast<std::uint32_t>(i % quads));
      const std::size_t at = sample * count + first;
      for (std::size_t e = 0; e < 4 && first + e < count; ++e) {
        const double uniform = (static_cast<double>(block.word[e]) + 0.5) * 0x1p-32;
        const T value = uniform >= rate ? x[at + e] * scale : T(0);
        y.data[at + e] = value + (y.accumulate ? y.data[at + e] : T(0));
      }
    }
  });
}

}  // namespace scoresde::eigen::detail
