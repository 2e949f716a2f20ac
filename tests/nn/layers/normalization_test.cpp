// SPDX-License-Identifier: MIT
#include <variant>

#include <scoresde/nn/layers/normalization.hpp>

#include "support/catch.hpp"

using namespace scoresde::nn;

TEST_CASE("a normalization has one group per four channels, at most 32") {
  for (const auto& [channels, groups] :
       {std::pair{4, 1}, {16, 4}, {48, 12}, {128, 32}, {256, 32}}) {
    Graph graph(std::size_t(channels), 2, 2);
    activated_normalization(graph, graph.input(), "g", {});
    const auto& norm = std::get<node::GroupNorm>(graph.nodes().back().operation).norm;
    CHECK(norm.groups == std::size_t(groups));
    CHECK(norm.epsilon == 1e-6);
    CHECK(norm.silu);
  }
}

TEST_CASE("channels not divisible by 32 groups are rejected") {
  Graph graph(144, 2, 2);
  CHECK_THROWS_WITH(group_normalization(graph, graph.input(), "g", {}),
                    Catch::Matchers::Contains("144 channels"));
}
