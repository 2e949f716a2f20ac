// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/dense.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct Extents {
  std::size_t n, in, out;
};
const std::vector<Extents> cases = {{1, 5, 7}, {3, 17, 9}, {3, 9, 33}, {40, 3, 2}};

std::vector<double> by_definition(const Extents& e, const std::vector<double>& x,
                                  const std::vector<double>& w, const double* bias) {
  std::vector<double> y;
  for (std::size_t n = 0; n < e.n; ++n)
    for (std::size_t o = 0; o < e.out; ++o) {
      double sum = bias != nullptr ? bias[o] : 0;
      for (std::size_t i = 0; i < e.in; ++i) sum += w[o * e.in + i] * x[n * e.in + i];
      y.push_back(sum);
    }
  return y;
}

template <class T>
std::vector<T> forward(const Extents& e, const std::vector<T>& x, const std::vector<T>& w,
                       const T* bias, std::size_t threads) {
  const eigen::Ops<T> ops(threads);
  const nn::Shape in{e.n, e.in, 1, 1}, out{e.n, e.out, 1, 1};
  GuardedScratch<T> scratch(ops.dense_scratch(in, out));
  std::vector<T> y = not_a_number<T>(out.size());
  ops.dense({x.data(), in}, {w.data(), bias}, {y.data(), out}, scratch.span());
  REQUIRE(scratch.intact());
  return y;
}

}  // namespace

TEST_CASE("a dense layer matches its definition, and its gradients match central differences") {
  for (const Extents& e : cases) {
    auto x = random_values<double>(e.n * e.in, 1), w = random_values<double>(e.out * e.in, 2),
         bias = random_values<double>(e.out, 3);
    const auto dy = random_values<double>(e.n * e.out, 4);
    CHECK(relative_distance(forward(e, x, w, bias.data(), 2), by_definition(e, x, w, bias.data())) <
          1e-14);
    CHECK(relative_distance(forward<double>(e, x, w, nullptr, 1), by_definition(e, x, w, nullptr)) <
          1e-14);
    const auto loss = [&] { return dot(dy, by_definition(e, x, w, bias.data())); };
    const auto dx = central_differences(x, loss), dw = central_differences(w, loss),
               db = central_differences(bias, loss);
    const eigen::Ops<double> ops(2);
    const nn::Shape in{e.n, e.in, 1, 1}, out{e.n, e.out, 1, 1};
    GuardedScratch<double> scratch(ops.dense_scratch(in, out));
    const auto backward = [&](nn::Gradient<double> to, double* weights, double* biases) {
      ops.dense_backward({x.data(), in}, {w.data()}, {dy.data(), out}, to, weights, biases,
                         scratch.span());
    };
    CHECK(gradient_error(dx, [&](auto to) { backward(to, nullptr, nullptr); }) <
          difference_tolerance);
    auto weights = w, biases = bias;
    backward({}, weights.data(), biases.data());
    CHECK(relative_distance(weights, sum_of(w, dw)) < difference_tolerance);
    CHECK(relative_distance(biases, sum_of(bias, db)) < difference_tolerance);
    CHECK(scratch.intact());
  }
}

TEST_CASE("a wide dense layer in float is accurate and bit-identical for any number of threads") {
  const Extents e{64, 300, 260};
  const auto x = random_values<float>(e.n * e.in, 1), w = random_values<float>(e.out * e.in, 2);
  const auto y = forward<float>(e, x, w, nullptr, 1);
  CHECK(y == forward<float>(e, x, w, nullptr, 2));
  CHECK(y == forward<float>(e, x, w, nullptr, 5));
  CHECK(relative_distance(
            y, by_definition(e, converted<double>(x), converted<double>(w), nullptr)) < 1e-6);
}
