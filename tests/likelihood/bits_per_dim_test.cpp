// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <scoresde/likelihood/bits_per_dim.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;

TEST_CASE("uniform noise images under their own density have exactly 8 bits per dimension") {
  const auto check = [](auto scaling) {
    using Scaling = decltype(scaling);
    HostState<double> x({4, 3072});
    for (std::size_t i = 0; i < x.size(); ++i)
      x.data()[i] = std::floor(256 * uniform(Noise{.seed = 1}.draw(0), 0, i));
    const auto batch = dequantize(x, UniformDequantization<Scaling>{}, Noise{}.draw(1));
    // Uniform on [0, 1] or [−1, 1].
    const std::vector<double> log_p(4, -3072 * std::log(Scaling::scale));
    for (const double bits : bits_per_dim(log_p, batch)) CHECK(bits == Approx(8).epsilon(1e-14));
    for (const double bits : bits_per_dim(log_p, UniformDequantization<Scaling>{}, 3072))
      CHECK(bits == Approx(8).epsilon(1e-14));
  };
  check(UnitInterval{});
  check(Centered{});
}

TEST_CASE("the truncated normal costs nothing where the density has its shape") {
  // One value per element, and the density of its noised points: P = 1, 0 bits.
  const TruncatedNormalDequantization<Centered> dequantization{VpSde{}.marginal_prob(1e-5)};
  HostState<double> x({3, 50});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = 17;
  const auto batch = dequantize(x, dequantization, Noise{.seed = 1}.draw(0));
  for (const double bits : bits_per_dim(batch.log_q, batch)) CHECK(bits == 0);
  // Under the normal without truncation only the mass outside is lost.
  std::vector<double> log_p;
  for (std::size_t k = 0; k < 3; ++k) {
    double sum = 0;
    const auto [mean, std] = dequantization.marginal;
    for (std::size_t e = 0; e < 50; ++e) {
      const double z = (x(k, e) - mean * (2 * 17.5 / 256 - 1)) / std;
      sum -= 0.5 * z * z + 0.5 * std::log(2 * std::numbers::pi) + std::log(std);
    }
    log_p.push_back(sum);
  }
  const double lost = -std::log2(std::erf(dequantization.tau() / std::numbers::sqrt2));
  for (const double bits : bits_per_dim(log_p, batch)) CHECK(bits == Approx(lost).epsilon(1e-6));
}

TEST_CASE("batches of another size and dim = 0 are rejected by name") {
  using Catch::Contains;
  HostState<double> x({2, 3});
  const auto batch = dequantize(x, UniformDequantization<Centered>{}, Noise{}.draw(0));
  const std::vector<double> log_p(3);
  CHECK_THROWS_WITH(bits_per_dim(log_p, batch), Contains("3 log-likelihoods for 2"));
  CHECK_THROWS_WITH(bits_per_dim(log_p, UniformDequantization<Centered>{}, 0),
                    Contains("dim is 0"));
}
