// SPDX-License-Identifier: MIT
/// transform and absolute_quantile for elements that are contiguous in host memory.
///
///   out[i] ← f({⌊i/dim⌋, i mod dim}, x₁[i], …, xₙ[i]),   in tiles of 256 elements
///
/// A tile is computed on the stack and then copied, so that out may alias an input and the loop is
/// still vectorized. The quantile is found by radix selection on the bits of |x|, whose order is
/// that of the numbers: no copy, no scratch memory, and one pass per byte of the scalar type.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/state/elementwise.hpp>

namespace scoresde::detail {

inline constexpr std::size_t element_tile = 256;

/// An input read from memory.
template <class T>
struct StoredInput {
  const T* data;
  const T* here = nullptr;
  void load(std::size_t, std::size_t first, std::size_t) { here = data + first; }
  T operator[](std::size_t i) const { return here[i]; }
};

/// An input generated one tile at a time.
template <class T>
struct DrawnInput {
  NoiseDraw draw;
  alignas(64) float z[element_tile];
  void load(std::size_t dim, std::size_t first, std::size_t count) {
    fill_normal_flat({z, count}, draw, dim, first);
  }
  T operator[](std::size_t i) const { return static_cast<T>(z[i]); }
};

/// out[i] ← f(index of i, in[i]…) for all elements of `shape`.
template <class T, class F, class... In>
void transform_tiles(T* out, Extents shape, F f, In&&... in) {
  static_assert(std::is_trivially_copyable_v<F>,
                "transform: the function must be trivially copyable; it can hold a pointer or span "
                "to large data");
  alignas(64) T result[element_tile];
  for (std::size_t first = 0; first < shape.size(); first += element_tile) {
    const std::size_t count = std::min(element_tile, shape.size() - first);
    (in.load(shape.dim, first, count), ...);
    std::size_t sample = first / shape.dim, element = first % shape.dim;
    for (std::size_t begin = 0; begin < count; ++sample, element = 0) {
      const std::size_t run = std::min(count - begin, shape.dim - element);
      for (std::size_t i = 0; i < run; ++i)
        result[begin + i] = static_cast<T>(f(ElementIndex{sample, element + i}, in[begin + i]...));
      begin += run;
    }
    std::copy_n(result, count, out + first);
  }
}

/// The input of a transform, validated against the extents of its result.
template <class T, class State, class ExtentsOf>
[[nodiscard]] auto element_input(const State& x, Extents shape, const ExtentsOf& extents_of) {
  if constexpr (std::is_same_v<State, NoiseDraw>) {
    return DrawnInput<T>{x, {}};
  } else {
    const Extents found = extents_of(x);
    require(found == shape, "transform: an input has ", found.samples, " samples of dimension ",
            found.dim, " but the result has ", shape.samples, " of dimension ", shape.dim);
    return StoredInput<T>{x.data()};
  }
}

/// The order statistics of |x| at `rank` and rank + 1 (at `rank` twice if it is the last), from 0.
template <class T>
[[nodiscard]] std::array<T, 2> absolute_order_statistics(std::span<const T> x, std::size_t rank) {
  static_assert(std::numeric_limits<T>::is_iec559 && (sizeof(T) == 4 || sizeof(T) == 8),
                "absolute_quantile: the scalar type must be an IEEE float or double");
  using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const auto key_of = [](T value) { return std::bit_cast<Key>(std::abs(value)); };
  constexpr int bits = 8 * static_cast<int>(sizeof(T));
  Key prefix = 0;  // the leading digits of the target key
  std::size_t below = rank, equal = 0;
  for (int shift = bits - 8; shift >= 0; shift -= 8) {
    std::array<std::uint32_t, 256> histogram{};
    const Key known = shift + 8 == bits ? Key(0) : ~Key(0) << ((shift + 8) % bits);
    for (const T value : x)
      if (const Key key = key_of(value); (key & known) == prefix) ++histogram[(key >> shift) & 255];
    Key digit = 0;
    for (; below >= histogram[digit]; ++digit) below -= histogram[digit];
    prefix |= digit << shift;
    equal = histogram[digit];
  }
  const T lower = std::bit_cast<T>(prefix);
  if (below + 1 < equal || rank + 1 == x.size()) return {lower, lower};
  Key next = ~Key(0);
  for (const T value : x)
    if (const Key key = key_of(value); key > prefix) next = std::min(next, key);
  return {lower, std::bit_cast<T>(next)};
}

/// The q-quantile of |x|; x must not be empty.
template <class T>
[[nodiscard]] double absolute_quantile(std::span<const T> x, double q) {
  for (const T value : x)
    if (std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
  const double rank = q * static_cast<double>(x.size() - 1), floor = std::floor(rank);
  const auto [low, high] = absolute_order_statistics(x, static_cast<std::size_t>(floor));
  const double a = static_cast<double>(low), b = static_cast<double>(high);
  return rank > floor ? std::lerp(a, b, rank - floor) : a;
}

/// The same for each sample. Throws Error for q outside [0, 1], dim = 0, and unless per_sample has
/// one entry per sample.
template <class T>
void absolute_quantiles(const T* x, Extents shape, double q, std::span<double> per_sample) {
  require(q >= 0 && q <= 1, "absolute_quantile: q is ", q, "; it must lie in [0, 1]");
  require(shape.dim > 0, "absolute_quantile: dim is 0; the points must have at least 1 element");
  require(per_sample.size() == shape.samples, "absolute_quantile: ", per_sample.size(),
          " numbers per sample for ", shape.samples, " samples");
  for (std::size_t k = 0; k < shape.samples; ++k)
    per_sample[k] = absolute_quantile(std::span<const T>(x + k * shape.dim, shape.dim), q);
}

}  // namespace scoresde::detail
