// SPDX-License-Identifier: MIT
/// The register tile used by all products of the Eigen backend.
///
///   C[r, j] = Σ_k A[k, r] B[k, j],   r < Rows,  j < one or two SIMD packets
///
/// A is packed with the Rows values of one k consecutive; B is read in packets. Written with
/// Eigen's packet primitives, so that the same source uses the widest instructions of the target.
/// The shapes are small (tens of channels, tens to hundreds of pixels), for which a general matrix
/// product would be dominated by packing and would allocate; this tile reads images in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <scoresde/eigen/detail/core.hpp>

namespace scoresde::eigen::detail {

namespace packets = Eigen::internal;  // for its packet primitives

template <class T>
using Packet = typename packets::packet_traits<T>::type;

/// Number of elements in a packet.
template <class T>
inline constexpr std::size_t lanes = packets::unpacket_traits<Packet<T>>::size;

/// Columns of a full tile.
template <class T>
inline constexpr std::size_t tile_columns = 2 * lanes<T>;

/// Rows of a tile unless its user has a number of its own: two packets per row must fit the
/// registers together with the operands.
inline constexpr std::size_t tile_rows = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 8 : 4;

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// A tile of B: packet j of step (d, ty, tx) is at start[j] + d·plane + ty·row + tx.
template <class T, std::size_t Packets>
struct TileSource {
  const T* start[Packets];
  std::size_t depth;
  std::ptrdiff_t plane, row;
};

/// Destination of a tile of C: out ← f((C + bias + residual)·scale), f(v) = max(v, 0) with relu,
/// else v. `bias` has Rows values; the residual has the layout of `out`, may be `out` itself
/// (which accumulates) and may be null.
template <class T>
struct TileTarget {
  T* out;
  std::ptrdiff_t row_step;
  std::size_t rows, columns;
  const T* bias;
  const T* residual;
  T scale;
  bool relu = false;
};

/// max(value, 0) with relu, else the value; not a number stays not a number.
template <class P>
EIGEN_ALWAYS_INLINE P rectified(const P& value, bool relu) {
  using T = typename packets::unpacket_traits<P>::type;
  return relu ? packets::pmax<Eigen::PropagateNaN>(value, packets::pset1<P>(T(0))) : value;
}

template <class T, std::size_t Rows, std::size_t Packets>
using TileSums = Packet<T>[Rows][Packets];

/// Keeps a loaded packet in its register. Without this GCC makes the load an operand of each
/// multiply-add, and the loads of a tile take longer than its sums.
template <class P>
EIGEN_ALWAYS_INLINE void keep_in_register([[maybe_unused]] P& value) {
#if defined(__GNUC__) && defined(__SSE2__)
  asm("" : "+v"(value));
#endif
}

/// sums[r, j] += a[r]·b[j] for one row r.
template <class T, std::size_t Packets>
EIGEN_ALWAYS_INLINE void add_row(T a, const Packet<T> (&b)[Packets], Packet<T> (&sums)[Packets]) {
  const auto value = packets::pset1<Packet<T>>(a);
  sums[0] = packets::pmadd(value, b[0], sums[0]);
  if constexpr (Packets == 2) sums[1] = packets::pmadd(value, b[1], sums[1]);
}

template <class T, std::size_t Packets, std::size_t... R>
EIGEN_ALWAYS_INLINE void tile_step(const T* a, const T* const (&at)[Packets], std::ptrdiff_t shift,
                                   TileSums<T, sizeof...(R), Packets>& sums,
                                   std::index_sequence<R...>) {
  Packet<T> b[Packets];
  b[0] = packets::ploadu<Packet<T>>(at[0] + shift);
  if constexpr (Packets == 2) b[1] = packets::ploadu<Packet<T>>(at[1] + shift);
  for (Packet<T>& packet : b) keep_in_register(packet);
  (add_row<T, Packets>(a[R], b, sums[R]), ...);
}

/// Sums over depth·Taps² steps. Taps = 3 reads a 3×3 neighborhood of each plane.
template <class T, std::size_t Packets, std::ptrdiff_t Taps, std::size_t... R>
EIGEN_ALWAYS_INLINE void sum_tile(const T* a, const TileSource<T, Packets>& source,
                                  TileSums<T, sizeof...(R), Packets>& sums,
                                  std::index_sequence<R...> rows) {
  const T* at[Packets];
  for (std::size_t j = 0; j < Packets; ++j) at[j] = source.start[j];
  ((sums[R][0] = packets::pset1<Packet<T>>(T(0))), ...);
  if constexpr (Packets == 2) ((sums[R][1] = packets::pset1<Packet<T>>(T(0))), ...);
  for (std::size_t d = 0; d < source.depth; ++d) {
    for (std::ptrdiff_t ty = 0; ty < Taps; ++ty) {
      const std::ptrdiff_t shift = ty * source.row;
      tile_step<T, Packets>(a, at, shift, sums, rows);
      if constexpr (Taps == 3) {
        tile_step<T, Packets>(a + sizeof...(R), at, shift + 1, sums, rows);
        tile_step<T, Packets>(a + 2 * sizeof...(R), at, shift + 2, sums, rows);
      }
      a += static_cast<std::size_t>(Taps) * sizeof...(R);
    }
    at[0] += source.plane;
    if constexpr (Packets == 2) at[1] += source.plane;
  }
}

template <class T, std::size_t Packets, std::size_t... R>
EIGEN_ALWAYS_INLINE void store_tile(const TileTarget<T>& target,
                                    const TileSums<T, sizeof...(R), Packets>& sums,
                                    std::index_sequence<R...>) {
  const auto scale = packets::pset1<Packet<T>>(target.scale);
  const auto store = [&](std::ptrdiff_t at, const Packet<T>& sum, T bias) {
    Packet<T> value = packets::padd(sum, packets::pset1<Packet<T>>(bias));
    if (target.residual != nullptr)
      value = packets::padd(value, packets::ploadu<Packet<T>>(target.residual + at));
    packets::pstoreu(target.out + at, rectified(packets::pmul(value, scale), target.relu));
  };
  constexpr auto second = static_cast<std::ptrdiff_t>(lanes<T>);
  (store(static_cast<std::ptrdiff_t>(R) * target.row_step, sums[R][0], target.bias[R]), ...);
  if constexpr (Packets == 2)
    (store(static_cast<std::ptrdiff_t>(R) * target.row_step + second, sums[R][1], target.bias[R]),
     ...);
}

/// One tile of C: a full tile is stored directly from the registers, a border tile through memory.
/// Not inlined, because inside other code compilers spill the sums, as they do if both kinds of
/// tiles share them.
template <class T, std::size_t Packets, std::ptrdiff_t Taps, std::size_t Rows = tile_rows>
EIGEN_DONT_INLINE void multiply_tile(const T* a, const TileSource<T, Packets>& source,
                                     const TileTarget<T>& target) {
  constexpr auto rows = std::make_index_sequence<Rows>{};
  constexpr std::size_t width = Packets * lanes<T>;
  if (target.rows == Rows && target.columns == width) {
    TileSums<T, Rows, Packets> sums;
    sum_tile<T, Packets, Taps>(a, source, sums, rows);
    store_tile<T, Packets>(target, sums, rows);
    return;
  }
  TileSums<T, Rows, Packets> sums;
  sum_tile<T, Packets, Taps>(a, source, sums, rows);
  alignas(64) T border[Rows * width];
  store_tile<T, Packets>({border, width, Rows, width, target.bias, nullptr, T(1)}, sums, rows);
  for (std::size_t r = 0; r < target.rows; ++r) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(r) * target.row_step;
    for (std::size_t j = 0; j < target.columns; ++j) {
      const std::ptrdiff_t at = row + static_cast<std::ptrdiff_t>(j);
      const T residual = target.residual != nullptr ? target.residual[at] : T(0);
      target.out[at] = rectified((border[r * width + j] + residual) * target.scale, target.relu);
    }
  }
}

/// A tile of a product with a packed panel of B: `panel` has depth rows of tile_columns values.
template <std::size_t Rows = tile_rows, class T>
void multiply_panel(const T* a, const T* panel, std::size_t depth, const TileTarget<T>& target) {
  constexpr auto pitch = static_cast<std::ptrdiff_t>(tile_columns<T>);
  if (target.columns > lanes<T>)
    multiply_tile<T, 2, 1, Rows>(a, {{panel, panel + lanes<T>}, depth, pitch, 0}, target);
  else
    multiply_tile<T, 1, 1, Rows>(a, {{panel}, depth, pitch, 0}, target);
}

/// The first address in `memory` at a cache line; `memory` must have one additional line.
template <class T>
T* cache_line(T* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return memory + (round_up(address, 64) - address) / sizeof(T);
}

template <class T>
inline constexpr std::size_t cache_line_elements = 64 / sizeof(T);

}  // namespace scoresde::eigen::detail
