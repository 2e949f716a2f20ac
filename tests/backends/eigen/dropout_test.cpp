// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/embedding.hpp>
#include <scoresde/eigen/ops.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

const NoiseDraw draw = Noise{.seed = 3, .first_sample = 10, .purpose = Purpose::dropout}.draw(5);

std::vector<double> dropped(const std::vector<double>& x, const nn::Shape& s, double rate,
                            NoiseDraw d, std::size_t threads = 2) {
  std::vector<double> y = not_a_number<double>(x.size());
  eigen::Ops<double>(threads).dropout({x.data(), s}, rate, d, {y.data(), s});
  return y;
}

}  // namespace

TEST_CASE("dropout keeps an element iff its uniform number is at least the rate") {
  const nn::Shape s{3, 3, 5, 3};
  const auto x = random_values<double>(s.size(), 1);
  for (const double rate : {0.0, 0.1, 0.7}) {
    const auto y = dropped(x, s, rate, draw);
    for (std::size_t k = 0; k < s.n; ++k)
      for (std::size_t e = 0; e < 45; ++e)
        CHECK(y[k * 45 + e] ==
              (uniform(draw, k, e) >= rate ? x[k * 45 + e] * (1 / (1 - rate)) : 0.0));
  }
}

TEST_CASE(
    "the smallest random word that dropout keeps maps to a uniform number of at least the rate") {
  const auto kept = [](std::uint32_t word, double rate) {
    return (static_cast<double>(word) + 0.5) * 0x1p-32 >= rate;
  };
  for (const double rate :
       {0.0, 0x1p-33, 0x1.8p-33, 0x1p-32, 0.1, 0.3, 0.5, 0.7, 0.999999, 1 - 0x1p-31}) {
    const std::uint32_t least = eigen::detail::dropout_rule<double>(rate).threshold;
    CHECK(kept(least, rate));
    if (least > 0) CHECK(!kept(least - 1, rate));
  }
  CHECK(!kept(~0u, 1 - 0x1p-40));
  CHECK(eigen::detail::dropout_rule<double>(1 - 0x1p-40).scale == 0);
}

TEST_CASE("dropout preserves the mean and drops the expected fraction") {
  const nn::Shape s{16, 16, 32, 32};
  const std::vector<double> ones(s.size(), 1.0);
  const auto y = dropped(ones, s, 0.3, draw);
  double sum = 0, zeros = 0;
  for (const double v : y) {
    sum += v;
    zeros += v == 0;
  }
  // 2¹⁸ Bernoulli draws: the fraction has a standard deviation of 9e-4; the tolerance is five.
  CHECK(std::abs(zeros / double(s.size()) - 0.3) < 4.5e-3);
  CHECK(std::abs(sum / double(s.size()) - 1) < 6.5e-3);
}

TEST_CASE("a sample's mask does not depend on its batch or the number of threads") {
  const nn::Shape s{4, 2, 17, 33}, alone{1, 2, 17, 33};
  const std::ptrdiff_t size = 2 * 17 * 33;
  const auto x = random_values<double>(s.size(), 1);
  const auto y = dropped(x, s, 0.5, draw);
  CHECK(y == dropped(x, s, 0.5, draw, 1));
  for (std::uint32_t k = 0; k < 4; ++k) {
    NoiseDraw own = draw;
    own.first_sample += k;
    const auto at = static_cast<std::ptrdiff_t>(k) * size;
    const std::vector<double> part(x.begin() + at, x.begin() + at + size);
    const std::vector<double> expected(y.begin() + at, y.begin() + at + size);
    CHECK(dropped(part, alone, 0.5, own) == expected);
  }
}

TEST_CASE("the gradient of dropout uses the same mask") {
  const nn::Shape s{3, 3, 5, 7};
  const auto x = random_values<double>(s.size(), 1), dy = random_values<double>(s.size(), 2);
  const auto y = dropped(x, s, 0.4, draw);
  std::vector<double> expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = y[i] == 0 ? 0 : dy[i] / 0.6;
  CHECK(gradient_error(expected, [&](nn::Gradient<double> dx) {
          eigen::Ops<double>(2).dropout_backward({dy.data(), s}, 0.4, draw, dx);
        }) < 1e-14);
}
