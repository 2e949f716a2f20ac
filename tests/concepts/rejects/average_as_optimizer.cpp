// SPDX-License-Identifier: MIT
/// The moving average of the parameters is a policy of an update, not the update.
// expect: training: this is not an optimizer; it needs validate(), learning_rate_at(updates)
// returning double, and coefficients<T>(updates, norm, ema_decay) returning the functions
// update(theta, m, v, gradient) and move_average(average, theta)
#include <scoresde/networks.hpp>

using Configuration = scoresde::TrainingConfigurationWith<scoresde::DenoisingScoreMatching,
                                                          scoresde::ExponentialMovingAverage>;

void use(const Configuration& configuration) { configuration.validate(); }
