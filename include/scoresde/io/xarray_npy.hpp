// SPDX-License-Identifier: MIT
/// Arrays of xtensor as NumPy's .npy files, in and out, in any memory layout of the array. Includes
/// nothing of xtensor: what it uses are the members that xtensor's containers have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <type_traits>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/io/npy.hpp>

namespace scoresde::io {

/// A container of xtensor: shape(), begin<layout>() and a static layout.
template <class X>
concept XtensorContainer = requires(X& x) {
  typename X::value_type;
  typename X::shape_type;
  X::static_layout;
  x.shape();
};

/// Writes an xtensor array with its shape. The file is in C order: NumPy reads element (i, j, ...)
/// where x(i, j, ...) is, row-major or column-major. Throws Error as write_npy.
template <XtensorContainer X>
void save_npy(const std::filesystem::path& path, const X& x) {
  using T = typename X::value_type;
  constexpr auto row_major = std::remove_cvref_t<decltype(X::static_layout)>::row_major;
  const std::vector<std::size_t> shape(x.shape().begin(), x.shape().end());
  const std::vector<T> values(x.template begin<row_major>(), x.template end<row_major>());
  write_npy<T>(path, std::span<const T>(values), shape);
}

/// Reads an xt::xarray or xt::xtensor of any layout. Throws Error as read_npy, and for a file with
/// another number of axes than X has.
template <XtensorContainer X>
[[nodiscard]] X load_npy(const std::filesystem::path& path) {
  constexpr auto row_major = std::remove_cvref_t<decltype(X::static_layout)>::row_major;
  const NpyArray<typename X::value_type> file = read_npy<typename X::value_type>(path);
  typename X::shape_type shape{};
  if constexpr (requires { shape.resize(std::size_t{1}); })
    shape.resize(file.shape.size());
  else
    require(shape.size() == file.shape.size(), "npy file ", path.string(), ": ", file.shape.size(),
            " axes; ", shape.size(), " are required");
  std::copy(file.shape.begin(), file.shape.end(), shape.begin());
  X x;
  x.resize(shape);
  std::copy(file.values.begin(), file.values.end(), x.template begin<row_major>());
  return x;
}

}  // namespace scoresde::io
