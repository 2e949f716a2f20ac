// SPDX-License-Identifier: MIT
/// Dense Eigen arrays and matrices as states: one column per sample, float or double.
///
/// In column-major storage element e of sample k is at k·dim + e. Row-major arrays of more than one
/// row are rejected at compile time. Runs on the calling thread.
#pragma once

#include <concepts>
#include <cstddef>

#include <scoresde/eigen/detail/core.hpp>
#include <scoresde/state/contiguous_backend.hpp>

namespace scoresde::eigen {

/// The memory layout of a dense Eigen object with samples as columns.
template <class X>
struct ColumnLayout {
  using State = X;
  using Scalar = typename X::Scalar;

  static Extents extents(const X& x) {
    return {static_cast<std::size_t>(x.cols()), static_cast<std::size_t>(x.rows())};
  }
  static X make_like(const X& x) { return X::Zero(x.rows(), x.cols()); }
};

/// The backend of a dense Eigen array or matrix.
template <class X>
using EigenBackend = ContiguousBackend<ColumnLayout<X>>;

namespace detail {

template <class X>
struct DenseState {
  static EigenBackend<X> of(const X&) {
    static_assert(!X::IsRowMajor || X::RowsAtCompileTime == 1,
                  "scoresde: a row-major Eigen array of more than one row is not a state: samples "
                  "are columns, and element e of sample k must be at k·dim + e; use a column-major "
                  "(default) array");
    return {};
  }
};

}  // namespace detail
}  // namespace scoresde::eigen

namespace scoresde {

template <std::floating_point T, int Rows, int Cols, int Options, int MaxRows, int MaxCols>
struct backend_of<Eigen::Array<T, Rows, Cols, Options, MaxRows, MaxCols>>
    : eigen::detail::DenseState<Eigen::Array<T, Rows, Cols, Options, MaxRows, MaxCols>> {};

template <std::floating_point T, int Rows, int Cols, int Options, int MaxRows, int MaxCols>
struct backend_of<Eigen::Matrix<T, Rows, Cols, Options, MaxRows, MaxCols>>
    : eigen::detail::DenseState<Eigen::Matrix<T, Rows, Cols, Options, MaxRows, MaxCols>> {};

static_assert(State<Eigen::ArrayXXf> && State<Eigen::ArrayXXd> && State<Eigen::MatrixXd>);

}  // namespace scoresde
