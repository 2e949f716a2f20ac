// SPDX-License-Identifier: MIT
/// The template argument of a class whose constructors do not take the arguments given.
///
/// A deduction guide with parameters (...) is the last choice of overload resolution, so
/// `Sampler(...) -> Sampler<NotDeduced>` is chosen for arguments that no constructor takes. The
/// first static_assert of the class, `deduced<S>`, is then the compiler's first error.
#pragma once

#include <type_traits>

namespace scoresde {

struct NotDeduced {};

/// False for the class of the guide above.
template <class S>
inline constexpr bool deduced = !std::is_same_v<S, NotDeduced>;

/// False, for the static_assert of an overload that reports the arguments of a call.
template <class...>
inline constexpr bool never = false;

}  // namespace scoresde
