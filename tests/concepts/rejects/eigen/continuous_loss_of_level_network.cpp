// SPDX-License-Identifier: MIT
/// A loss with continuous times cannot train a network that is conditioned on levels.
// expect: Trainer: NoisePredictionAtLevel and ScoreAtLevel require DiscreteScoreMatching
#include <scoresde/eigen/eigen.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using Ops = scoresde::eigen::Ops<float>;
using Objective = scoresde::ScoreMatching<scoresde::DdpmSde, scoresde::DenoisingScoreMatching>;
using Run = scoresde::Trainer<Ops, Objective>;

void use(const Run& run) { static_cast<void>(run.dim()); }
