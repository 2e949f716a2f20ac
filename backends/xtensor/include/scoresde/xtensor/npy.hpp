// SPDX-License-Identifier: MIT
/// Reads and writes xtensor's arrays as NumPy's .npy files, for any memory layout of the array.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#if __has_include(<xtensor/core/xlayout.hpp>)
#include <xtensor/core/xlayout.hpp>
#else
#include <xtensor/xlayout.hpp>
#endif

#include <scoresde/error.hpp>
#include <scoresde/io/npy.hpp>

namespace scoresde::xtensor_backend {

using io::NpyArray;
using io::read_npy;
using io::write_npy;

/// Writes an xtensor array with its shape. The file is in C order: NumPy reads x(i, j, ...) as
/// element (i, j, ...) for row-major and column-major x. Throws Error as write_npy does.
template <class X>
void save_npy(const std::filesystem::path& path, const X& x) {
  using T = typename X::value_type;
  const std::vector<std::size_t> shape(x.shape().begin(), x.shape().end());
  const std::vector<T> values(x.template begin<xt::layout_type::row_major>(),
                              x.template end<xt::layout_type::row_major>());
  write_npy<T>(path, std::span<const T>(values), shape);
}

/// Reads an xt::xarray or xt::xtensor of any layout. Throws Error as read_npy does, and for a file
/// whose number of axes differs from that of X.
template <class X>
[[nodiscard]] X load_npy(const std::filesystem::path& path) {
  const NpyArray<typename X::value_type> file = read_npy<typename X::value_type>(path);
  typename X::shape_type shape{};
  if constexpr (requires { shape.resize(std::size_t{1}); })
    shape.resize(file.shape.size());
  else
    scoresde::require(shape.size() == file.shape.size(), "npy file ", path.string(), ": ",
                              file.shape.size(), " axes; ", shape.size(), " are required");
  std::copy(file.shape.begin(), file.shape.end(), shape.begin());
  X x;
  x.resize(shape);
  std::copy(file.values.begin(), file.values.end(), x.template begin<xt::layout_type::row_major>());
  return x;
}

}  // namespace scoresde::xtensor_backend
