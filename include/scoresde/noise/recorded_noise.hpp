// SPDX-License-Identifier: MIT
/// RecordedNoise: a noise source of stored states, by which the runs of other programs are
/// repeated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <scoresde/error.hpp>

namespace scoresde {

/// Draws stored as states: draws[i] is draw i, and draws[0] is the prior's. They must outlive the
/// run.
template <class X>
struct RecordedNoise {
  std::span<const X> draws;

  /// Throws Error if there is no draw of that index.
  [[nodiscard]] const X& draw(std::uint64_t index) const {
    require(index < draws.size(), "recorded noise: draw ", index, " is requested, but ",
            draws.size(), " are recorded");
    return draws[static_cast<std::size_t>(index)];
  }
};

}  // namespace scoresde
