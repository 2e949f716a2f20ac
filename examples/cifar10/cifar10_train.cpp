// SPDX-License-Identifier: MIT
/// cifar10_train: fits a score network to CIFAR-10 and keeps checkpoints, a log and snapshots.
#include "cli/programs.hpp"
#include "engine/engine.hpp"
#include "engine/run_on_ranks.hpp"

int main(int argc, char** argv) {
  using namespace programs;
  return run_on_ranks(argc, argv, [](int count, char** words, Ranks& ranks) {
    return train_program(count, words, {train_on_host, train_on_device}, ablation_on_host, ranks);
  });
}
