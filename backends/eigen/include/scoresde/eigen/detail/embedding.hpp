// SPDX-License-Identifier: MIT
/// The embeddings of time labels and classes, and dropout.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>

#include <scoresde/eigen/detail/elementwise.hpp>
#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/noise/normal_tile.hpp>

namespace scoresde::eigen::detail {

/// y[n] = nn::PositionalEmbedding of label n, of `width` values.
template <class T>
void positional_embedding(const nn::PositionalEmbedding& op, std::span<const double> labels,
                          std::size_t width, T* y) {
  const std::size_t half = width / 2;
  const double step = half > 1 ? std::log(10000.0) / (static_cast<double>(half) - op.shift) : 0.0;
  const std::size_t sines = op.cosines_first ? half : 0, cosines = half - sines;
  for (std::size_t n = 0; n < labels.size(); ++n, y += width) {
    for (std::size_t k = 0; k < half; ++k) {
      const double angle = labels[n] * std::exp(-step * static_cast<double>(k));
      y[sines + k] = static_cast<T>(std::sin(angle));
      y[cosines + k] = static_cast<T>(std::cos(angle));
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

/// The rule of dropout for an element with random word w: kept and scaled iff w ≥ threshold.
template <class T>
struct DropoutRule {
  std::uint32_t threshold;
  T scale;
};

/// (w + ½)·2⁻³² ≥ rate iff w ≥ ⌈rate·2³² − ½⌉; a rate so close to 1 that no word passes drops all.
template <class T>
DropoutRule<T> dropout_rule(double rate) {
  const double words = rate * 0x1p32, whole = std::floor(words);
  const double first = words - whole > 0.5 ? whole + 1 : whole;
  if (first > 0x1p32 - 1) return {0, T(0)};
  return {static_cast<std::uint32_t>(first), static_cast<T>(1 / (1 - rate))};
}

/// At most one tile of a sample, starting at the first element of a Philox counter.
template <class T>
void dropout_tile(const T* x, scoresde::PhiloxTile& tile, const DropoutRule<T>& rule,
                  std::uint64_t key, std::size_t count, nn::Gradient<T> y) {
  tile.mix(key);
  constexpr std::size_t counters = scoresde::PhiloxTile::counters;
  alignas(64) T factor[4 * counters];
  for (std::size_t i = 0; i < counters; ++i)
    for (std::size_t j = 0; j < 4; ++j)
      factor[4 * i + j] = tile.word[j][i] >= rule.threshold ? rule.scale : T(0);
  transform<T>(
      count, y, [](Vec<T> v, Vec<T> f) { return v * f; }, x, static_cast<const T*>(factor));
}

/// Multiplies each element by 1/(1 − rate) with probability 1 − rate and by 0 otherwise (inverted
/// dropout, Srivastava et al. 2014). Element e of sample k is kept iff its uniform number is at
/// least `rate`; the mask depends on the sample, not on the batch, and is recomputed for the
/// gradient.
template <class T>
void dropout(const T* x, const nn::Shape& shape, double rate, NoiseDraw draw, nn::Gradient<T> y,
             std::size_t threads) {
  using Tile = scoresde::PhiloxTile;
  constexpr std::size_t size = 4 * Tile::counters;
  const std::size_t elements = shape.c * shape.h * shape.w, tiles = (elements + size - 1) / size;
  const DropoutRule<T> rule = dropout_rule<T>(rate);
  for_each_range(threads, shape.n * tiles, 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t sample = i / tiles, first = i % tiles * size;
      Tile tile;
      tile.set_row(noise_counter(draw, static_cast<std::uint32_t>(sample),
                                 static_cast<std::uint32_t>(first / 4)));
      const std::size_t at = sample * elements + first;
      dropout_tile(x + at, tile, rule, draw.seed, std::min(size, elements - first),
                   {y.data + at, y.accumulate});
    }
  });
}

}  // namespace scoresde::eigen::detail
