// SPDX-License-Identifier: MIT
/// Scope: over what a norm or an error is taken where it sets the size of a step.
#pragma once

namespace scoresde {

/// Per sample, a sample does not depend on the others of its batch. Over the batch, all samples
/// share one step size: the convention of score_sde's correctors (means of the norms), of scipy's
/// RK45 on the flattened batch (see scipy_rk45), and of DPM-Solver's authors (the largest error).
enum class Scope { per_sample, batch };

}  // namespace scoresde
