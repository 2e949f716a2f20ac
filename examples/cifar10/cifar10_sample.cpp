// SPDX-License-Identifier: MIT
/// cifar10_sample: samples images from a checkpoint by any sampler of the library.
#include "cli/programs.hpp"
#include "engine/engine.hpp"
#include "engine/run_on_ranks.hpp"

int main(int argc, char** argv) {
  using namespace programs;
  return run_on_ranks(argc, argv, [](int count, char** words, Ranks& ranks) {
    return sample_program(count, words, CIFAR10_BUNDLED_CHECKPOINT,
                          {sample_on_host, sample_on_device}, ranks);
  });
}
