// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>
#include <vector>

#include <scoresde/state/contiguous_backend.hpp>
#include <scoresde/state/detail/with_arity.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// One-dimensional points.
struct Line {
  std::vector<double> values;
  double* data() { return values.data(); }
  const double* data() const { return values.data(); }
};

struct LineLayout {
  using State = Line;
  using Scalar = double;
  static Extents extents(const Line& x) { return {x.values.size(), 1}; }
  static Line make_like(const Line& x) { return {std::vector<double>(x.values.size())}; }
};

}  // namespace

template <>
struct scoresde::backend_of<Line> {
  static ContiguousBackend<LineLayout> of(const Line&) { return {}; }
};

TEST_CASE("a layout with two functions gives a conforming backend") {
  for (const std::size_t samples : {1, 5, 300})
    CHECK(testing::check_backend(Line{std::vector<double>(samples)}) == std::vector<std::string>{});
}

TEST_CASE("assign starts with noise, then fuses multiply-adds in the order of the terms") {
  // Lengths around a tile of 256, where the loop changes.
  for (const std::size_t samples : {1, 255, 256, 257, 600}) {
    Line out{std::vector<double>(samples)}, x = out, y = out;
    for (std::size_t k = 0; k < samples; ++k) {
      x.values[k] = 1 / (3.0 + static_cast<double>(k));
      y.values[k] = -1 / (7.0 + static_cast<double>(k * k));
    }
    const NoiseDraw draw = Noise{.seed = 9, .first_sample = 3}.draw(4);
    const std::vector<Term<Line>> terms{{1.0 / 3, &x}, {-1.7, &y}};
    for (const double noise : {0.0, 0.3}) {
      backend(out).assign(out, std::span<const Term<Line>>(terms), NoiseTerm{noise, draw});
      for (std::size_t k = 0; k < samples; ++k) {
        float z = 0;
        fill_normal({&z, 1}, draw, k, 0);
        const double start = noise * static_cast<double>(z);
        const double first = std::fma(1.0 / 3, x.values[k], start);
        INFO("samples " << samples << ", noise " << noise << ", sample " << k);
        CHECK(out.values[k] == std::fma(-1.7, y.values[k], first));
      }
    }
  }
}

TEST_CASE("a runtime count selects the same compile-time count") {
  for (std::size_t count = 0; count <= max_terms; ++count) {
    std::size_t found = 99;
    detail::with_arity(count, [&](auto n) { found = n(); });
    CHECK(found == count);
  }
}

TEST_CASE("lane_sum is the sum for every length") {
  for (std::size_t count = 0; count < 40; ++count)
    CHECK(detail::lane_sum(count, [](std::size_t e) { return double(e + 1); }) ==
          double(count * (count + 1) / 2));
}
