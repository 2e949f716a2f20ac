// SPDX-License-Identifier: MIT
/// DeviceDraw: a noise draw whose index includes a step counter in device memory.
///
///   index ← draw.index + *step
///
/// A captured CUDA graph replays fixed arguments; because the counter is in memory, every replay
/// generates the noise of its step.
#pragma once

#include <cstdint>

#include <scoresde/host_device.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::cuda::detail {

struct DeviceDraw {
  NoiseDraw draw;
  const std::uint64_t* step = nullptr;  ///< device memory; null: the index is draw.index

  SCORESDE_HOST_DEVICE NoiseDraw now() const {
    NoiseDraw at = draw;
    if (step != nullptr) at.index += *step;
    return at;
  }
};

}  // namespace scoresde::cuda::detail
