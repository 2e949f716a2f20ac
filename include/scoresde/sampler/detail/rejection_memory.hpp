// SPDX-License-Identifier: MIT
/// RejectionMemory: the part of each sample's Brownian path that rejected steps have determined.
///
///   W over h of a stored H:   (h/H) W_H + √(h(H − h)/H) z;   W over h otherwise:   √h z
///
/// Whether a step is rejected depends on its noise, so a new draw would favor small noise and
/// reduce the variance of the result. The increment is stored instead, and shorter steps inside it
/// are drawn from the Brownian bridge, nested as the rejections are. Rackauckas & Nie 2017,
/// Adaptive methods for stochastic differential equations via natural embeddings and rejection
/// sampling with memory, section 3.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include <scoresde/sampler/adaptive_stepper.hpp>

namespace scoresde::detail {

/// The stored increments of every sample's Brownian path: `depth` consecutive increments, the next
/// one in state 0. Uses D states starting at `states` and 1 + D rows starting at `rows`.
template <class X, std::size_t N, std::size_t D>
class RejectionMemory {
 public:
  /// W over the step = share·(the next increment) + noise·z.
  struct Increment {
    double share = 0;
    double noise = 0;
  };

  RejectionMemory(Workspace<X, N>& work, std::size_t states, std::size_t rows)
      : work_(work), states_(states), rows_(rows) {
    std::fill(depth().begin(), depth().end(), 0.0);
  }

  /// The next increment, if any.
  X& next() { return state(0); }
  [[nodiscard]] bool any(std::size_t k) { return depth()[k] > 0; }
  /// The time at which it ends.
  [[nodiscard]] double end(std::size_t k) { return ends(0)[k]; }

  [[nodiscard]] Increment increment(std::size_t k, double t, double t_next) {
    const double h = t - t_next;
    if (!any(k)) return {0, std::sqrt(h)};
    if (t_next == end(k)) return {1, 0};
    const double share = h / (t - end(k));
    return {share, std::sqrt(h * (1 - share))};
  }

  /// Removes what accepted steps have used and stores what rejected ones have drawn; a rejection
  /// nested deeper than D is not stored. Overwrites three rows starting at `scratch`.
  template <class Z>
  void update(std::span<const double> t, std::span<const double> t_next,
              std::span<const double> accepted, const Z& z, std::size_t scratch) {
    const auto known = [&](std::size_t k) { return any(k) && t_next[k] == end(k); };
    const auto is_finished = [&](std::size_t k) { return t[k] == t_next[k]; };
    const auto pops = [&](std::size_t k) { return accepted[k] != 0 && known(k); };
    const auto pushes = [&](std::size_t k) {
      return !is_finished(k) && accepted[k] == 0 && !known(k) && depth()[k] < D;
    };
    for (std::size_t i = D; i-- > 0;)
      change(scratch, i, i > 0 ? i - 1 : 0, z, [&](std::size_t k) -> Change {
        const bool used = accepted[k] != 0 && any(k) && !known(k);
        if (!used && !pushes(k)) return {};
        const auto [share, noise] = increment(k, t[k], t_next[k]);
        if (used) return i == 0 ? Change{1 - share, 0, -noise} : Change{};
        if (double(i) > depth()[k]) return {};
        return i == 0 ? Change{share, 0, noise}
                      : (i == 1 ? Change{0, 1 - share, -noise} : Change{0, 1, 0});
      });
    for (std::size_t i = 0; i + 1 < D; ++i)
      change(scratch, i, i + 1, z, [&](std::size_t k) {
        return pops(k) && double(i) + 1 < depth()[k] ? Change{0, 1, 0} : Change{};
      });
    for (std::size_t k = 0; k < t.size(); ++k) {
      const bool pop = pops(k), push = pushes(k);
      if (pop)
        for (std::size_t i = 0; i + 1 < D; ++i) ends(i)[k] = ends(i + 1)[k];
      if (push) {
        for (std::size_t i = D; i-- > 1;) ends(i)[k] = ends(i - 1)[k];
        ends(0)[k] = t_next[k];
      }
      depth()[k] += double(push) - double(pop);
    }
  }

 private:
  /// state i ← own·(state i) + other·(another state) + noise·z, for one sample.
  struct Change {
    double own = 1, other = 0, noise = 0;
  };

  X& state(std::size_t i) { return work_[states_ + i]; }
  std::span<double> depth() { return work_.row(rows_); }
  std::span<double> ends(std::size_t i) { return work_.row(rows_ + 1 + i); }

  /// One pass over state i; none if it changes for no sample.
  template <class Z, class ChangeOf>
  void change(std::size_t scratch, std::size_t i, std::size_t from, const Z& z,
              const ChangeOf& change_of) {
    const std::span<double> own = work_.row(scratch), other = work_.row(scratch + 1),
                            noise = work_.row(scratch + 2);
    bool any_changes = false;
    for (std::size_t k = 0; k < own.size(); ++k) {
      const Change c = change_of(k);
      own[k] = c.own, other[k] = c.other, noise[k] = c.noise;
      any_changes = any_changes || c.own != 1;
    }
    if (!any_changes) return;
    assign(state(i), {{own, state(i)}, {other, state(from)}}, {noise, z});
  }

  Workspace<X, N>& work_;
  std::size_t states_, rows_;
};

}  // namespace scoresde::detail
