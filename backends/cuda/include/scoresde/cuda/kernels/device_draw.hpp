// SPDX-License-Identifier: MIT
/// DeviceDraw: the name of a draw whose index counts steps in device memory.
///
///   index ← draw.index + *step
///
/// A captured CUDA graph repeats the arguments it was captured with; the step counter lies in
/// memory, so every replay draws what its step draws.
#pragma once

#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::cuda {

struct DeviceDraw {
  NoiseDraw draw;
  const std::uint64_t* step = nullptr;  ///< device memory; null: the draw as it is

  SCORESDE_HOST_DEVICE NoiseDraw now() const {
    NoiseDraw at = draw;
    if (step != nullptr) at.index += *step;
    return at;
  }
};

}  // namespace scoresde::cuda
