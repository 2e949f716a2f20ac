// SPDX-License-Identifier: MIT
/// xtensor containers as states: the first axis is the sample, the others are its elements, so that
/// a batch of images is (n, C, H, W).
///
/// In row-major storage element e of sample k is at k·dim + e; other layouts are rejected at
/// compile time. Runs on the calling thread.
#pragma once

#include <concepts>
#include <cstddef>

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#endif

#include <scoresde/state/contiguous_backend.hpp>

namespace scoresde::xtensor_backend {

/// The memory layout of a row-major container whose first axis is the sample.
template <class X>
struct LeadingAxisLayout {
  using State = X;
  using Scalar = typename X::value_type;

  /// Throws Error for a container without axes.
  static Extents extents(const X& x) {
    scoresde::require(x.dimension() >= 1,
                      "xtensor state: the container has no axis; its first axis must be "
                      "the samples");
    std::size_t dim = 1;
    for (std::size_t axis = 1; axis < x.dimension(); ++axis) dim *= x.shape()[axis];
    return {x.shape()[0], dim};
  }
  static X make_like(const X& x) {
    X state;
    state.resize(x.shape());
    state.fill(Scalar(0));
    return state;
  }
};

/// The backend of an xt::xarray or xt::xtensor.
template <class X>
using XtensorBackend = ContiguousBackend<LeadingAxisLayout<X>>;

namespace detail {

template <class X, xt::layout_type Layout>
struct ContainerState {
  static XtensorBackend<X> of(const X&) {
    static_assert(Layout == xt::layout_type::row_major,
                  "scoresde: an xtensor state must be row-major (the default): element e of sample "
                  "k must be at k·dim + e");
    return {};
  }
};

}  // namespace detail
}  // namespace scoresde::xtensor_backend

namespace scoresde {

template <class Storage, xt::layout_type Layout, class Shape, class Tag>
requires std::floating_point<typename Storage::value_type>
struct backend_of<xt::xarray_container<Storage, Layout, Shape, Tag>>
    : xtensor_backend::detail::ContainerState<xt::xarray_container<Storage, Layout, Shape, Tag>,
                                              Layout> {
};

template <class Storage, std::size_t N, xt::layout_type Layout, class Tag>
requires std::floating_point<typename Storage::value_type>
struct backend_of<xt::xtensor_container<Storage, N, Layout, Tag>>
    : xtensor_backend::detail::ContainerState<xt::xtensor_container<Storage, N, Layout, Tag>,
                                              Layout> {
};

static_assert(State<xt::xarray<float>> && State<xt::xtensor<double, 4>>);

}  // namespace scoresde
