// SPDX-License-Identifier: MIT
/// 3×3 convolutions of stride 1 in float by Winograd's F(4×4, 3×3): a quarter of the products.
///
///   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A     for a tile Y of 4×4 outputs, d of 6×6 inputs, weights g
///
/// Summed over channels before A, the bracket is 36 independent matrix products. Winograd,
/// Arithmetic Complexity of Computations (1980); Lavin and Gray 2016 (arXiv:1509.09308), section 4.
/// The points are 0, ±√½, ±√2 and ∞, which give half the error of 0, ±1, ±2 and ∞ and twice that of
/// a direct sum; on the choice of points see Barabasz et al. 2020 (arXiv:1803.10986).
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <scoresde/eigen/detail/tile.hpp>

#if defined(__GNUC__) && !defined(__clang__)
// Vector types lose their aliasing attribute as template arguments; not needed here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

namespace scoresde::eigen::detail::winograd {

inline constexpr std::size_t side = 4;          ///< outputs of a tile along one axis
inline constexpr std::size_t reach = side + 2;  ///< inputs of a tile along one axis
inline constexpr std::size_t products = reach * reach, taps = 3;

inline constexpr float sqrt_half = 0.70710678f, sqrt_two = 1.41421356f;

/// The widest packet of at most `Most` lanes.
template <class P, std::size_t Most, bool Fits = (packets::unpacket_traits<P>::size <= Most)>
struct Narrow {
  using type = P;
};
template <class P, std::size_t Most>
struct Narrow<P, Most, false> : Narrow<typename packets::unpacket_traits<P>::half, Most> {};

/// One row of a tile, and the outputs computed by one step of a product.
template <class T>
using Vec4 = typename Narrow<Packet<T>, side>::type;
template <class T>
using Outputs = typename Narrow<Packet<T>, tile_rows>::type;

/// In double the sums are direct, as a reference.
template <class T>
inline constexpr bool available =
    std::is_same_v<T, float>&& packets::unpacket_traits<Vec4<T>>::size == side;

/// Number of tiles computed together by a product.
template <class T>
inline constexpr std::size_t panel = tile_columns<T>;

template <class P>
EIGEN_ALWAYS_INLINE P multiply_add(float factor, const P& x, const P& y) {
  return packets::pmadd(packets::pset1<P>(factor), x, y);
}

/// v = Bᵀ d.
template <class P>
EIGEN_ALWAYS_INLINE void transform_input(const P (&d)[reach], P (&v)[reach]) {
  const P even_1 = multiply_add(-2.0f, d[2], d[4]), odd_1 = multiply_add(-2.0f, d[1], d[3]);
  const P even_2 = multiply_add(-0.5f, d[2], d[4]), odd_2 = multiply_add(-0.5f, d[1], d[3]);
  v[0] = multiply_add(-2.5f, d[2], packets::padd(d[0], d[4]));
  v[1] = multiply_add(sqrt_half, odd_1, even_1);
  v[2] = multiply_add(-sqrt_half, odd_1, even_1);
  v[3] = multiply_add(sqrt_two, odd_2, even_2);
  v[4] = multiply_add(-sqrt_two, odd_2, even_2);
  v[5] = multiply_add(-2.5f, d[3], packets::padd(d[1], d[5]));
}

/// u = G g.
template <class P>
EIGEN_ALWAYS_INLINE void transform_weight(const P (&g)[taps], P (&u)[reach]) {
  const auto times = [](float factor, const P& x) {
    return packets::pmul(packets::pset1<P>(factor), x);
  };
  const P even_1 = times(-2.0f / 3, multiply_add(0.5f, g[2], g[0]));
  const P even_2 = times(1.0f / 6, multiply_add(2.0f, g[2], g[0]));
  u[0] = g[0];
  u[1] = multiply_add(-2.0f / 3 * sqrt_half, g[1], even_1);
  u[2] = multiply_add(2.0f / 3 * sqrt_half, g[1], even_1);
  u[3] = multiply_add(sqrt_two / 6, g[1], even_2);
  u[4] = multiply_add(-sqrt_two / 6, g[1], even_2);
  u[5] = g[2];
}

/// y = Aᵀ m.
template <class P>
EIGEN_ALWAYS_INLINE void transform_output(const P (&m)[reach], P (&y)[side]) {
  const P even_1 = packets::padd(m[1], m[2]), odd_1 = packets::psub(m[1], m[2]);
  const P even_2 = packets::padd(m[3], m[4]), odd_2 = packets::psub(m[3], m[4]);
  const P root_1 = packets::pmul(packets::pset1<P>(sqrt_half), odd_1);
  const P root_2 = packets::pmul(packets::pset1<P>(sqrt_two), odd_2);
  y[0] = packets::padd(packets::padd(m[0], even_1), even_2);
  y[1] = packets::padd(root_1, root_2);
  y[2] = multiply_add(2.0f, even_2, packets::pmul(packets::pset1<P>(0.5f), even_1));
  y[3] = multiply_add(2.0f, root_2, multiply_add(0.5f, root_1, m[5]));
}

/// m = A y, the adjoint of the output transform.
template <class P>
EIGEN_ALWAYS_INLINE void transform_output_gradient(const P (&y)[side], P (&m)[reach]) {
  const P even_1 = multiply_add(0.5f, y[2], y[0]), odd_1 = multiply_add(0.5f, y[3], y[1]);
  const P even_2 = multiply_add(2.0f, y[2], y[0]), odd_2 = multiply_add(2.0f, y[3], y[1]);
  m[0] = y[0];
  m[1] = multiply_add(sqrt_half, odd_1, even_1);
  m[2] = multiply_add(-sqrt_half, odd_1, even_1);
  m[3] = multiply_add(sqrt_two, odd_2, even_2);
  m[4] = multiply_add(-sqrt_two, odd_2, even_2);
  m[5] = y[3];
}

/// g = Gᵀ u, the adjoint of the weight transform.
template <class P>
EIGEN_ALWAYS_INLINE void transform_weight_gradient(const P (&u)[reach], P (&g)[taps]) {
  const P even_1 = packets::padd(u[1], u[2]), odd_1 = packets::psub(u[2], u[1]);
  const P even_2 = packets::padd(u[3], u[4]), odd_2 = packets::psub(u[3], u[4]);
  g[0] = multiply_add(1.0f / 6, even_2, multiply_add(-2.0f / 3, even_1, u[0]));
  g[1] = multiply_add(2.0f / 3 * sqrt_half, odd_1,
                      packets::pmul(packets::pset1<P>(sqrt_two / 6), odd_2));
  g[2] = multiply_add(1.0f / 3, even_2, multiply_add(-1.0f / 3, even_1, u[5]));
}

/// A transform along columns, then along rows: In×In packets from load(i, j) become Out×Out packets
/// passed to store(i, j, packet).
template <class P, std::size_t In, std::size_t Out, class Load, class Transform, class Store>
EIGEN_ALWAYS_INLINE void along_both(const Load& load, const Transform& transform,
                                    const Store& store) {
  P half[Out][In];
  for (std::size_t j = 0; j < In; ++j) {
    P in[In], out[Out];
    for (std::size_t i = 0; i < In; ++i) in[i] = load(i, j);
    transform(in, out);
    for (std::size_t i = 0; i < Out; ++i) half[i][j] = out[i];
  }
  for (std::size_t i = 0; i < Out; ++i) {
    P out[Out];
    transform(half[i], out);
    for (std::size_t j = 0; j < Out; ++j) store(i, j, out[j]);
  }
}

/// Elements with (i, j) at data[i·row + j·column].
template <class T>
struct Square {
  T* data;
  std::size_t row, column;

