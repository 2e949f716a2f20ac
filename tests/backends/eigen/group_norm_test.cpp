// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/group_norm.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

struct Case {
  nn::GroupNorm norm;
  nn::Shape x;
};

const std::vector<Case> cases = {
    {{.groups = 2, .epsilon = 1e-6, .silu = true}, {3, 6, 5, 3}},
    {{.groups = 3, .epsilon = 1e-5, .silu = false}, {1, 6, 4, 7}},
    {{.groups = 4, .epsilon = 1e-6, .silu = true}, {1, 4, 8, 9}},
    {{.groups = 1, .epsilon = 1e-2, .silu = false}, {3, 5, 1, 1}},
};

/// y by definition, in double.
std::vector<double> by_definition(const Case& c, const std::vector<double>& x,
                                  const std::vector<double>& gamma,
                                  const std::vector<double>& beta) {
  const std::size_t size = c.x.c / c.norm.groups * c.x.pixels();
  std::vector<double> y(x.size());
  for (std::size_t first = 0; first < x.size(); first += size) {
    double mean = 0, variance = 0;
    for (std::size_t i = first; i < first + size; ++i) mean += x[i] / double(size);
    for (std::size_t i = first; i < first + size; ++i)
      variance += (x[i] - mean) * (x[i] - mean) / double(size);
    for (std::size_t i = first; i < first + size; ++i) {
      const std::size_t channel = i / c.x.pixels() % c.x.c;
      const double z =
          gamma[channel] * (x[i] - mean) / std::sqrt(variance + c.norm.epsilon) + beta[channel];
      y[i] = c.norm.silu ? z / (1 + std::exp(-z)) : z;
    }
  }
  return y;
}

template <class T>
struct Results {
  std::vector<T> y, dx, dgamma, dbeta;
};

template <class T>
Results<T> run(const Case& c, const std::vector<T>& x, const std::vector<T>& gamma,
               const std::vector<T>& beta, const std::vector<T>& dy, std::size_t threads) {
  const eigen::Ops<T> ops(threads);
  GuardedScratch<T> scratch(ops.group_norm_scratch(c.norm, c.x));
  Results<T> r{not_a_number<T>(x.size()), not_a_number<T>(x.size()), std::vector<T>(c.x.c),
               std::vector<T>(c.x.c)};
  std::vector<T> statistics = not_a_number<T>(2 * c.x.n * c.norm.groups);
  ops.group_norm(c.norm, {x.data(), c.x}, gamma.data(), beta.data(), {r.y.data(), c.x},
                 statistics.data(), scratch.span());
  ops.group_norm_backward(c.norm, {x.data(), c.x}, gamma.data(), beta.data(), statistics.data(),
                          {dy.data(), c.x}, {r.dx.data(), false}, r.dgamma.data(), r.dbeta.data(),
                          scratch.span());
  REQUIRE(scratch.intact());
  return r;
}

}  // namespace

TEST_CASE("group norm matches its definition, and its gradients match central differences") {
  for (const Case& c : cases) {
    auto x = random_values<double>(c.x.size(), 1), gamma = random_values<double>(c.x.c, 2),
         beta = random_values<double>(c.x.c, 3);
    const auto dy = random_values<double>(c.x.size(), 4);
    const auto r = run(c, x, gamma, beta, dy, c.x.n);
    CHECK(relative_distance(r.y, by_definition(c, x, gamma, beta)) < 1e-13);
    const auto loss = [&] { return dot(dy, by_definition(c, x, gamma, beta)); };
    CHECK(relative_distance(r.dx, central_differences(x, loss)) < difference_tolerance);
    CHECK(relative_distance(r.dgamma, central_differences(gamma, loss)) < difference_tolerance);
    CHECK(relative_distance(r.dbeta, central_differences(beta, loss)) < difference_tolerance);
  }
}

