// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>
#include <vector>

#include <scoresde/state/contiguous_backend.hpp>
#include <scoresde/state/with_arity.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Points on a line, and the least that serves as an expression.
struct Line {
  std::vector<double> values;
  double* data() { return values.data(); }
  const double* data() const { return values.data(); }
};

struct Stretch {
  std::vector<double> values;
  friend Stretch operator*(double c, Stretch s) {
    for (double& v : s.values) v *= c;
    return s;
  }
  friend Stretch operator+(Stretch a, const Stretch& b) {
    for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
    return a;
  }
};

struct LineLayout {
  using State = Line;
  using Scalar = double;
  static Extents extents(const Line& x) { return {x.values.size(), 1}; }
  static Line make_like(const Line& x) { return {std::vector<double>(x.values.size())}; }
  static Stretch segment(const double* p, std::size_t n) { return {std::vector<double>(p, p + n)}; }
  static void store(double* q, std::size_t n, const Stretch& s) {
    std::copy_n(s.values.data(), n, q);
  }
};

}  // namespace

template <>
struct scoresde::backend_of<Line> {
  static ContiguousBackend<LineLayout> of(const Line&) { return {}; }
};

TEST_CASE("a layout of four functions makes a conforming backend") {
  for (const std::size_t samples : {1, 5, 300})
    CHECK(testing::check_backend(Line{std::vector<double>(samples)}) == std::vector<std::string>{});
}

TEST_CASE("a runtime count selects the same compile-time count") {
  for (std::size_t count = 0; count <= max_terms; ++count) {
    std::size_t found = 99;
    detail::with_arity(count, [&](auto n) { found = n(); });
    CHECK(found == count);
  }
}

TEST_CASE("a lane sum is the sum for every length") {
  for (std::size_t count = 0; count < 40; ++count)
    CHECK(detail::lane_sum(count, [](std::size_t e) { return double(e + 1); }) ==
          double(count * (count + 1) / 2));
}
