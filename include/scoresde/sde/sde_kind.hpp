// SPDX-License-Identifier: MIT
/// SdeKind: the SDEs that a configuration can name.
#pragma once

namespace scoresde {

/// VpSde, SubVpSde, VeSde and EdmSde; ddpm is a chain of betas, DdpmSde.
enum class SdeKind { vp, sub_vp, ve, edm, ddpm };

}  // namespace scoresde
