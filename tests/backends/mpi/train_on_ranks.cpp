// SPDX-License-Identifier: MIT
/// A training on several ranks from include to result, which docs/training.md quotes.
#include <cstdint>
#include <cstdio>

#include <scoresde/data/image_set.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/mpi/mpi.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/trainer.hpp>

namespace {

scoresde::nn::UNetConfig small_network() {
  scoresde::nn::UNetConfig config;
  config.image_size = 8;
  config.num_channels = 1;
  config.nf = 8;
  config.ch_mult = {1, 2};
  config.num_res_blocks = 1;
  config.attn_resolutions = {4};
  return config;
}

scoresde::data::ImageSet my_images() {
  scoresde::data::ImageSet images{1, 8, 8, {}, {}};
  for (std::size_t i = 0; i < 64 * 32; ++i) images.pixels.push_back(std::uint8_t(i / 64 * 8));
  return images;
}

}  // namespace

//! [ranks]
int main(int argc, char** argv) {
  scoresde::mpi::Environment environment(argc, argv);  // MPI, to the end of main
  return environment.run([] {                          // an exception ends all ranks
    using Ops = scoresde::eigen::Ops<float>;
    using Objective = scoresde::ScoreMatching<scoresde::VpSde>;
    scoresde::mpi::Communicator world(MPI_COMM_WORLD);
    scoresde::Trainer<Ops, Objective, scoresde::Adam, scoresde::mpi::Communicator> trainer(
        scoresde::nn::unet(small_network()), scoresde::VpSde(), {.seed = 1, .gradient_shards = 4},
        4, Ops(), world);
    trainer.train_on(my_images(), {}, 1, 16);  // four shards of four images
    for (int n = 0; n < 3; ++n) trainer.step();
    if (world.rank() == 0) std::printf("loss %.9g\n", trainer.report().loss);
    return 0;
  });
}
//! [ranks]
