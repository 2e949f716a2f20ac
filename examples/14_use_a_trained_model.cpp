// SPDX-License-Identifier: MIT
/// Samples the network of a checkpoint and writes the images to a PNG.
//! [use_a_trained_model]
#include <cstdio>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/scoresde.hpp>

int main(int, char** argv) {  // a checkpoint and the PNG to write
  auto model = scoresde::load_pretrained<scoresde::eigen::Ops<float>>(argv[1], {.batch = 4});
  scoresde::ClippedDenoiser clipped(model, model.sde(), {model.config().centered ? -1.0 : 0.0, 1});
  auto images = model.make_state(4);  // (channel, row, column) of each
  scoresde::SolverSampler{model.sde(), scoresde::DpmSolverPlusPlus<2>{},
                          scoresde::log_snr_grid(model.sde(), 10)}
      .sample(clipped, images, scoresde::Noise{.seed = 1});
  scoresde::io::write_image_grid(argv[2], model.image_grid(), images);

  double square = 0;
  for (const float pixel : images.span()) square += pixel * pixel / double(images.size());
  std::printf("%s: mean square of the pixels %.2f\n", argv[2], square);
}
//! [use_a_trained_model]
