// SPDX-License-Identifier: MIT
/// FinalStep: how a run to the data ends, as a type.
///
///   ToEps      at the grid's last time, whose noise is still in x
///   ToZero     the last step goes to noise-free data in place of the grid's last time
///   Denoise    as ToEps, then the data predicted by one evaluation more (Tweedie's formula)
///
/// λ = ln(α/σ) is infinite at noise-free data: no step in λ reaches them, a prediction does.
#pragma once

#include <concepts>
#include <cstddef>

#include <scoresde/solver/solver.hpp>

namespace scoresde {

struct ToEps {
  template <class R>
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) {
    return solver_nfe<R>(steps);
  }
};

struct ToZero {
  template <class R>
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) {
    return steps == 0 ? 0 : solver_nfe<R>(steps - 1) + 1;
  }
};

struct Denoise {
  template <class R>
  [[nodiscard]] static constexpr std::size_t nfe(std::size_t steps) {
    return solver_nfe<R>(steps) + 1;
  }
};

template <class F>
concept FinalStep = std::same_as<F, ToEps> || std::same_as<F, ToZero> || std::same_as<F, Denoise>;

}  // namespace scoresde
