// SPDX-License-Identifier: MIT
#include <cstddef>
#include <vector>

#include <scoresde/state/element_terms.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

static_assert(ElementTermState<HostState<float>>);

TEMPLATE_TEST_CASE("a form has a coefficient per element, the same for every sample", "", float,
                   double) {
  using State = HostState<TestType>;
  const Extents shape{3, 5};
  std::vector<State> x(4, State(shape));
  std::vector<std::vector<double>> c(4, std::vector<double>(5));
  for (std::size_t j = 0; j < 4; ++j) {
    for (std::size_t i = 0; i < x[j].size(); ++i)
      x[j].data()[i] = static_cast<TestType>(i * (j + 1)) - 4;
    for (std::size_t e = 0; e < 5; ++e) c[j][e] = 0.5 * double(e) - double(j);
  }
  const auto check = [&](const State& found, std::size_t terms) {
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t e = 0; e < 5; ++e) {
        double sum = 0;
        for (std::size_t j = 0; j < terms; ++j) sum += c[j][e] * double(x[j](k, e));
        CHECK(found(k, e) == static_cast<TestType>(sum));  // all numbers are exact
      }
  };
  State out(shape);
  assign_by_element(out, {{c[0], x[0]}});
  check(out, 1);
  assign_by_element(out, {{c[0], x[0]}, {c[1], x[1]}});
  check(out, 2);
  assign_by_element(out, {{c[0], x[0]}, {c[1], x[1]}, {c[2], x[2]}});
  check(out, 3);
  out = x[3];  // aliases a term
  assign_by_element(out, {{c[0], x[0]}, {c[1], x[1]}, {c[2], x[2]}, {c[3], out}});
  check(out, 4);
}

TEST_CASE("a form with coefficients per element rejects other numbers of terms and coefficients") {
  const std::vector<double> c(5, 1), few(4, 1);
  HostState<double> x({2, 5}), other({2, 4});
  CHECK_THROWS_WITH(assign_by_element(x, {}), Contains("0 terms"));
  CHECK_THROWS_WITH(assign_by_element(x, {{c, x}, {c, x}, {c, x}, {c, x}, {c, x}}),
                    Contains("5 terms given; 1 to 4"));
  CHECK_THROWS_WITH(assign_by_element(x, {{few, x}}), Contains("4 coefficients given for"));
  CHECK_THROWS_AS(assign_by_element(x, {{c, other}}), Error);
}
