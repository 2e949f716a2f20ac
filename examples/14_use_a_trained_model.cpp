// SPDX-License-Identifier: MIT
/// Samples the network of a checkpoint and writes the images to a PNG.
//! [use_a_trained_model]
#include <cstdio>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/scoresde.hpp>

int main(int, char** argv) {  // a checkpoint and the PNG to write
  const auto configuration = scoresde::read_configuration(argv[1]);
  const auto config = scoresde::network_of(configuration);
  scoresde::nn::Network<scoresde::eigen::Ops<float>> network(scoresde::nn::unet(config), 4,
                                                             scoresde::nn::Mode::inference);
  std::vector<float> weights(network.parameters().size());
  scoresde::load_weights<float>(argv[1], network.parameters(), weights);

  scoresde::visit_sampled_score(configuration, [&](const auto& sde, const auto& convention) {
    scoresde::nn::ScoreNetwork model(network, weights, sde, convention);
    scoresde::ClippedDenoiser clipped(model, sde, {config.centered ? -1.0 : 0.0, 1});
    scoresde::HostState<float> images({4, model.dim()});  // (channel, row, column) of each
    scoresde::SolverSampler{sde, scoresde::DpmSolverPlusPlus<2>{}, scoresde::log_snr_grid(sde, 10)}
        .sample(clipped, images, scoresde::Noise{.seed = 1});
    scoresde::io::write_image_grid(
        argv[2], {.height = config.height(), .width = config.width(), .centered = config.centered},
        images);
    double square = 0;
    for (const float pixel : images.span()) square += pixel * pixel / double(images.size());
    std::printf("%s: mean square of the pixels %.2f\n", argv[2], square);
  });
}
//! [use_a_trained_model]
