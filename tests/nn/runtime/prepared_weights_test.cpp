// SPDX-License-Identifier: MIT
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/detail/prepared_weights.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Ops = eigen::Ops<float>;
using Catch::Matchers::Contains;

namespace {

struct Case {
  nn::Graph graph = nn::unet(small::every_path());
  std::vector<float> parameters = small::parameters<float>(graph, 1);
  std::vector<float> x = small::normals<float>(2 * 128, 3);
  std::vector<double> labels{100, 400};

  std::vector<float> forward(nn::Network<Ops>& network) const {
    std::vector<float> y(x.size());
    network.forward(parameters, x, labels, y);
    return y;
  }
  [[nodiscard]] std::vector<float> expected() const {
    nn::Network<Ops> fresh(graph, 2, nn::Mode::inference);
    return forward(fresh);
  }
};

}  // namespace

TEST_CASE("frozen parameters give bit-identical results and ignore later changes") {
  Case c;
  nn::Network<Ops> network(c.graph, 2, nn::Mode::inference);
  network.freeze(c.parameters);
  const auto before = c.expected();
  CHECK(c.forward(network) == before);
  const auto& weight = c.graph.parameters().find("all_modules.2.weight");
  c.parameters[weight.offset] += 1;
  CHECK(c.forward(network) == before);  // the change of the weights has no effect
  const auto after = c.expected();
  CHECK(after != before);
  network.freeze(c.parameters);
  CHECK(c.forward(network) == after);
  c.parameters[weight.offset] += 1;
  network.thaw();
  CHECK(c.forward(network) == c.expected());
}

TEST_CASE("parameters in other memory are prepared again and end the freeze") {
  Case c;
  nn::Network<Ops> network(c.graph, 2, nn::Mode::inference);
  const std::vector<float> others(c.parameters.size(), 0.0f);
  network.freeze(others);
  CHECK(c.forward(network) == c.expected());
  c.parameters[0] += 1;
  CHECK(c.forward(network) == c.expected());
}

TEST_CASE("freeze rejects parameters of another size") {
  const Case c;
  nn::Network<Ops> network(c.graph, 1, nn::Mode::inference);
  CHECK_THROWS_WITH(network.freeze(std::vector<float>(3)), Contains("parameters holds 3 scalars"));
}

TEST_CASE("workspace_bytes includes prepared weights") {
  const Case c;
  const Ops ops(1);
  const nn::PreparedWeights inference(c.graph, nn::Mode::inference, ops);
  CHECK(inference.size() >= c.graph.parameters().find("all_modules.2.weight").size);
  CHECK(nn::PreparedWeights(c.graph, nn::Mode::training, ops).size() == 0);
  const nn::Network<Ops> network(c.graph, 2, nn::Mode::inference, ops);
  CHECK(nn::workspace_bytes(c.graph, 2, nn::Mode::inference, ops) == network.workspace_bytes());
}
