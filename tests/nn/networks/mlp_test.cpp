// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Ops = eigen::Ops<double>;

namespace {

/// W x + b of the layer `name`.
std::vector<double> dense(const nn::Graph& graph, const std::vector<double>& p,
                          const std::string& name, const std::vector<double>& x) {
  const nn::Parameter& w = graph.parameters().find(name + ".weight");
  const nn::Parameter& b = graph.parameters().find(name + ".bias");
  std::vector<double> y(b.size);
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = p[b.offset + i];
    for (std::size_t j = 0; j < x.size(); ++j) y[i] += p[w.offset + i * x.size() + j] * x[j];
  }
  return y;
}

std::vector<double> silu(std::vector<double> x) {
  for (double& v : x) v /= 1 + std::exp(-v);
  return x;
}

std::vector<double> sum(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

}  // namespace

TEST_CASE("an MLP matches its formula") {
  const nn::Graph graph = nn::mlp({.dim = 3, .width = 7, .depth = 2, .time_features = 4});
  const auto p = small::parameters<double>(graph, 3);
  nn::Network<Ops> network(graph, 1, nn::Mode::inference);
  const std::vector<double> x{0.3, -1.2, 0.7};
  const double label = 2.5;
  std::vector<double> y(3);
  network.forward(p, x, std::span<const double>(&label, 1), y);

  const std::vector<double> waves{std::sin(2.5), std::sin(2.5e-4), std::cos(2.5), std::cos(2.5e-4)};
  const auto e = silu(dense(graph, p, "time.1", silu(dense(graph, p, "time.0", waves))));
  auto h = dense(graph, p, "in", x);
  for (const std::string block : {"block.0", "block.1"}) {
    const auto inner =
        sum(dense(graph, p, block + ".0", silu(h)), dense(graph, p, block + ".time", e));
    h = sum(h, dense(graph, p, block + ".1", silu(inner)));
  }
  const auto expected = dense(graph, p, "out", silu(h));
  for (std::size_t i = 0; i < 3; ++i) CHECK(y[i] == Approx(expected[i]).epsilon(1e-12));
}

TEST_CASE("a class adds to an MLP's time embedding, and no_class adds nothing") {
  const nn::MlpConfig plain{.dim = 3, .width = 7, .depth = 1, .time_features = 4};
  nn::MlpConfig conditioning = plain;
  conditioning.num_class_embeds = 2;
  const nn::Graph graph = nn::mlp(conditioning);
  auto p = small::parameters<double>(graph, 3);
  const nn::Parameter& table = graph.parameters().find("class_embedding.weight");
  CHECK(table.shape == std::vector<std::size_t>{2, 7});
  nn::Network<Ops> network(graph, 2, nn::Mode::inference);
  const std::vector<double> x{0.3, -1.2, 0.7, 0.3, -1.2, 0.7}, labels{2.5, 2.5};
  const auto answer = [&](std::vector<std::uint32_t> classes) {
    std::vector<double> y(6);
    network.forward(p, x, labels, y, {}, classes);
    return y;
  };
  const auto y = answer({1, nn::no_class});
  CHECK(std::abs(y[0] - y[3]) > 1e-3);
  // What class 1 adds before the activation is equivalent to a change of the preceding layer's
  // bias.
  const nn::Parameter& bias = graph.parameters().find("time.1.bias");
  for (std::size_t i = 0; i < 7; ++i) p[bias.offset + i] += p[table.offset + 7 + i];
  const auto moved = answer({nn::no_class, nn::no_class});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(moved[i] == Approx(y[i]).epsilon(1e-12));
    CHECK(moved[3 + i] != y[3 + i]);
  }
}

TEST_CASE("an MLP's parameter count follows its width and depth") {
  const auto count = [](const nn::MlpConfig& c) { return nn::mlp(c).parameters().count(); };
  // time.0, time.1, in, out; and three layers per block.
  CHECK(count({.dim = 2, .width = 10, .depth = 0, .time_features = 6}) == 70 + 110 + 30 + 22);
  CHECK(count({.dim = 2, .width = 10, .depth = 5, .time_features = 6}) ==
        70 + 110 + 30 + 22 + 5 * 330);
}

namespace {

/// Central differences of the loss in every parameter, compared with the network's backward pass.
template <Sde S, class Loss>
void check_gradients(const S& sde, const Loss& loss, nn::MlpConfig config) {
  config.width = 5;
  config.depth = 2;
  config.time_features = 6;
  const nn::Graph graph = nn::mlp(config);
  auto p = small::parameters<double>(graph, 4);
  nn::Network<Ops> network(graph, 3, nn::Mode::training);
  nn::ScoreNetwork<Ops, S, typename Loss::template Convention<S>> model(network, p, sde);
  const HostState<double> x({3, 2}, small::normals<double>(6, 1));
  LossWorkspace<HostState<double>> work(x);
  const NoiseDraw z = Noise{.seed = 2}.draw(1);
  loss.draw_times(sde, Noise{.seed = 3}.draw(0), work.times());
  const double value = loss(sde, model, x, z, work);
  std::vector<double> gradient(p.size(), 0.0);
  model.backward(work.output_gradient(), gradient);
  const double h = 1e-5;
  for (const nn::Parameter& entry : graph.parameters().entries())
    for (std::size_t i = entry.offset; entry.trainable && i < entry.offset + entry.size; ++i) {
      const double start = p[i];
      p[i] = start + h;
      const double above = loss(sde, model, x, z, work);
      p[i] = start - h;
      const double below = loss(sde, model, x, z, work);
      p[i] = start;
      CAPTURE(entry.name, i - entry.offset);
      CHECK(gradient[i] == Approx((above - below) / (2 * h)).epsilon(1e-6).margin(1e-7 * value));
    }
}

}  // namespace

TEST_CASE("an MLP's gradients match the loss's derivative for every activation and embedding") {
  const DenoisingScoreMatching loss;
  check_gradients(VpSde{}, loss, {});
  check_gradients(VpSde{}, loss, {.activation = nn::Activation::elu});
  check_gradients(VeSde{}, loss, {.fourier_scale = 1, .scale_by_sigma = true});
}

TEST_CASE("an MLP's gradients match the derivatives of the discrete losses and EDM's loss") {
  check_gradients(DdpmSde(linear_betas(1000)), DiscreteScoreMatching{}, {});
  check_gradients(SmldSde(20), DiscreteScoreMatching{.reduce_mean = true}, {});
  check_gradients(EdmSde{}, EdmLoss{}, {});
}

TEST_CASE("an MLP rejects invalid settings") {
  CHECK_THROWS_WITH(nn::mlp({.dim = 0}), Catch::Contains("dim is 0"));
  CHECK_THROWS_WITH(nn::mlp({.width = 0}), Catch::Contains("width is 0"));
  CHECK_THROWS_WITH(nn::mlp({.time_features = 5}), Catch::Contains("5 channels"));
  CHECK_THROWS_WITH(nn::mlp({.fourier_scale = -1}), Catch::Contains("fourier_scale is -1"));
}
