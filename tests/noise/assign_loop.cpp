// SPDX-License-Identifier: MIT
// Compiled to assembly by packed.cmake.
#include <scoresde/state/host_state.hpp>

using X = scoresde::HostState<float>;

void assign(X& out, std::span<const scoresde::Term<X>> terms, scoresde::NoiseTerm noise) {
  scoresde::backend(out).assign(out, terms, noise);
}
