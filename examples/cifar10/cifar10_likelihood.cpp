// SPDX-License-Identifier: MIT
/// cifar10_likelihood: bits per dimension of images under a checkpoint's model.
#include "cli/programs.hpp"
#include "engine/engine.hpp"

int main(int argc, char** argv) {
  return programs::likelihood_program(
      argc, argv, CIFAR10_BUNDLED_CHECKPOINT,
      {programs::likelihood_on_host, programs::likelihood_on_device});
}
