// SPDX-License-Identifier: MIT
#include <atomic>
#include <numeric>
#include <vector>

#include <scoresde/eigen/detail/parallel.hpp>

#include "support/catch.hpp"

using namespace scoresde::eigen::detail;

TEST_CASE("shares cover all items exactly once, in order and evenly") {
  for (const std::size_t count : {0u, 1u, 7u, 64u})
    for (const std::size_t parts : {1u, 2u, 5u}) {
      std::size_t at = 0;
      for (std::size_t part = 0; part < parts; ++part) {
        const Share s = share(count, parts, part);
        CHECK(s.begin == at);
        CHECK(s.end - s.begin <= (count + parts - 1) / parts);
        at = s.end;
      }
      CHECK(at == count);
    }
}

TEST_CASE("every part, item and element is visited once, also from inside a parallel region") {
  const auto visits_once = [](std::size_t threads) {
    std::vector<std::atomic<int>> parts(5), items(101), elements(1000);
    std::atomic<bool> worker_in_range = true;
    for_each_part(parts.size(), [&](std::size_t part) { ++parts[part]; });
    for_each_item(threads, items.size(), [&](std::size_t worker, std::size_t item) {
      if (worker >= threads) worker_in_range = false;
      ++items[item];
    });
    for_each_range(threads, elements.size(), 10, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) ++elements[i];
    });
    const auto once = [](const auto& counts) {
      return std::all_of(counts.begin(), counts.end(), [](const auto& c) { return c == 1; });
    };
    return once(parts) && once(items) && once(elements) && worker_in_range;
  };
  for (const std::size_t threads : {1u, 2u, 7u}) CHECK(visits_once(threads));
  std::atomic<int> good = 0;
  for_each_part(3, [&](std::size_t) { good += visits_once(4) ? 1 : 0; });
  CHECK(good == 3);
}
