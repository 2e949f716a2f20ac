// SPDX-License-Identifier: MIT
/// Scope: whether a norm or an error that sets a step size is computed per sample or over the
/// batch.
#pragma once

namespace scoresde {

/// With per_sample, a sample does not depend on the others of its batch. With batch, all samples
/// share one step size: the convention of score_sde's correctors (means of the norms), of scipy's
/// RK45 on the flattened batch (see scipy_rk45), and of the DPM-Solver paper (the largest error).
enum class Scope { per_sample, batch };

}  // namespace scoresde
