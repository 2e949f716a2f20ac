// SPDX-License-Identifier: MIT
/// Cases of FIR resampling, for the tests of both backends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include <scoresde/nn/graph/ops.hpp>

namespace scoresde::test {

struct FirCase {
  nn::Fir op;
  nn::Shape x;
};

inline nn::Fir filter(std::initializer_list<double> taps, std::size_t up, std::size_t down,
                      std::ptrdiff_t before, std::ptrdiff_t after) {
  nn::Fir fir{
      .count = taps.size(), .up = up, .down = down, .pad_before = before, .pad_after = after};
  std::copy(taps.begin(), taps.end(), fir.taps.begin());
  return fir;
}

}  // namespace scoresde::test
