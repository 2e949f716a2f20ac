// SPDX-License-Identifier: MIT
/// Beta schedules against their formulas in long double, and zero terminal SNR.
#include <cmath>
#include <numbers>
#include <vector>

#include <scoresde/sde/ddpm_betas.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

/// √ᾱ_i, i = 1 … N.
std::vector<long double> root_alpha_bars(const std::vector<double>& betas) {
  std::vector<long double> roots;
  long double product = 1;
  for (const double beta : betas) {
    product *= 1 - static_cast<long double>(beta);
    roots.push_back(std::sqrt(product));
  }
  return roots;
}

}  // namespace

TEST_CASE("linear betas are evenly spaced, and so are the roots of scaled-linear betas") {
  const auto linear = linear_betas(1000);
  CHECK(linear.size() == 1000);
  CHECK(linear.front() == 1e-4);
  CHECK(linear.back() == Approx(0.02).epsilon(1e-15));
  CHECK(linear[500] - linear[499] == Approx(0.0199 / 999).epsilon(1e-10));
  const auto scaled = scaled_linear_betas(1000);
  CHECK(scaled.front() == Approx(0.00085).epsilon(1e-15));
  CHECK(scaled.back() == Approx(0.012).epsilon(1e-15));
  CHECK(std::sqrt(scaled[500]) - std::sqrt(scaled[499]) ==
        Approx((std::sqrt(0.012) - std::sqrt(0.00085)) / 999).epsilon(1e-10));
}

TEST_CASE("cosine betas are one minus the ratio of the published alpha bars, clipped") {
  const auto betas = cosine_betas(1000);
  const auto alpha_bar = [](int i) {
    const long double cosine = std::cos((static_cast<long double>(i) / 1000 + 0.008L) / 1.008L *
                                        std::numbers::pi_v<long double> / 2);
    return cosine * cosine;
  };
  for (int i = 1; i < 1000; ++i)
    CHECK(betas[std::size_t(i - 1)] ==
          Approx(double(1 - alpha_bar(i) / alpha_bar(i - 1))).epsilon(1e-12).margin(0));
  CHECK(betas.back() == 0.999);
  CHECK(cosine_betas(10, 0.008, 0.5).back() == 0.5);
}

TEST_CASE("zero terminal SNR keeps the first alpha bar and makes the last one zero") {
  for (const auto& betas : {linear_betas(1000), scaled_linear_betas(1000), cosine_betas(50)}) {
    const auto rescaled = zero_terminal_snr_betas(betas);
    REQUIRE(rescaled.size() == betas.size());
    CHECK(rescaled.front() == betas.front());
    CHECK(rescaled.back() == 1);
    const auto before = root_alpha_bars(betas), after = root_alpha_bars(rescaled);
    const long double scale = before.front() / (before.front() - before.back());
    for (std::size_t i = 0; i + 1 < betas.size(); ++i)
      CHECK(double(after[i]) ==
            Approx(double((before[i] - before.back()) * scale)).epsilon(1e-11).margin(0));
    CHECK(after.back() == 0);
  }
  const auto once = zero_terminal_snr_betas(linear_betas(20)),
             twice = zero_terminal_snr_betas(once);
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == Approx(once[i]).epsilon(1e-13));
}

TEST_CASE("invalid betas are rejected with the name of the list") {
  CHECK_THROWS_WITH(linear_betas(1), Contains("1 levels"));
  CHECK_THROWS_WITH(linear_betas(10, 0, 0.1), Contains("from 0 to"));
  CHECK_THROWS_WITH(scaled_linear_betas(10, 0.1, 1), Contains("scaled-linear"));
  CHECK_THROWS_AS(linear_betas(10, 0.1, std::nan("")), Error);
  CHECK_THROWS_WITH(cosine_betas(10, -1), Contains("s is -1"));
  CHECK_THROWS_AS(cosine_betas(10, 0.008, 1), Error);
  CHECK_THROWS_WITH(zero_terminal_snr_betas({}), Contains("0 betas"));
  CHECK_THROWS_WITH(zero_terminal_snr_betas({0.1, 1}), Contains("1 of them below 1"));
  CHECK_THROWS_WITH(zero_terminal_snr_betas({0.1, 1.5, 0.2}), Contains("beta 2 of 3 is 1.5"));
  CHECK_THROWS_AS(zero_terminal_snr_betas({0.1, 1, 0.2}), Error);
}
