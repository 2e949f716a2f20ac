// SPDX-License-Identifier: MIT
/// numpy.random.RandomState: the permutations and choices of packages that shuffle before a metric.
///
/// The words are those of MT19937 (Matsumoto and Nishimura 1998, ACM TOMACS 8, 3). permutation(n)
/// is Fisher and Yates's shuffle from the end, whose index ≤ i is a word masked to the bits of i,
/// repeated while it is larger.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>

namespace scoresde {

class NumpyRandom {
 public:
  /// RandomState(seed).
  explicit NumpyRandom(std::uint32_t seed) {
    state_[0] = seed;
    for (std::uint32_t i = 1; i < size; ++i)
      state_[i] = 1812433253U * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
  }

  /// The next 32-bit word.
  [[nodiscard]] std::uint32_t word() {
    if (next_ == size) advance();
    std::uint32_t w = state_[next_++];
    w ^= w >> 11;
    w ^= w << 7 & 0x9d2c5680U;
    w ^= w << 15 & 0xefc60000U;
    return w ^ w >> 18;
  }

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
  static constexpr std::size_t size = 624, shift = 397;

  [[nodiscard]] std::size_t index_up_to(std::size_t largest) {
    std::size_t mask = largest;
    for (std::size_t bits = 1; bits < 32; bits *= 2) mask |= mask >> bits;
    for (;;) {
      const std::size_t index = static_cast<std::size_t>(word()) & mask;
      if (index <= largest) return index;
    }
  }

  /// The next `size` words before their tempering.
  void advance() {
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % size] & 0x7fffffffU);
      state_[i] = state_[(i + shift) % size] ^ y >> 1 ^ (y & 1) * 0x9908b0dfU;
    }
    next_ = 0;
  }

  std::array<std::uint32_t, size> state_{};
  std::size_t next_ = size;
};

}  // namespace scoresde
