// SPDX-License-Identifier: MIT
/// DeviceOperator: a linear operator of an inverse problem on states in device memory.
///
///   A, Aᵀ, A⁺, Uᵀ, Vᵀ and V as sparse matrices, found column by column from an operator on the host
///
/// Every operator with a singular value decomposition has one, those of the library and of users
/// alike. Masks are copies, as on the host; other results agree to rounding. A blur of images of
/// 3·32·32 elements takes 140 MB, and a few seconds to make.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/sparse_matrix.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/error.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::cuda {
namespace detail {

/// A linear map of samples, in device memory.
class DeviceMap {
 public:
  /// map(in, out) on batches in host memory. Throws Error for more than 2³² − 1 entries that are
  /// not 0, and as Context::allocate does.
  template <class Map>
  DeviceMap(const Context& context, std::size_t rows, std::size_t columns, const Map& map)
      : DeviceMap(context, columns, entries_of(rows, columns, map)) {}

  /// Throws Error for states of other shapes or contexts.
  template <class T>
  void operator()(const DeviceState<T>& in, DeviceState<T>& out) const {
    const Extents from = in.extents(), to = out.extents();
    require(from.dim == columns_ && to.dim == rows_ && from.samples == to.samples,
            "device operator: a map from ", from.samples, " samples of dimension ", from.dim,
            " to ", to.samples, " of dimension ", to.dim, "; the dimensions must be ", columns_,
            " and ", rows_, ", with as many samples");
    require(in.context() == starts_.context() && out.context() == starts_.context(),
            "device operator: a state belongs to another context than the operator; all must share "
            "one");
    sparse_product(
        in.context(),
        {static_cast<std::uint32_t>(rows_), static_cast<std::uint32_t>(columns_),
         starts_.data<std::uint32_t>(), indices_.data<std::uint32_t>(), values_.data<double>()},
        from.samples, in.device_data(), out.device_data());
  }

 private:
  struct Entries {
    std::vector<std::uint32_t> starts, indices;
    std::vector<double> values;
  };

  DeviceMap(const Context& context, std::size_t columns, const Entries& entries)
      : rows_(entries.starts.size() - 1),
        columns_(columns),
        starts_(placed(context, entries.starts)),
        indices_(placed(context, entries.indices)),
        values_(placed(context, entries.values)) {}

  /// By the images of unit vectors, some at a time.
  template <class Map>
  static Entries entries_of(std::size_t rows, std::size_t columns, const Map& map) {
    constexpr std::size_t at_once = 64;
    std::vector<std::vector<std::pair<std::uint32_t, double>>> found(rows);
    std::size_t count = 0;
    for (std::size_t first = 0; first < columns; first += at_once) {
      const std::size_t units = std::min(at_once, columns - first);
      HostState<double> in({units, columns}), out({units, rows});
      for (std::size_t k = 0; k < units; ++k) in(k, first + k) = 1;
      map(in, out);
      for (std::size_t k = 0; k < units; ++k)
        for (std::size_t i = 0; i < rows; ++i)
          if (out(k, i) != 0) {
            found[i].emplace_back(static_cast<std::uint32_t>(first + k), out(k, i));
            ++count;
          }
    }
    require(count <= std::numeric_limits<std::uint32_t>::max(), "device operator: its matrix has ",
            count, " entries that are not 0; at most 2^32 - 1 are allowed");
    Entries entries{{0}, {}, {}};
    for (const auto& row : found) {
      for (const auto& [index, value] : row) {
        entries.indices.push_back(index);
        entries.values.push_back(value);
      }
      entries.starts.push_back(static_cast<std::uint32_t>(entries.indices.size()));
    }
    return entries;
  }
  template <class T>
  static DeviceMemory placed(const Context& context, const std::vector<T>& values) {
    DeviceMemory memory(context, values.size() * sizeof(T));
    context.copy_to_device(memory.data(), values.data(), memory.bytes());
    return memory;
  }

  std::size_t rows_, columns_;
  DeviceMemory starts_, indices_, values_;
};

}  // namespace detail

/// Models SpectralOperator for DeviceState<float> and DeviceState<double> of the context.
/// Move-only.
template <SpectralOperator<HostState<double>> A>
class DeviceOperator {
 public:
  static constexpr bool orthonormal_rows = A::orthonormal_rows;

  /// Keeps no reference to op. Throws Error if the device does not have enough memory.
  DeviceOperator(const Context& context, const A& op)
      : rows_(op.rows()),
        columns_(op.columns()),
        singular_values_(op.singular_values().begin(), op.singular_values().end()),
        apply_(context, rows_, columns_, [&](const Host& x, Host& y) { op.apply(x, y); }),
        adjoint_(context, columns_, rows_, [&](const Host& y, Host& x) { op.adjoint(y, x); }),
        inverse_(context, columns_, rows_,
                 [&](const Host& y, Host& x) { op.pseudo_inverse(y, x); }),
        left_(context, rows_, rows_, [&](const Host& y, Host& c) { op.left_coordinates(y, c); }),
        right_(context, rows_, columns_,
               [&](const Host& x, Host& c) { op.right_coordinates(x, c); }),
        from_right_(context, columns_, rows_,
                    [&](const Host& c, Host& x) { op.from_right_coordinates(c, x); }) {}

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::span<const double> singular_values() const { return singular_values_; }

  template <class T>
  void apply(const DeviceState<T>& x, DeviceState<T>& y) const {
    apply_(x, y);
  }
  template <class T>
  void adjoint(const DeviceState<T>& y, DeviceState<T>& x) const {
    adjoint_(y, x);
  }
  template <class T>
  void pseudo_inverse(const DeviceState<T>& y, DeviceState<T>& x) const {
    inverse_(y, x);
  }
  template <class T>
  void left_coordinates(const DeviceState<T>& y, DeviceState<T>& c) const {
    left_(y, c);
  }
  template <class T>
  void right_coordinates(const DeviceState<T>& x, DeviceState<T>& c) const {
    right_(x, c);
  }
  template <class T>
  void from_right_coordinates(const DeviceState<T>& c, DeviceState<T>& x) const {
    from_right_(c, x);
  }

 private:
  using Host = HostState<double>;

  std::size_t rows_, columns_;
  std::vector<double> singular_values_;
  detail::DeviceMap apply_, adjoint_, inverse_, left_, right_, from_right_;
};

}  // namespace scoresde::cuda
