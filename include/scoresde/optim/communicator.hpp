// SPDX-License-Identifier: MIT
/// Communicator: the ranks of a distributed run and the two operations between them.
///
///   all_reduce: xᵣ ← Σₛ xₛ on every rank r,   broadcast: xᵣ ← x₀
///
/// Each rank differentiates its part of a batch; the sum of their gradients is that of the batch,
/// because every random number is named by the position in the whole batch.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace scoresde {

/// A handle, the same on every rank but for rank(); all ranks call the operations in the same order
/// with spans of the same length. Spans of T are in the memory of the backend that trains, those of
/// double in host memory.
template <class C, class T = float>
concept Communicator = requires(C& communicator, const C& constant, std::span<T> values,
                                std::span<double> numbers) {
  { constant.rank() } -> std::same_as<std::size_t>;
  { constant.size() } -> std::same_as<std::size_t>;
  { communicator.all_reduce(values) } -> std::same_as<void>;
  { communicator.all_reduce(numbers) } -> std::same_as<void>;
  { communicator.broadcast(values) } -> std::same_as<void>;
};

/// A communicator whose sums of T continue while the caller computes. begin_all_reduce starts one,
/// of memory that must stay untouched until finish_all_reduces, which ends all; advance continues
/// them as far as messages arrived, without waiting. The sums have the bits of all_reduce.
template <class C, class T = float>
concept OverlappingCommunicator = Communicator<C, T> &&
    requires(C& communicator, std::span<T> values) {
  { communicator.begin_all_reduce(values) } -> std::same_as<void>;
  { communicator.advance() } -> std::same_as<void>;
  { communicator.finish_all_reduces() } -> std::same_as<void>;
};

/// Whether all_reduce adds in the binary tree of tree_sum.hpp, which a communicator states by a
/// member `static constexpr bool sums_in_tree = true`.
template <class C>
inline constexpr bool sums_in_tree = false;
template <class C>
requires requires { requires C::sums_in_tree; }
inline constexpr bool sums_in_tree<C> = true;

/// One rank: no communication.
struct NoCommunicator {
  static constexpr bool sums_in_tree = true;
  [[nodiscard]] static constexpr std::size_t rank() { return 0; }
  [[nodiscard]] static constexpr std::size_t size() { return 1; }
  template <class T>
  static void all_reduce(std::span<T>) {}
  template <class T>
  static void broadcast(std::span<T>) {}
};

static_assert(Communicator<NoCommunicator, float> && Communicator<NoCommunicator, double>);

}  // namespace scoresde
