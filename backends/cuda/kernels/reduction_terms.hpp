// SPDX-License-Identifier: MIT
/// Summands of SumKernel: squares of linear combinations and of noise, products, scaled errors, and
/// the two norms of a Langevin step.
#pragma once

#include "kernels/float4.hpp"
#include "kernels/step_row.hpp"

namespace scoresde::cuda {

/// (Σⱼ cⱼxⱼ)²; the launcher removes terms with coefficient 0.
template <class T>
struct FormSquare {
  static constexpr unsigned sums = 1, max_terms = 8;
  unsigned count;
  const T* state[max_terms];
  double coefficient[max_terms];

  SCORESDE_DEVICE void operator()(Float4Shape shape, unsigned sample, unsigned at4,
                                  double* sum) const {
    double value[4] = {};
    for (unsigned j = 0; j < max_terms; ++j) {
      if (j >= count) break;
      const Float4<T> x = load_float4(state[j], shape, sample, at4);
      for (unsigned e = 0; e < 4; ++e) value[e] += coefficient[j] * static_cast<double>(x.value[e]);
    }
    for (unsigned e = 0; e < 4; ++e) sum[0] += value[e] * value[e];
  }
};

/// z² of a draw, without storing z.
struct DrawSquare {
  static constexpr unsigned sums = 1;
  NoiseDraw draw;

  SCORESDE_DEVICE void operator()(Float4Shape shape, unsigned sample, unsigned at4,
                                  double* sum) const {
    const Float4<float> z = normal_float4(draw, sample, at4);
    for (unsigned e = 0; e < shape.count(at4); ++e) {
      const auto value = static_cast<double>(z.value[e]);
      sum[0] += value * value;
    }
  }
};

/// x·y.
template <class T>
struct Product {
  static constexpr unsigned sums = 1;
  const T* x;
  const T* y;

  SCORESDE_DEVICE void operator()(Float4Shape shape, unsigned sample, unsigned at4,
                                  double* sum) const {
    const Float4<T> a = load_float4(x, shape, sample, at4), b = load_float4(y, shape, sample, at4);
    for (unsigned e = 0; e < 4; ++e)
      sum[0] += static_cast<double>(a.value[e]) * static_cast<double>(b.value[e]);
  }
};

/// (error/(atol + rtol·max(|x|, |y|)))².
template <class T>
struct ScaledSquare {
  static constexpr unsigned sums = 1;
  const T* error;
  const T* x;
  const T* y;
  double atol, rtol;

  SCORESDE_DEVICE void operator()(Float4Shape shape, unsigned sample, unsigned at4,
                                  double* sum) const {
    const Float4<T> d = load_float4(error, shape, sample, at4),
                    a = load_float4(x, shape, sample, at4), b = load_float4(y, shape, sample, at4);
    for (unsigned e = 0; e < shape.count(at4); ++e) {
      const double size = larger(magnitude(a.value[e]), magnitude(b.value[e]));
      const double ratio = static_cast<double>(d.value[e]) / (atol + rtol * size);
      sum[0] += ratio * ratio;
    }
  }

 private:
  static SCORESDE_DEVICE double magnitude(T value) {
    return static_cast<double>(value < 0 ? -value : value);
  }
  static SCORESDE_DEVICE double larger(double a, double b) { return a < b ? b : a; }
};

/// ‖p·x + q·F‖² and ‖z‖² of a Langevin step in one pass. p and q are arguments or numbers 0 and 1
/// of the draw's row; z is a state, or generated from the draw if that is null.
template <class T>
struct LangevinSquares {
  static constexpr unsigned sums = 2;
  const T* x;
  const T* output;
  const T* z;
  double p, q;
  DrawSource draw;

  SCORESDE_DEVICE void operator()(Float4Shape shape, unsigned sample, unsigned at4,
                                  double* sum) const {
    const double a = draw.row.given() ? draw.row[0] : p, b = draw.row.given() ? draw.row[1] : q;
    double score[4] = {};
    add(score, a, x, shape, sample, at4);
    add(score, b, output, shape, sample, at4);
    double noise[4] = {};
    if (z != nullptr) {
      add(noise, 1, z, shape, sample, at4);
    } else {
      const Float4<float> drawn = normal_float4(draw.get(), sample, at4);
      for (unsigned e = 0; e < shape.count(at4); ++e)
        noise[e] = static_cast<double>(drawn.value[e]);
    }
    for (unsigned e = 0; e < 4; ++e) {
      sum[0] += score[e] * score[e];
      sum[1] += noise[e] * noise[e];
    }
  }

 private:
  static SCORESDE_DEVICE void add(double* value, double c, const T* state, Float4Shape shape,
                                  unsigned sample, unsigned at4) {
    if (c == 0) return;
    const Float4<T> read = load_float4(state, shape, sample, at4);
    for (unsigned e = 0; e < 4; ++e) value[e] += c * static_cast<double>(read.value[e]);
  }
};

}  // namespace scoresde::cuda
