// SPDX-License-Identifier: MIT
/// A score network that counts the images it evaluates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <scoresde/score/score_model.hpp>

namespace programs {

/// Evaluates the network and counts images.
template <class Network>
class CountedNetwork {
 public:
  using Scalar = typename Network::Scalar;

  explicit CountedNetwork(Network network) : network_(std::move(network)) {}

  /// Images evaluated so far; a vjp evaluates them as well.
  [[nodiscard]] std::size_t evaluations() const { return evaluations_; }

  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] scoresde::ScoreForm score_form(double t) const { return network_.score_form(t); }
  void set_classes(std::span<const std::uint32_t> classes) { network_.set_classes(classes); }
  /// Evaluates at one time, or at a time per sample.
  template <class X, class Times>
  requires requires(Network& network, const X& x, const Times& t, X& output) {
    network.evaluate(x, t, output);
  }
  void evaluate(const X& x, const Times& t, X& output) {
    network_.evaluate(x, t, output);
    evaluations_ += x.extents().samples;
  }
  /// As the network, where that is differentiable.
  template <class X, class Times>
  requires requires(Network& network, const X& x, const Times& t, X& out) {
    network.vjp(x, t, x, out);
  }
  void vjp(const X& x, const Times& t, const X& v, X& out) {
    network_.vjp(x, t, v, out);
    evaluations_ += x.extents().samples;
  }

 private:
  Network network_;
  std::size_t evaluations_ = 0;
};

}  // namespace programs
