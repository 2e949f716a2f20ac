// SPDX-License-Identifier: MIT
/// cifar10_evaluate: distances between samples of a checkpoint and real images.
#include "cli/programs.hpp"
#include "engine/engine.hpp"

int main(int argc, char** argv) {
  return programs::evaluate_program(argc, argv, CIFAR10_BUNDLED_CHECKPOINT,
                                    CIFAR10_BUNDLED_FEATURES,
                                    {programs::evaluate_on_host, programs::evaluate_on_device},
                                    {programs::sample_on_host, programs::sample_on_device});
}
