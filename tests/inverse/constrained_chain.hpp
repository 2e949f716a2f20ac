// SPDX-License-Identifier: MIT
/// A run with a constraint, as chain_moments takes it.
#pragma once

#include <cstddef>

#include <scoresde/observer/observer.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/workspace.hpp>

/// nfe() is the number of draws. make(samples) returns the constraint for a batch.
template <class Sampler, class Make>
struct ConstrainedChain {
  static constexpr std::size_t buffers = Sampler::buffers;
  Sampler sampler;
  Make make;
  std::size_t draws_per_step = 1;

  [[nodiscard]] std::size_t nfe() const { return draws_per_step * sampler.grid().size(); }
  template <class M, class X, class N>
  void integrate(M& model, X& x, const N& noise, scoresde::Workspace<X, buffers>& work) const {
    sampler.integrate(model, x, noise, work, scoresde::NoObserver{},
                      make(scoresde::extents(x).samples));
  }
};
