// SPDX-License-Identifier: MIT
#include <scoresde/eigen/detail/core.hpp>
#include <scoresde/eigen/detail/product.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using namespace scoresde::test;
using eigen::detail::Matrix;

TEST_CASE("a product of any orientation matches Eigen's") {
  using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;
  const std::size_t rows = 19, columns = 37, depth = 23;
  const auto a = random_values<double>(rows * depth, 1),
             b = random_values<double>(depth * columns, 2);
  for (const bool a_by_rows : {true, false})
    for (const bool b_by_rows : {true, false})
      for (const bool c_by_rows : {true, false})
        for (const bool accumulate : {true, false}) {
          const Matrix<const double> left{a.data(), a_by_rows ? depth : 1, a_by_rows ? 1 : rows};
          const Matrix<const double> right{b.data(), b_by_rows ? columns : 1,
                                           b_by_rows ? 1 : depth};
          Dense x(rows, depth), y(depth, columns);
          for (std::size_t k = 0; k < depth; ++k) {
            for (std::size_t i = 0; i < rows; ++i)
              x(Eigen::Index(i), Eigen::Index(k)) = left.data[i * left.row + k * left.column];
            for (std::size_t j = 0; j < columns; ++j)
              y(Eigen::Index(k), Eigen::Index(j)) = right.data[k * right.row + j * right.column];
          }
          Dense z = x * y;
          std::vector<double> c = accumulate ? random_values<double>(rows * columns, 3)
                                             : not_a_number<double>(rows * columns);
          const Matrix<double> out{c.data(), c_by_rows ? columns : 1, c_by_rows ? 1 : rows};
          std::vector<double> expected(c.size());
          for (std::size_t i = 0; i < rows; ++i)
            for (std::size_t j = 0; j < columns; ++j) {
              const std::size_t at = i * out.row + j * out.column;
              expected[at] = z(Eigen::Index(i), Eigen::Index(j)) + (accumulate ? c[at] : 0);
            }
          GuardedScratch<double> scratch(eigen::detail::product_scratch<double>(rows, depth));
          eigen::detail::product<double>(rows, columns, depth, left, right, out, accumulate,
                                         scratch.span().data());
          CHECK(relative_distance(c, expected) < 1e-14);
          CHECK(scratch.intact());
        }
}