  [[nodiscard]] T* at(std::size_t i, std::size_t j) const { return data + i * row + j * column; }
};

/// along_both from memory to memory, for `count` elements that are adjacent in both.
template <class P, std::size_t In, std::size_t Out, class T, class Transform>
EIGEN_ALWAYS_INLINE void transform_squares(const Square<const T>& from, std::size_t count,
                                           const Transform& transform, const Square<T>& to) {
  for (std::size_t e = 0; e < count; e += packets::unpacket_traits<P>::size)
    along_both<P, In, Out>(
        [&](std::size_t i, std::size_t j) { return packets::ploadu<P>(from.at(i, j) + e); },
        transform,
        [&](std::size_t i, std::size_t j, const P& v) { packets::pstoreu(to.at(i, j) + e, v); });
}

template <class P, class T>
EIGEN_ALWAYS_INLINE void transform_columns(const T* const (&row)[reach], std::size_t at,
                                           std::size_t pitch, T* to) {
  P d[reach], v[reach];
  for (std::size_t i = 0; i < reach; ++i) d[i] = packets::ploadu<P>(row[i] + at);
  transform_input(d, v);
  for (std::size_t i = 0; i < reach; ++i) packets::pstoreu(to + i * pitch + at, v[i]);
}

/// Bᵀ d along the columns [begin, end) of six rows. Always in packets: scalar multiply-adds may be
/// rounded differently, and results must not depend on the position of a column.
template <class T>
void transform_columns(const T* const (&row)[reach], std::size_t begin, std::size_t end,
                       std::size_t pitch, T* to) {
  for (; begin + lanes<T> <= end; begin += lanes<T>)
    transform_columns<Packet<T>>(row, begin, pitch, to);
  for (; begin + side <= end; begin += side) transform_columns<Vec4<T>>(row, begin, pitch, to);
  if (begin == end) return;
  T from[reach][side] = {}, rest[reach * side];
  const T* start[reach];
  for (std::size_t i = 0; i < reach; ++i)
    start[i] = std::copy_n(row[i] + begin, end - begin, from[i]) - (end - begin);
  transform_columns<Vec4<T>>(start, 0, side, rest);
  for (std::size_t i = 0; i < reach; ++i)
    std::copy_n(rest + i * side, end - begin, to + i * pitch + begin);
}

/// (Bᵀ d) B for four tiles whose transformed columns begin at `start`.
template <class T>
void transform_rows(const T* const (&start)[4], std::size_t pitch, std::size_t step, T* to) {
  for (std::size_t i = 0; i < reach; ++i, to += reach * step) {
    packets::PacketBlock<Vec4<T>, 4> near, far;
    for (std::size_t t = 0; t < 4; ++t) {
      const T* from = start[t] + i * pitch;
      near.packet[t] = packets::ploadu<Vec4<T>>(from);
      far.packet[t] = packets::ploadu<Vec4<T>>(from + side);
    }
    packets::ptranspose(near);
    packets::ptranspose(far);
    const Vec4<T> d[reach] = {near.packet[0], near.packet[1], near.packet[2],
                              near.packet[3], far.packet[0],  far.packet[1]};
    Vec4<T> v[reach];
    transform_input(d, v);
    for (std::size_t j = 0; j < reach; ++j) packets::pstoreu(to + j * step, v[j]);
  }
}

/// G g Gᵀ for the weights of tile_rows outputs, packed (channel, tap, tile_rows).
template <class T>
void transform_weights(const T* packed, std::size_t channels, std::size_t step, T* to) {
  const auto transform = [](const auto& g, auto& u) { transform_weight(g, u); };
  for (std::size_t c = 0; c < channels; ++c, packed += taps * taps * tile_rows, to += tile_rows)
    transform_squares<Outputs<T>, taps, reach, T>({packed, taps * tile_rows, tile_rows}, tile_rows,
                                                  transform, {to, reach * step, step});
}

/// Aᵀ m A for the first `count` tiles of a panel for one output channel: (row, column, tile).
template <class T>
void transform_sums(const T* sums, std::size_t count, T* to) {
  transform_squares<Packet<T>, reach, side, T>(
      {sums, reach * panel<T>, panel<T>}, count,
      [](const auto& m, auto& y) { transform_output(m, y); }, {to, side * panel<T>, panel<T>});
}

/// Bᵀ d B for a panel of channels of a tile in channels-last order; `row` is the distance of rows
/// of pixels.
template <class T>
void transform_patch(const T* pixels, std::size_t row, std::size_t step, T* to) {
  transform_squares<Packet<T>, reach, reach, T>(
      {pixels, row, panel<T>}, panel<T>, [](const auto& d, auto& v) { transform_input(d, v); },
      {to, reach * step, step});
}

/// The same for A dY Aᵀ and tile_rows channels.
template <class T>
void transform_gradient_patch(const T* pixels, std::size_t row, std::size_t step, T* to) {
  transform_squares<Outputs<T>, side, reach, T>(
      {pixels, row, panel<T>}, tile_rows,
      [](const auto& y, auto& m) { transform_output_gradient(y, m); }, {to, reach * step, step});
}

/// Gᵀ u G for a panel of input channels of one output channel: (tap, input channel).
template <class T>
void transform_weight_sums(const T* sums, T* to) {
  transform_squares<Packet<T>, reach, taps, T>(
      {sums, reach * panel<T>, panel<T>}, panel<T>,
      [](const auto& u, auto& g) { transform_weight_gradient(u, g); },
      {to, taps * panel<T>, panel<T>});
}

/// Row i of four tiles from the output of transform_sums: packet t is that of tile t.
template <class T>
EIGEN_ALWAYS_INLINE void gather_rows(const T* rows, Vec4<T> (&tiles)[4]) {
  packets::PacketBlock<Vec4<T>, 4> block;
  for (std::size_t j = 0; j < side; ++j)
    block.packet[j] = packets::ploadu<Vec4<T>>(rows + j * panel<T>);
  packets::ptranspose(block);
  for (std::size_t t = 0; t < 4; ++t) tiles[t] = block.packet[t];
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace scoresde::eigen::detail::winograd
