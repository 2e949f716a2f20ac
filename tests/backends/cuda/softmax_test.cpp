// SPDX-License-Identifier: MIT
#include "kernels/softmax.hpp"

#include <cmath>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::cuda::RowShare;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

/// A batch of square score matrices, as in attention over that many pixels; odd lengths.
struct Case {
  std::size_t rows, length;
};
const std::vector<Case> cases = {{5, 1},   {9, 15},   {20, 64},  {8, 256},
                                 {3, 289}, {3, 1024}, {2, 4096}, {1, 4099}};
constexpr double scale = 0.37;

template <class T>
nn::Shape matrix(const Case& c) {
  return {c.rows, c.length, 1, 1};
}

/// In double, row by row.
std::vector<double> softmax(const Case& c, const std::vector<double>& s) {
  std::vector<double> p(s.size());
  for (std::size_t first = 0; first < s.size(); first += c.length) {
    double largest = -INFINITY, sum = 0;
    for (std::size_t i = 0; i < c.length; ++i) largest = std::max(largest, scale * s[first + i]);
    for (std::size_t i = 0; i < c.length; ++i) sum += std::exp(scale * s[first + i] - largest);
    for (std::size_t i = 0; i < c.length; ++i)
      p[first + i] = std::exp(scale * s[first + i] - largest) / sum;
  }
  return p;
}
std::vector<double> softmax_gradient(const Case& c, const std::vector<double>& p,
                                     const std::vector<double>& dp) {
  std::vector<double> ds(p.size());
  for (std::size_t first = 0; first < p.size(); first += c.length) {
    double mean = 0;
    for (std::size_t i = 0; i < c.length; ++i) mean += p[first + i] * dp[first + i];
    for (std::size_t i = 0; i < c.length; ++i)
      ds[first + i] = scale * p[first + i] * (dp[first + i] - mean);
  }
  return ds;
}

template <class T, class Score>
void check(const Case& c) {
  CAPTURE(c.rows, c.length, sizeof(T), sizeof(Score));
  const nn::Shape shape = matrix<T>(c);
  const bool whole = cuda::rows_are_whole(c.length * sizeof(T));
  const RowShare share = RowShare::of<T>(c.rows, c.length, whole);
  const Activations<Score> scores(shape, 1, 20, 10), dp(shape, 3);
  const auto expected = softmax(c, scores.exact);
  std::vector<T> p = poisoned<T>(shape.size());
  emulate(cuda::Softmax<T, Score>{share, float(scale), scores.memory.data(), p.data()});
  const auto found = from_channels_last(p, shape);
  CHECK(relative_distance(found, expected) < kernel_tolerance<T>);
  std::vector<T> ds = poisoned<T>(shape.size());
  emulate(
      cuda::SoftmaxGradient<T, Score>{share, float(scale), p.data(), dp.memory.data(), ds.data()});
  CHECK(relative_distance(from_channels_last(ds, shape), softmax_gradient(c, found, dp.exact)) <
        kernel_tolerance<T>);
  for (const auto& schedule : {every_schedule[1], every_schedule[2]}) {
    std::vector<T> again = poisoned<T>(shape.size());
    emulate(cuda::Softmax<T, Score>{share, float(scale), scores.memory.data(), again.data()},
            schedule);
    CHECK(again == p);
    // In place, if the types agree.
    if constexpr (std::is_same_v<T, Score>) {
      again = scores.memory;
      emulate(cuda::Softmax<T, Score>{share, float(scale), again.data(), again.data()}, schedule);
      CHECK(again == p);
      again = dp.memory;
      emulate(cuda::SoftmaxGradient<T, Score>{share, float(scale), p.data(), again.data(),
                                              again.data()},
              schedule);
      CHECK(again == ds);
    }
  }
}

}  // namespace

TEST_CASE("the softmax kernels match the double operation", "[emulated]") {
  for (const Case& c : cases) {
    check<float, float>(c);
    check<Bfloat16, Bfloat16>(c);
    check<Bfloat16, float>(c);
  }
}

TEST_CASE("softmax is finite for scores whose exponential overflows", "[emulated]") {
  const Case c{2, 8};
  std::vector<float> s{1000,   999,    -1000,  0,      1000,   3,      2,      1,
                       -1e30f, -1e30f, -1e30f, -1e30f, -1e30f, -1e30f, -1e30f, -1e30f};
  std::vector<float> p(s.size());
  emulate(cuda::Softmax<float, float>{RowShare::of<float>(c.rows, c.length, true), 1.0f, s.data(),
                                      p.data()});
  CHECK(p[0] == Approx(1 / (2 + std::exp(-1.0))));
  CHECK(p[2] == 0.0f);
  CHECK(p[15] == Approx(0.125));
}
