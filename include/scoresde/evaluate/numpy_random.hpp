// SPDX-License-Identifier: MIT
/// numpy.random.RandomState: the permutations and choices of packages that shuffle before a metric.
///
/// The words are those of std::mt19937. permutation(n) is Fisher and Yates's shuffle from the end,
/// whose index ≤ i is a word masked to the bits of i, repeated while it is larger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde {

class NumpyRandom {
 public:
  /// RandomState(seed).
  explicit NumpyRandom(std::uint32_t seed) : words_(seed) {}

  /// RandomState.permutation(n). Throws Error for n above 2^32 − 1.
  [[nodiscard]] std::vector<std::size_t> permutation(std::size_t n) {
    require(n <= UINT32_MAX, "permutation: n is ", n, "; the largest is ", UINT32_MAX);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t(0));
    for (std::size_t i = n; i-- > 1;) std::swap(order[i], order[index_up_to(i)]);
    return order;
  }

  /// RandomState.choice(n, count, replace=False). Throws Error for count > n.
  [[nodiscard]] std::vector<std::size_t> choice(std::size_t n, std::size_t count) {
    require(count <= n, "choice: ", count, " of ", n, "; at most all can be chosen");
    std::vector<std::size_t> order = permutation(n);
    order.resize(count);
    return order;
  }

 private:
  [[nodiscard]] std::size_t index_up_to(std::size_t largest) {
    std::size_t mask = largest;
    for (std::size_t shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    for (;;) {
      const std::size_t index = static_cast<std::size_t>(words_()) & mask;
      if (index <= largest) return index;
    }
  }

  std::mt19937 words_;
};

}  // namespace scoresde
