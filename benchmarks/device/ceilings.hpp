// SPDX-License-Identifier: MIT
/// The two ceilings of a GPU, measured: what its matrix units and its memory do in this process.
#pragma once

#include <nlohmann/json.hpp>

#include <scoresde/cuda/context.hpp>

namespace device {

struct Ceilings {
  double gemm_gflops = 0;  ///< of an 8192×8192×8192 product of normals in bf16, by cuBLASLt
  double copy_gbs = 0;     ///< 10⁹ bytes read and written a second, in copies of 1 GiB
};

/// Bytes read and written a second, in 10⁹, in copies on the device.
[[nodiscard]] double copy_bandwidth(const scoresde::cuda::Context& context);

/// Takes some 2.5 GiB of the device and a second.
[[nodiscard]] Ceilings measure_ceilings(const scoresde::cuda::Context& context);

/// What programs say of the device in their lines.
[[nodiscard]] nlohmann::ordered_json describe(const scoresde::cuda::Context& context,
                                              const Ceilings& ceilings);

}  // namespace device
