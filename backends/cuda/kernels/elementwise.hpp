// SPDX-License-Identifier: MIT
/// Elementwise functions of one or two activations, and per-sample scaling.
///
///   out[i] ← or += f(in[i], …)            y[n, i] ← or += factor[n]·x[n, i]
///
/// A thread issues all its 128-bit loads before the first store, to saturate memory bandwidth.
/// Outputs may alias inputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include <scoresde/nn/graph/ops.hpp>

#include "kernels/activation.hpp"
#include "kernels/block.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

inline constexpr unsigned map_threads = 256;
inline constexpr unsigned map_vec = 4;  ///< 128-bit vectors per thread

/// Elements per block.
template <class T>
inline constexpr unsigned map_span = map_threads* map_vec* lanes<T>;

/// Applies `function` to the elements of block `block`, of `count` in total. Null outputs are not
/// stored; `whole`: every pointer is 16-byte aligned.
template <class T, unsigned Inputs, unsigned Outputs, class Function>
SCORESDE_DEVICE void map_elements(unsigned thread, unsigned block, std::size_t count, bool whole,
                                  const T* const (&in)[Inputs],
                                  const nn::Gradient<T> (&out)[Outputs], const Function& function) {
  const std::size_t first = std::size_t{block} * map_span<T> + thread * lanes<T>;
  constexpr unsigned step = map_threads * lanes<T>;
  const auto each = [&](auto extent_at) {
    Vec128 vec[map_vec][Inputs];
    SCORESDE_UNROLL(map_vec)
    for (unsigned p = 0; p < map_vec; ++p)
      for (unsigned j = 0; j < Inputs; ++j)
        vec[p][j] = load_vec(in[j] + first + p * step, extent_at(p));
    SCORESDE_UNROLL(map_vec)
    for (unsigned p = 0; p < map_vec; ++p) {
      VecF32<T> value = unpack<T>(vec[p][0]);
      if constexpr (Inputs == 2) {
        const VecF32<T> other = unpack<T>(vec[p][1]);
        for (unsigned i = 0; i < lanes<T>; ++i) value[i] = function(value[i], other[i]);
      } else {
        for (unsigned i = 0; i < lanes<T>; ++i) value[i] = function(value[i]);
      }
      for (const nn::Gradient<T>& to : out)
        if (to.data != nullptr)
          store(to.data + first + p * step, value, extent_at(p), to.accumulate);
    }
  };
  if (whole && std::size_t{block + 1} * map_span<T> <= count)
    each([](unsigned) { return FullVec{}; });
  else
    each([&](unsigned p) {
      const std::size_t at = first + p * step, left = at < count ? count - at : 0;
      return PartialVec{left < lanes<T> ? static_cast<unsigned>(left) : lanes<T>};
    });
}

/// out ← or += function(in…) on contiguous arrays.
template <class T, class Function, unsigned Inputs = 1, unsigned Outputs = 1>
struct Elementwise {
  static constexpr unsigned threads = map_threads;

  std::size_t count;
  bool whole;
  Function function;
  const T* in[Inputs];
  nn::Gradient<T> out[Outputs];

  [[nodiscard]] GridSize grid() const {
    return {static_cast<unsigned>((count + map_span<T> - 1) / map_span<T>)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    map_elements<T>(block.thread(), block.index().x, count, whole, in, out, function);
  }
};

/// y[n] ← or += factors[n]·x[n] for samples of `count` elements.
template <class T>
struct ScaleSamples {
  static constexpr unsigned threads = map_threads;

  std::size_t count;
  std::uint32_t samples;
  bool whole;  ///< every sample is 16-byte aligned
  const double* factors;
  const T* x;
  nn::Gradient<T> y;

  [[nodiscard]] GridSize grid() const {
    return {static_cast<unsigned>((count + map_span<T> - 1) / map_span<T>), samples};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const std::size_t begin = block.index().y * count;
    const auto factor = static_cast<float>(factors[block.index().y]);
    const T* const in[1] = {x + begin};
    const nn::Gradient<T> out[1] = {{y.data + begin, y.accumulate}};
    map_elements<T>(block.thread(), block.index().x, count, whole, in, out,
                    [factor](float v) { return factor * v; });
  }
};

struct Activate {
  nn::Activation function;
  SCORESDE_HOST_DEVICE float operator()(float x) const { return activate(function, x); }
};
struct ActivationGradient {
  nn::Activation function;
  SCORESDE_HOST_DEVICE float operator()(float x, float dy) const {
    return dy * activation_slope(function, x);
  }
};
struct AddScale {
  float scale;
  SCORESDE_HOST_DEVICE float operator()(float a, float b) const { return (a + b) * scale; }
};
struct Affine {
  float scale, shift;
  SCORESDE_HOST_DEVICE float operator()(float x) const { return x * scale + shift; }
};

}  // namespace scoresde::cuda
