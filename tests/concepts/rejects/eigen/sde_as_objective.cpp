// SPDX-License-Identifier: MIT
/// A trainer minimizes an objective; an SDE is a part of one.
// expect: Trainer: the second argument is not an objective for this backend; ScoreMatching<Sde,
// Loss> trains a score network
#include <scoresde/eigen/eigen.hpp>
#include <scoresde/networks.hpp>
#include <scoresde/scoresde.hpp>

using Run = scoresde::Trainer<scoresde::eigen::Ops<float>, scoresde::VpSde>;

void use(const Run& run) { static_cast<void>(run.dim()); }
