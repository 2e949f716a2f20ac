// SPDX-License-Identifier: MIT
/// The fourth argument of a trainer connects ranks; random numbers follow from the seed.
// expect: Trainer: this is not a communicator; it needs rank(), size(), all_reduce(values) and
// broadcast(values), as NoCommunicator has
#include <scoresde/eigen/eigen.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using Objective = scoresde::ScoreMatching<scoresde::VpSde>;
using Run =
    scoresde::Trainer<scoresde::eigen::Ops<float>, Objective, scoresde::Adam, scoresde::Noise>;

void use(const Run& run) { static_cast<void>(run.dim()); }
