// SPDX-License-Identifier: MIT
#include <span>
#include <vector>

#include <scoresde/optim/communicator.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

struct WithoutBroadcast {
  static std::size_t rank() { return 0; }
  static std::size_t size() { return 1; }
  static void all_reduce(std::span<float>) {}
  static void all_reduce(std::span<double>) {}
};
static_assert(!Communicator<WithoutBroadcast>);
static_assert(!Communicator<int>);
static_assert(sums_in_tree<NoCommunicator> && !sums_in_tree<WithoutBroadcast>);

}  // namespace

TEST_CASE("NoCommunicator is one rank and changes no values") {
  NoCommunicator one;
  CHECK(one.rank() == 0);
  CHECK(one.size() == 1);
  std::vector<float> values{1, 2};
  one.all_reduce(std::span<float>(values));
  one.broadcast(std::span<float>(values));
  CHECK(values == std::vector<float>{1, 2});
}
