// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

TEST_CASE("a score network gives the same result for an xtensor as for host memory") {
  using Ops = eigen::Ops<float>;
  using Images = xt::xtensor<float, 4>;
  const nn::Graph graph = nn::unet(small::every_path());
  const auto parameters = small::parameters<float>(graph, 3);
  nn::Network<Ops> network(graph, 2, nn::Mode::inference);
  nn::ScoreNetwork<Ops, VpSde> model(network, parameters, VpSde{});
  static_assert(PerSampleScoreModel<nn::ScoreNetwork<Ops, VpSde>, Images>);
  const HostState<float> x({3, 128}, small::normals<float>(3 * 128, 5));
  HostState<float> expected(x.extents());
  model.evaluate(x, 0.3, expected);
  Images images = xt::zeros<float>({3, 2, 8, 8}), output = images;
  std::copy(x.data(), x.data() + x.size(), images.data());
  model.evaluate(images, 0.3, output);
  CHECK(std::equal(output.data(), output.data() + output.size(), expected.data()));
  CHECK(expected(2, 5) != 0);
}
