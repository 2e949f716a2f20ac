// SPDX-License-Identifier: MIT
/// No network is trained on discrete levels of sub-VP.
// expect: ScoreNetwork: a convention of discrete noise levels requires an SDE with
// training_steps() and training_time(i): DdpmSde, SmldSde, DiscreteVpSde or DiscreteVeSde (sub-VP
// has no such levels)
#include <scoresde/eigen/eigen.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using Ops = scoresde::eigen::Ops<float>;
using Objective =
    scoresde::ScoreMatching<scoresde::DiscreteSubVpSde, scoresde::DiscreteScoreMatching>;
using Run = scoresde::Trainer<Ops, Objective>;

void use(const Run& run) { static_cast<void>(run.dim()); }
