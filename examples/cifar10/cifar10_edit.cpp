// SPDX-License-Identifier: MIT
/// cifar10_edit: edits images by a score-based model, without training.
#include "cli/programs.hpp"
#include "engine/engine.hpp"

int main(int argc, char** argv) {
  return programs::edit_program(argc, argv, CIFAR10_BUNDLED_CHECKPOINT, CIFAR10_BUNDLED_CLASSIFIER,
                                {programs::edit_on_host, programs::edit_on_device});
}
