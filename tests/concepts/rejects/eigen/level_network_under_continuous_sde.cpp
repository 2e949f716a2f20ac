// SPDX-License-Identifier: MIT
/// A network trained at a thousand noise levels is not defined at the times between them.
// expect: ScoreNetwork: a convention of discrete noise levels requires an SDE with
// training_steps() and training_time(i): DdpmSde, SmldSde, DiscreteVpSde or DiscreteVeSde (sub-VP
// has no such levels)
#include <scoresde/eigen/eigen.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using Ops = scoresde::eigen::Ops<float>;
using Network =
    scoresde::nn::ScoreNetwork<Ops, scoresde::VpSde, scoresde::nn::NoisePredictionAtLevel>;

void use(const Network& network) { static_cast<void>(network.score_form(0.5)); }
