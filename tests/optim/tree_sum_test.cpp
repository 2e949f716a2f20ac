// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/optim/tree_sum.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// The tree as text.
std::string tree(std::size_t terms) {
  std::vector<std::string> x;
  for (std::size_t i = 0; i < terms; ++i) x.push_back(std::to_string(i));
  visit_sum_tree(terms,
                 [&](std::size_t i, std::size_t j) { x[i] = "(" + x[i] + "+" + x[j] + ")"; });
  return x[0];
}

/// Numbers whose sum in float depends on the order.
float term(std::size_t k, std::size_t i) {
  return 1.0F / static_cast<float>(1 + (7 * k + 3 * i) % 23);
}

/// `parts`: the last term is added in parts from its end.
std::vector<float> sum_of(std::size_t first, std::size_t terms, std::size_t size,
                          bool parts = false) {
  TreeSum<float> sum(size, terms);
  for (int turn = 0; turn < 2; ++turn) {  // the second after clear()
    sum.clear();
    for (std::size_t k = first; k < first + terms; ++k) {
      const std::span<float> next = sum.next();
      for (std::size_t i = 0; i < size; ++i) next[i] += term(k, i);
      if (!parts || !sum.is_last())
        sum.add();
      else
        for (std::size_t i = size; i > 0;) {
          const std::size_t count = std::min<std::size_t>(i, 2);
          i -= count;
          const std::span<float> sums = sum.add_last(i, count);
          CHECK(sums.data() == sum.result().data() + i);
          CHECK(sums.size() == count);
        }
    }
  }
  return {sum.result().begin(), sum.result().end()};
}

}  // namespace

TEST_CASE("the tree adds neighbors first, and a term without a neighbor moves up") {
  CHECK(tree(1) == "0");
  CHECK(tree(2) == "(0+1)");
  CHECK(tree(3) == "((0+1)+2)");
  CHECK(tree(6) == "(((0+1)+(2+3))+(4+5))");
  CHECK(tree(7) == "(((0+1)+(2+3))+((4+5)+6))");
}

TEST_CASE("TreeSum adds terms that come one after another in the order of the tree") {
  for (std::size_t terms = 1; terms <= 17; ++terms) {
    std::vector<float> x;
    for (std::size_t k = 0; k < terms; ++k) x.push_back(term(k, 4));
    visit_sum_tree(terms, [&](std::size_t i, std::size_t j) { x[i] += x[j]; });
    CHECK(sum_of(0, terms, 5)[4] == x[0]);
    CHECK(sum_of(0, terms, 5, true) == sum_of(0, terms, 5));
  }
}

TEST_CASE("sums of 2, 4 and 8 terms of each rank are nodes of the tree over all terms") {
  const std::vector<float> whole = sum_of(0, 24, 40);
  for (const std::size_t own : {1, 2, 4, 8}) {
    std::vector<std::vector<float>> ranks;
    for (std::size_t r = 0; r < 24 / own; ++r) ranks.push_back(sum_of(r * own, own, 40));
    visit_sum_tree(ranks.size(), [&](std::size_t i, std::size_t j) {
      add_to(std::span<float>(ranks[i]), std::span<const float>(ranks[j]));
    });
    CHECK(ranks[0] == whole);
  }
  std::vector<float> in_order(40);  // the test compares something: another order has other bits
  for (std::size_t k = 0; k < 24; ++k)
    for (std::size_t i = 0; i < 40; ++i) in_order[i] += term(k, i);
  CHECK(in_order != whole);
}

TEST_CASE("a sum of no terms is rejected") {
  CHECK_THROWS_WITH(TreeSum<double>(3, 0), Catch::Contains("terms is 0"));
}
