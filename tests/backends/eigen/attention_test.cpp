// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/attention.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct Case {
  nn::Shape shape;
  std::size_t heads;
};
const std::vector<Case> cases = {
    {{1, 3, 3, 2}, 1}, {{3, 5, 2, 3}, 1}, {{2, 9, 5, 4}, 1}, {{2, 6, 3, 3}, 3}, {{1, 8, 3, 2}, 8}};

template <class T>
struct Values {
  std::vector<T> q, k, v;
};

template <class T>
Values<T> values_of(const nn::Shape& s, double scale = 1) {
  Values<T> values{random_values<T>(s.size(), 1), random_values<T>(s.size(), 2),
                   random_values<T>(s.size(), 3)};
  for (T& q : values.q) q *= static_cast<T>(scale);
  return values;
}

/// y by definition, in double: head g has channels g·width … and scales by √width.
template <class T>
std::vector<double> by_definition(const nn::Shape& s, std::size_t heads, const Values<T>& values) {
  const std::size_t pixels = s.pixels(), width = s.c / heads;
  std::vector<double> y(s.size());
  for (std::size_t head = 0; head < s.n * heads; ++head)
    for (std::size_t i = 0; i < pixels; ++i) {
      std::vector<double> p(pixels);
      const auto at = [&](std::size_t c, std::size_t pixel) {
        return (head / heads * s.c + head % heads * width + c) * pixels + pixel;
      };
      for (std::size_t j = 0; j < pixels; ++j)
        for (std::size_t c = 0; c < width; ++c)
          p[j] +=
              double(values.q[at(c, i)]) * double(values.k[at(c, j)]) / std::sqrt(double(width));
      const double largest = *std::max_element(p.begin(), p.end());
      double total = 0;
      for (double& v : p) total += v = std::exp(v - largest);
      for (std::size_t c = 0; c < width; ++c)
        for (std::size_t j = 0; j < pixels; ++j)
          y[at(c, i)] += double(values.v[at(c, j)]) * p[j] / total;
    }
  return y;
}

template <class T>
struct Results {
  std::vector<T> y, probabilities;
};

template <class T>
Results<T> forward(const Case& of, const Values<T>& v, std::size_t threads) {
  const auto& [s, heads] = of;
  const eigen::Ops<T> ops(threads);
  GuardedScratch<T> scratch(ops.attention_scratch({heads}, s));
  Results<T> r{not_a_number<T>(s.size()), not_a_number<T>(s.n * heads * s.pixels() * s.pixels())};
  ops.attention({heads}, {v.q.data(), s}, {v.k.data(), s}, {v.v.data(), s}, {r.y.data(), s},
                r.probabilities.data(), scratch.span());
  REQUIRE(scratch.intact());
  return r;
}

}  // namespace

TEST_CASE("attention matches its definition for any number of threads") {
  for (const Case& c : cases)
    for (const std::size_t threads : {1u, 2u, 3u}) {
      const auto values = values_of<double>(c.shape);
      CHECK(relative_distance(forward(c, values, threads).y,
                              by_definition(c.shape, c.heads, values)) < 1e-13);
    }
}

TEST_CASE("attention gradients match central differences") {
  for (const Case& of : cases) {
    const nn::Shape s = of.shape;
    const std::size_t heads = of.heads;
    auto values = values_of<double>(s);
    const auto dy = random_values<double>(s.size(), 4);
    const auto loss = [&] { return dot(dy, by_definition(s, heads, values)); };
    const auto p = forward(of, values, 2).probabilities;
    const eigen::Ops<double> ops(2);
    GuardedScratch<double> scratch(ops.attention_scratch({heads}, s));
    using Gradient = nn::Gradient<double>;
    const auto backward = [&](Gradient dq, Gradient dk, Gradient dv) {
      ops.attention_backward({heads}, {values.q.data(), s}, {values.k.data(), s},
                             {values.v.data(), s}, p.data(), {dy.data(), s}, dq, dk, dv,
                             scratch.span());
    };
    const auto dq = central_differences(values.q, loss), dk = central_differences(values.k, loss),
               dv = central_differences(values.v, loss);
    CHECK(gradient_error(dq, [&](Gradient g) { backward(g, {}, {}); }) < difference_tolerance);
    CHECK(gradient_error(dk, [&](Gradient g) { backward({}, g, {}); }) < difference_tolerance);
    CHECK(gradient_error(dv, [&](Gradient g) { backward({}, {}, g); }) < difference_tolerance);
    std::vector<double> all(3 * s.size());
    backward({all.data(), false}, {all.data() + s.size(), false},
             {all.data() + 2 * s.size(), false});
    std::vector<double> expected = dq;
    expected.insert(expected.end(), dk.begin(), dk.end());
    expected.insert(expected.end(), dv.begin(), dv.end());
    CHECK(relative_distance(all, expected) < difference_tolerance);
    CHECK(scratch.intact());
  }
}

TEST_CASE("attention in float is accurate to rounding, also where the softmax saturates") {
  const nn::Shape s{3, 32, 16, 16};
  for (const double scale : {1.0, 100.0}) {
    const auto values = values_of<float>(s, scale);
    const auto r = forward({s, 1}, values, 2);
    // Scores of size 100 carry an absolute error of about 1e-5, and so do their exponentials.
    CHECK(relative_distance(r.y, by_definition(s, 1, values)) < (scale == 1 ? 1e-6 : 1e-4));
    CHECK(r.y == forward({s, 1}, values, 1).y);
  }
}
