// SPDX-License-Identifier: MIT
/// Brownian tree: a Brownian path per element, evaluated at any time from a few named draws.
///
///   W(u) = (u − u₀)/√(u₁ − u₀)·z₀ + Σⱼ sⱼ(u)·zⱼ + √((u − l)(r − u)/(r − l))·z_leaf
///   sⱼ(u) = √((m − l)(r − m)/(r − l)) · min((u − l)/(m − l), (r − u)/(r − m))
///
/// Positions in [0, 1] are halved `depth` times. Node j halves an interval whose ends and midpoint
/// have variances l, r and m; the leaf is the last interval around u. This is Lévy's midpoint
/// construction, written as a sum over Ciesielski's hat functions (Karatzas & Shreve 1991,
/// section 2.3) in an arbitrary increasing clock. A tree that generates its nodes on demand and
/// stores none is described by Li et al. 2020 (arXiv:2001.01328), section 4. Bridging the leaf at u
/// itself makes the increments of a run exactly independent normals, provided that no two of its
/// times lie inside one leaf.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// weight·z of a node's draw. Node 0 is the end of the path; the others are numbered like a heap:
/// node j has children 2j and 2j + 1, and the leaves follow the last halving.
struct BrownianTerm {
  std::uint64_t node = 0;
  double weight = 0;
};

/// W(to) − W(from) as a linear combination of independent normals; Σ weight² is the variance.
class BrownianIncrement {
 public:
  static constexpr int max_depth = 32;
  static constexpr std::size_t max_terms = 2 * (max_depth + 1) + 1;

  [[nodiscard]] std::span<const BrownianTerm> terms() const { return {terms_.data(), size_}; }
  [[nodiscard]] double variance() const { return variance_; }

 private:
  template <class Clock>
  friend class BrownianTree;

  void add(std::uint64_t node, double weight) {
    if (weight != 0) terms_[size_++] = {node, weight};
  }

  std::array<BrownianTerm, max_terms> terms_{};
  std::size_t size_ = 0;
  double variance_ = 0;
};

/// The nodes and weights of a path; it generates no numbers itself. Clock is a BrownianClock
/// (brownian/clock.hpp).
template <class Clock>
class BrownianTree {
 public:
  static constexpr int max_depth = BrownianIncrement::max_depth;

  /// Throws Error for a depth outside [1, 32] and a clock that does not increase between two finite
  /// variances.
  explicit BrownianTree(Clock clock, int depth) : clock_(std::move(clock)), depth_(depth) {
    require(depth >= 1 && depth <= max_depth, "Brownian tree: depth is ", depth,
            "; it must lie in [1, ", max_depth, "]");
    first_ = clock_.variance(0);
    last_ = clock_.variance(1);
    require(std::isfinite(first_) && std::isfinite(last_) && first_ < last_,
            "Brownian tree: the clock goes from ", first_, " to ", last_,
            "; it must increase between finite values");
  }

  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] int depth() const { return depth_; }

  /// W(t_next) − W(t), with at most 2·depth + 3 terms. Throws Error for times outside the path, and
  /// for times that are equal or lie inside one leaf.
  [[nodiscard]] BrownianIncrement increment(double t, double t_next) const {
    Descent from(*this, t), to(*this, t_next);
    BrownianIncrement out;
    out.variance_ = std::abs(to.at() - from.at());
    require(out.variance_ > 0, "Brownian tree: the clock does not advance from t = ", t, " to ",
            t_next, "; the two times must differ in variance");
    out.add(0, (to.at() - from.at()) / std::sqrt(last_ - first_));
    for (int level = 0; level < depth_; ++level) {
      const std::uint64_t node = from.node(), other = to.node();
      const double weight = from.halve(clock_), weight_next = to.halve(clock_);
      out.add(node, node == other ? weight_next - weight : -weight);
      if (node != other) out.add(other, weight_next);
    }
    const double weight = from.leaf(), weight_next = to.leaf();
    require(from.node() != to.node() || weight == 0 || weight_next == 0,
            "Brownian tree: the times ", t, " and ", t_next, " lie in one of the 2^", depth_,
            " leaves of depth ", depth_, "; use a greater depth or longer steps");
    out.add(from.node(), -weight);
    out.add(to.node(), weight_next);
    return out;
  }

 private:
  /// The path from the root to one time.
  class Descent {
   public:
    Descent(const BrownianTree& tree, double t)
        : left_(tree.first_), right_(tree.last_), position_(rounded(tree.clock_.position(t))) {
      at_ = std::clamp(tree.clock_.variance(position_), left_, right_);
    }

    [[nodiscard]] double at() const { return at_; }
    [[nodiscard]] std::uint64_t node() const { return node_; }

    /// The value of the current node's hat function at the target time; descends to the child that
    /// contains it.
    [[nodiscard]] double halve(const Clock& clock) {
      const double middle = clock.variance(begin_ + 0.5 * width_);
      require(left_ < middle && middle < right_, "Brownian tree: the clock goes from ", left_,
              " by ", middle, " to ", right_, "; it must increase");
      const double height = std::sqrt((middle - left_) / (right_ - left_) * (right_ - middle));
      const double hat =
          std::min((at_ - left_) / (middle - left_), (right_ - at_) / (right_ - middle));
      width_ *= 0.5;
      const bool later = position_ >= begin_ + width_;
      if (later) begin_ += width_;
      (later ? left_ : right_) = middle;
      node_ = 2 * node_ + (later ? 1 : 0);
      at_ = std::clamp(at_, left_, right_);
      return height * hat;
    }

    /// The weight of the leaf's draw.
    [[nodiscard]] double leaf() const {
      return std::sqrt((at_ - left_) / (right_ - left_) * (right_ - at_));
    }

   private:
    /// Rounds to a multiple of 2⁻⁴⁰, so that times that differ only by rounding are the same point.
    static double rounded(double position) {
      require(position >= 0 && position <= 1, "Brownian tree: the clock returned position ",
              position, "; it must lie in [0, 1]");
      return std::nearbyint(position * 0x1p40) * 0x1p-40;
    }

    double left_, right_, position_, at_ = 0;
    double begin_ = 0, width_ = 1;
    std::uint64_t node_ = 1;
  };

  Clock clock_;
  int depth_;
  double first_ = 0, last_ = 0;
};

}  // namespace scoresde
