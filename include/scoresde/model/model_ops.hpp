// SPDX-License-Identifier: MIT
/// ModelOps: what a backend of network operations provides in addition so that its networks are
/// score models: the states that they are evaluated on.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::nn {

/// Ops::State is the backend's state for batches of external images: element e of sample k is the
/// Scalar at index k·dim + e of elements(x), in the backend's memory.
template <class Ops>
concept ModelOps = NetworkOps<Ops> && State<typename Ops::State> &&
    requires(const Ops& ops, Extents extents, typename Ops::State& x,
             const typename Ops::State& constant, const typename Ops::Scalar* from,
             std::span<const double> factors, typename Ops::Scalar* to,
             std::span<const typename Ops::Scalar> host,
             std::vector<typename Ops::Scalar>& values) {
  { ops.make_state(extents) } -> std::same_as<typename Ops::State>;
  { Ops::elements(constant) } -> std::same_as<const typename Ops::Scalar*>;
  { Ops::elements(x) } -> std::same_as<typename Ops::Scalar*>;
  /// to[k, e] ← factors[k]·from[k, e]; all in the backend's memory, `to` may be `from`.
  ops.scale_states(from, extents, factors, to);
  /// Copies host memory to the backend's.
  ops.upload(host, to);
  /// Copies the backend's memory to the host's: as many values as the vector has.
  ops.download(from, values);
};

/// A backend whose operations can be captured and replayed. Ops::Coefficients{data} points to
/// doubles in the backend's memory that differ between replays.
template <class Ops>
concept CapturableOps = ModelOps<Ops> && requires(const typename Ops::Coefficients& coefficients) {
  { coefficients.data } -> std::convertible_to<const double*>;
};

/// A state with contiguous elements in host memory, element e of sample k at k·dim + e.
template <class X>
concept ContiguousHostState = State<X> && requires(const X& x, X& out) {
  { *x.data() } -> std::convertible_to<double>;
  *out.data() = *x.data();
};

/// The states that a backend's networks are evaluated on: its own and, for backends on the host,
/// every other ContiguousHostState.
template <class X, class Ops>
concept NetworkState = std::same_as<X, typename Ops::State> ||
    (ContiguousHostState<typename Ops::State>&& ContiguousHostState<X>);

/// The type of a state's elements.
template <class X, class Ops>
struct element_of {
  using type = std::remove_cvref_t<decltype(*std::declval<const X&>().data())>;
};
template <class X, class Ops>
requires std::same_as<X, typename Ops::State>
struct element_of<X, Ops> {
  using type = typename Ops::Scalar;
};

}  // namespace scoresde::nn
