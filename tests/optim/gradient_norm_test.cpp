// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <scoresde/noise/noise.hpp>
#include <scoresde/optim/adam.hpp>
#include <scoresde/optim/gradient_norm.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

std::vector<float> normals(std::size_t size) {
  std::vector<float> z(size);
  fill_normal(z, Noise{.seed = 3}.draw(0), 0, 0);
  return z;
}

}  // namespace

TEST_CASE("the norm of a flat buffer is the square root of the sum of squares") {
  // Three blocks, the last of odd length.
  const std::vector<float> g = normals(40003);
  double sum = 0;
  for (const float v : g) sum += double(v) * double(v);
  GradientNorm norm(g.size());
  CHECK(norm(std::span<const float>(g)) == Approx(std::sqrt(sum)).epsilon(1e-13));
  CHECK(norm(std::span<const float>(g).first(3)) ==
        Approx(std::sqrt(double(g[0]) * g[0] + double(g[1]) * g[1] + double(g[2]) * g[2])));
  CHECK(GradientNorm(0)(std::span<const float>{}) == 0);
}

TEST_CASE("the norm of a buffer with NaN or infinity is not finite, and 1e30 does not overflow") {
  std::vector<float> g(100, 1e30f);
  GradientNorm norm(g.size());
  CHECK(norm(std::span<const float>(g)) == Approx(1e31).epsilon(1e-6));
  g[57] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(norm(std::span<const float>(g))));
  g[57] = std::numeric_limits<float>::infinity();
  CHECK_FALSE(std::isfinite(norm(std::span<const float>(g))));
}

#if defined(_OPENMP)
TEST_CASE("norm and update are bit-identical for one, two and three threads") {
  const std::vector<float> g = normals(100001);
  const int before = omp_get_max_threads();
  double first_norm = 0;
  std::vector<float> first_parameters;
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    GradientNorm norm(g.size());
    const double value = norm(std::span<const float>(g));
    std::vector<float> parameters(g), m(g.size()), v(g.size()), average(g);
    update_parameters(Adam{.warm_up = 0}, ParameterBuffers<float>{parameters, m, v, average},
                      std::span<const float>(g), 0, value, 0.9);
    if (threads == 1) {
      first_norm = value;
      first_parameters = parameters;
    }
    CHECK(value == first_norm);
    CHECK(parameters == first_parameters);
  }
  omp_set_num_threads(before);
}
#endif
