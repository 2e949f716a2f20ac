// SPDX-License-Identifier: MIT
/// HostState: the default CPU state, stored in a std::vector.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/state/contiguous_backend.hpp>

namespace scoresde {

/// A batch of points in one std::vector, element e of sample k at k·dim + e.
template <class T>
class HostState {
 public:
  using Scalar = T;

  HostState() = default;
  explicit HostState(Extents extents) : extents_(extents), values_(extents.size()) {}
  /// Throws Error unless there is one value per element.
  HostState(Extents extents, std::vector<T> values)
      : extents_(extents), values_(std::move(values)) {
    require(values_.size() == extents.size(), "host state: ", values_.size(), " values given for ",
            extents.samples, " samples of dimension ", extents.dim);
  }

  [[nodiscard]] Extents extents() const { return extents_; }
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  /// All elements.
  [[nodiscard]] std::span<T> span() { return values_; }
  [[nodiscard]] std::span<const T> span() const { return values_; }
  [[nodiscard]] T& operator()(std::size_t k, std::size_t e) {
    return values_[k * extents_.dim + e];
  }
  [[nodiscard]] T operator()(std::size_t k, std::size_t e) const {
    return values_[k * extents_.dim + e];
  }
  /// Sample k.
  [[nodiscard]] std::span<T> operator[](std::size_t k) {
    return {data() + k * extents_.dim, extents_.dim};
  }
  [[nodiscard]] std::span<const T> operator[](std::size_t k) const {
    return {data() + k * extents_.dim, extents_.dim};
  }

 private:
  Extents extents_;
  std::vector<T> values_;
};

/// The layout of a HostState.
template <class T>
struct HostLayout {
  using State = HostState<T>;
  using Scalar = T;
  static Extents extents(const State& x) { return x.extents(); }
  static State make_like(const State& x) { return State(x.extents()); }
};

template <class T>
struct HostBackend : ContiguousBackend<HostLayout<T>> {};

template <class T>
struct backend_of<HostState<T>> {
  static HostBackend<T> of(const HostState<T>&) { return {}; }
};

static_assert(State<HostState<float>> && State<HostState<double>>);
static_assert(ElementwiseState<HostState<float>> && QuantileState<HostState<float>>);

}  // namespace scoresde