TEST_CASE("group norm gradients are skipped, written or added as requested") {
  const Case& c = cases.front();
  const auto x = random_values<double>(c.x.size(), 1), gamma = random_values<double>(c.x.c, 2),
             beta = random_values<double>(c.x.c, 3), dy = random_values<double>(c.x.size(), 4);
  const auto expected = run(c, x, gamma, beta, dy, 1);
  const eigen::Ops<double> ops(2);
  GuardedScratch<double> scratch(ops.group_norm_scratch(c.norm, c.x));
  std::vector<double> y(x.size()), statistics(2 * c.x.n * c.norm.groups);
  ops.group_norm(c.norm, {x.data(), c.x}, gamma.data(), beta.data(), {y.data(), c.x},
                 statistics.data(), scratch.span());
  const auto backward = [&](nn::Gradient<double> dx, double* dgamma, double* dbeta) {
    ops.group_norm_backward(c.norm, {x.data(), c.x}, gamma.data(), beta.data(), statistics.data(),
                            {dy.data(), c.x}, dx, dgamma, dbeta, scratch.span());
  };
  CHECK(gradient_error(expected.dx, [&](auto dx) { backward(dx, nullptr, nullptr); }) < 1e-14);
  std::vector<double> dgamma = gamma, dbeta = beta;
  backward({}, dgamma.data(), dbeta.data());
  CHECK(relative_distance(dgamma, sum_of(gamma, expected.dgamma)) < 1e-14);
  CHECK(relative_distance(dbeta, sum_of(beta, expected.dbeta)) < 1e-14);
}

TEST_CASE("group norm in float is accurate to rounding, also for a large mean") {
  const Case c{{.groups = 8, .epsilon = 1e-6, .silu = true}, {3, 32, 16, 16}};
  for (const float offset : {0.0f, 1000.0f}) {
    auto x = random_values<float>(c.x.size(), 1);
    for (float& v : x) v += offset;
    const auto gamma = random_values<float>(c.x.c, 2), beta = random_values<float>(c.x.c, 3),
               dy = random_values<float>(c.x.size(), 4);
    const auto r = run(c, x, gamma, beta, dy, 2);
    const auto wide = run(c, converted<double>(x), converted<double>(gamma),
                          converted<double>(beta), converted<double>(dy), 1);
    // The mean is stored in float: at 1000 its rounding error, 3e-5, contributes to x̂.
    const double tolerance = offset == 0 ? 1e-6 : 1e-4;
    CHECK(relative_distance(r.y, wide.y) < tolerance);
    CHECK(relative_distance(r.dx, wide.dx) < tolerance);
    CHECK(relative_distance(r.dgamma, wide.dgamma) < 10 * tolerance);
    CHECK(relative_distance(r.dbeta, wide.dbeta) < 10 * tolerance);
  }
}

TEST_CASE("group norm does not depend on the number of threads or the rest of the batch") {
  const Case c{{.groups = 4, .epsilon = 1e-6, .silu = true}, {5, 20, 7, 5}};
  const Case alone{c.norm, {1, 20, 7, 5}};
  const auto x = random_values<float>(c.x.size(), 1), gamma = random_values<float>(c.x.c, 2),
             beta = random_values<float>(c.x.c, 3), dy = random_values<float>(c.x.size(), 4);
  const auto one = run(c, x, gamma, beta, dy, 1), three = run(c, x, gamma, beta, dy, 3);
  CHECK(one.y == three.y);
  CHECK(one.dx == three.dx);
  CHECK(one.dgamma == three.dgamma);
  const std::ptrdiff_t size = 20 * 7 * 5;
  for (std::ptrdiff_t k = 0; k < 5; ++k) {
    const auto part = [&](const std::vector<float>& v) {
      return std::vector<float>(v.begin() + k * size, v.begin() + (k + 1) * size);
    };
    CHECK(run(alone, part(x), gamma, beta, part(dy), 2).y == part(one.y));
  }
}
