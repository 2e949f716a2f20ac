// SPDX-License-Identifier: MIT
/// cifar10_train: fits a score network to CIFAR-10 and keeps checkpoints, a log and snapshots.
#include "cli/programs.hpp"
#include "engine/engine.hpp"

int main(int argc, char** argv) {
  return programs::train_program(argc, argv, {programs::train_on_host, programs::train_on_device},
                                 programs::ablation_on_host);
}
