// SPDX-License-Identifier: MIT
/// Linear operators: laws of every operator of the library, values, and what is rejected.
#include <string>
#include <vector>

#include <scoresde/inverse/dense_operator.hpp>
#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/linear_operator.hpp>

#include "inverse/operator_laws.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Batch = HostState<double>;

TEST_CASE("operators satisfy adjoint, inverse and singular value laws", "[inverse]") {
  operator_laws::check(Mask(std::vector<int>{1, 0, 0, 1, 1, 0, 1}));
  operator_laws::check(Gray({3, 2, 5}));
  operator_laws::check(BlockMean({2, 4, 6}, 2));
  operator_laws::check(Blur({2, 5, 4}, gaussian_kernel(1, 0.6)));
  operator_laws::check(Blur({1, 5, 3}, {0.1, 0.2, 0.9, 0.2, 0.1}, Boundary::periodic));
  operator_laws::check(DenseOperator({1, 2, 0, -1, 0.5, 1, 0.25, 3, 1, 1, 2, 1}, 3, 4));
  operator_laws::check(RandomProjection(4, 9, 11));
}

TEST_CASE("image operators map the elements in the order of an image", "[inverse]") {
  Batch image({1, 8}, {1, 2, 3, 4, 5, 6, 7, 8});  // two channels of 2 x 2
  Batch gray({1, 4}), low({1, 2}), back({1, 8}), known({1, 2});
  Gray({2, 2, 2}).apply(image, gray);
  CHECK(gray(0, 0) == 3);
  CHECK(gray(0, 3) == 6);
  BlockMean({2, 2, 2}, 2).apply(image, low);
  CHECK(low(0, 0) == 2.5);
  CHECK(low(0, 1) == 6.5);
  BlockMean({2, 2, 2}, 2).pseudo_inverse(low, back);
  CHECK(back(0, 3) == 2.5);
  CHECK(back(0, 4) == 6.5);
  const Mask mask(std::vector<int>{0, 1, 0, 0, 0, 0, 0, 1});
  mask.apply(image, known);
  CHECK(known(0, 0) == 2);
  CHECK(known(0, 1) == 8);
  mask.pseudo_inverse(known, back);
  CHECK(back(0, 0) == 0);
  CHECK(back(0, 7) == 8);
}

TEST_CASE("a blur outside its image is zero or periodic", "[inverse]") {
  Batch image({1, 4}, {1, 0, 0, 0}), blurred({1, 4});
  const std::vector<double> kernel{0.25, 0.5, 0.25};
  Blur({1, 1, 4}, kernel).apply(image, blurred);  // a height of 1 multiplies by 0.5
  CHECK(blurred(0, 0) == 0.25);
  CHECK(blurred(0, 1) == 0.125);
  CHECK(blurred(0, 3) == 0);
  Blur({1, 1, 4}, kernel, Boundary::periodic).apply(image, blurred);  // a height of 1 by 1
  CHECK(blurred(0, 0) == 0.5);
  CHECK(blurred(0, 3) == 0.25);
  double sum = 0;
  for (const double value : gaussian_kernel(2, 0.9)) sum += value;
  CHECK(std::abs(sum - 1) < 1e-15);
}

TEST_CASE("a dense operator of lower rank has singular values 0 and a pseudo-inverse",
          "[inverse]") {
  const DenseOperator op({1, 2, 2, 4}, 2, 2);
  const auto s = op.singular_values();
  CHECK(std::min(s[0], s[1]) == 0);
  CHECK(std::max(s[0], s[1]) == Approx(5));
  Batch y({1, 2}, {1, 2}), x({1, 2}), again({1, 2});
  op.pseudo_inverse(y, x);
  op.apply(x, again);
  CHECK(operator_laws::largest_difference(y, again) < 1e-14);
  CHECK_THROWS_WITH(detail::require_full_rank("method", op), Catch::Matchers::Contains("singular"));
}

TEST_CASE("operators and problems reject bad input by name", "[inverse]") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(Mask(std::vector<int>{0, 0}), Contains("mask: none of its 2 elements"));
  CHECK_THROWS_WITH(Gray({0, 2, 2}), Contains("gray: the image has 0 x 2 x 2"));
  CHECK_THROWS_WITH(BlockMean({1, 4, 6}, 4), Contains("factor is 4"));
  CHECK_THROWS_WITH(Blur({1, 2, 2}, {0.5, 0.5}), Contains("2 numbers"));
  CHECK_THROWS_WITH(Blur({1, 2, 2}, {0.5, 0.2, 0.3}), Contains("symmetric"));
  CHECK_THROWS_WITH(gaussian_kernel(1, 0), Contains("std is 0"));
  CHECK_THROWS_WITH(DenseOperator({1, 2}, 2, 1), Contains("2 rows and 1 columns"));
  CHECK_THROWS_WITH(DenseOperator({0, 0}, 1, 2), Contains("all 2 entries are 0"));
  CHECK_THROWS_WITH(RandomProjection(3, 2, 1), Contains("3 rows of 2 columns"));
  const Mask mask(std::vector<int>{1, 0, 1});
  Batch x({2, 3}), y({2, 2}), wrong({2, 3}), other({1, 3});
  CHECK_THROWS_WITH(mask.apply(y, x), Contains("mask: a map from 2 samples of dimension 2"));
  CHECK_THROWS_WITH(LinearProblem(mask, wrong, 0.1), Contains("dimension 3; the operator has 2"));
  CHECK_THROWS_WITH(LinearProblem(mask, y, -1), Contains("noise_std is -1"));
  CHECK_THROWS_WITH(LinearProblem(mask, y, 0.1).check("method", other),
                    Contains("1 samples of dimension 3; the problem has 2"));
}
