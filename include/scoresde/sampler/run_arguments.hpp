// SPDX-License-Identifier: MIT
/// The arguments of a run: instantiating one of these reports the first that is not valid.
///
/// Every entry of a sampler has a second overload for all other arguments, constrained by the
/// negation of its call form (`is_sample_call`, …). Its static_assert is the compiler's first
/// error.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <scoresde/noise/noise_source.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/workspace.hpp>

namespace scoresde {

/// The workspace of a state, for parameters from which it is not deduced, so that a const state is
/// reported by StateArgument.
template <class X, std::size_t Buffers>
using WorkspaceOf = Workspace<std::remove_const_t<X>, Buffers>;

/// In the place of the model for runs that take none.
struct NoModel {};

/// X is the type of an lvalue, T&& that of a temporary.
template <class X>
struct StateArgument {
  static_assert(!std::is_const_v<X>, "sampler: the state is const; a run writes to it");
  static_assert(std::is_const_v<X> || State<X>,
                "sampler: no Backend is known for this state; specialize scoresde::backend_of with "
                "`static auto of(const X&)`");
  static constexpr bool fits = !std::is_const_v<X> && State<X>;
  static constexpr bool checked = true;
};
template <class X>
struct StateArgument<X&&> {
  static_assert(!std::same_as<X, X>,
                "sampler: the state is a temporary; a run writes its result to it, so pass a "
                "variable");
  static constexpr bool fits = false;
  static constexpr bool checked = true;
};

/// Reports a state in the place of the model or the noise. A type other than a state in its place
/// is reported by StateArgument.
template <class M, class X, class N = void>
struct OrderOfArguments {
  static_assert(
      State<std::remove_cvref_t<X>> ||
          !(State<std::remove_const_t<M>> || State<std::remove_const_t<N>>),
      "sampler: the state is not in its place; the arguments are, in this order, model, state, "
      "noise, workspace and observer, as far as the call takes them");
};

template <class M, class X>
struct ModelArgument : OrderOfArguments<M, X>, StateArgument<X> {
  static_assert(!StateArgument<X>::fits || std::same_as<M, NoModel> || ScoreModel<M, X>,
                "sampler: the model is not a score model for this state; it needs evaluate(const "
                "State& x, double t, State& output) and score_form(double t) returning ScoreForm, "
                "not const, and no overload of evaluate that takes its output by value; "
                "score_function(f) makes one of a function");
};
template <class X, class N>
struct NoiseArgument : OrderOfArguments<void, X, N>, StateArgument<X> {
  static_assert(!StateArgument<X>::fits || NoiseSource<N, X>,
                "sampler: the noise is not a noise source; it needs draw(index) returning NoiseDraw"
                " or const State&, as Noise{.seed = 42} has");
};
namespace detail {

template <class W, class X, std::size_t Buffers>
inline constexpr bool is_workspace = false;
template <State X, std::size_t Buffers>
inline constexpr bool is_workspace<Workspace<X, Buffers>&, X, Buffers> = true;

}  // namespace detail

/// W is Workspace<X, Buffers>& for an argument of that type.
template <class X, class W, std::size_t Buffers>
struct WorkspaceArgument {
  static_assert(!StateArgument<X>::fits || detail::is_workspace<W, X, Buffers>,
                "sampler: the workspace is not a variable of type Workspace<State, buffers> with "
                "the type of the state and the sampler's buffers; `Workspace<State, "
                "decltype(sampler)::buffers> work(x)` makes one");
};

template <class M, class X, class N>
struct RunArguments : OrderOfArguments<M, X, N>, ModelArgument<M, X>, NoiseArgument<X, N> {
  static constexpr bool checked = true;
};

/// True for arguments of the form sample(model, x, noise, …); two may follow.
template <class... A>
inline constexpr bool is_sample_call = false;
template <class M, class X, class N, class... O>
inline constexpr bool is_sample_call<M, X&, N, O...> = sizeof...(O) <= 2;

/// True for arguments of the form integrate(model, x, noise, work, …) of a sampler; two may follow.
template <class S, class... A>
inline constexpr bool is_integrate_call = false;
template <class S, class M, State X, class N, std::size_t B, class... O>
inline constexpr bool is_integrate_call<S, M, X&, N, Workspace<X, B>&, O...> = B == S::buffers &&
                                                                               sizeof...(O) <= 2;

/// True for arguments of the form decode(model, x, work, …) of a sampler; one may follow.
template <class S, class... A>
inline constexpr bool is_decode_call = false;
template <class S, class M, class X, State W, std::size_t B, class... O>
inline constexpr bool is_decode_call<S, M, X&, Workspace<W, B>&, O...> =
    std::same_as<W, std::remove_const_t<X>>&& B == S::buffers && sizeof...(O) <= 1;

/// The type of an argument, deduced as A&&, for StateArgument.
template <class A>
using StateOf = std::conditional_t<std::is_lvalue_reference_v<A>, std::remove_reference_t<A>, A&&>;

/// The arguments of a call of `sample`, deduced as A&&...
template <class... A>
struct SampleArguments {
  static constexpr bool checked = true;
};
template <class M, class X, class N, class... O>
struct SampleArguments<M, X, N, O...>
    : RunArguments<std::remove_reference_t<M>, StateOf<X>, std::remove_cvref_t<N>> {};

/// The arguments of a call of `integrate`, deduced as A&&...
template <std::size_t Buffers, class... A>
struct IntegrateArguments {
  static constexpr bool checked = true;
};
template <std::size_t Buffers, class M, class X, class N, class W, class... O>
struct IntegrateArguments<Buffers, M, X, N, W, O...> : SampleArguments<M, X, N>,
                                                       WorkspaceArgument<StateOf<X>, W, Buffers> {};

/// The arguments of a call of `decode`, deduced as A&&...
template <std::size_t Buffers, class... A>
struct DecodeArguments {
  static constexpr bool checked = true;
};
template <std::size_t Buffers, class M, class X, class W, class... O>
struct DecodeArguments<Buffers, M, X, W, O...>
    : ModelArgument<std::remove_reference_t<M>, StateOf<X>>,
      WorkspaceArgument<StateOf<X>, W, Buffers> {
  static constexpr bool checked = true;
};

}  // namespace scoresde
