// SPDX-License-Identifier: MIT
/// The two ceilings of a GPU, measured in this process: throughput of its matrix units and memory.
#pragma once

#include <nlohmann/json.hpp>

#include <scoresde/cuda/context.hpp>

namespace device {

struct Ceilings {
  double gemm_gflops = 0;  ///< of an 8192×8192×8192 product of normals in bf16, by cuBLASLt
  double copy_gbs = 0;     ///< 10⁹ bytes read and written per second, in copies of 1 GiB
};

/// Bytes read and written per second, in 10⁹, by copies on the device.
[[nodiscard]] double copy_bandwidth(const scoresde::cuda::Context& context);

/// Takes about 2.5 GiB of device memory and a second.
[[nodiscard]] Ceilings measure_ceilings(const scoresde::cuda::Context& context);

/// The fields about the device in the programs' output.
[[nodiscard]] nlohmann::ordered_json describe(const scoresde::cuda::Context& context,
                                              const Ceilings& ceilings);

}  // namespace device
