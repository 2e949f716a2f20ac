// SPDX-License-Identifier: MIT
/// cifar10_sample: samples images from a checkpoint by any sampler of the library.
#include "cli/programs.hpp"
#include "engine/engine.hpp"

int main(int argc, char** argv) {
  return programs::sample_program(argc, argv, CIFAR10_BUNDLED_CHECKPOINT,
                                  {programs::sample_on_host, programs::sample_on_device});
}
