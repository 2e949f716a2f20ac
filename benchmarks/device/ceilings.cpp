// SPDX-License-Identifier: MIT
/// The ceilings, measured with cuBLASLt and device-to-device copies.
#include "ceilings.hpp"

#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/cuda/bfloat16.hpp>
#include <scoresde/cuda/cublaslt_product.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/noise/noise.hpp>

#include "device_timer.hpp"

namespace device {
namespace {

using scoresde::cuda::Bfloat16;
using scoresde::cuda::Context;
using scoresde::cuda::DeviceMemory;

/// Random: products of zeros run faster than those of data.
DeviceMemory normals(const Context& context, std::size_t count, std::uint64_t index) {
  std::vector<float> z(count);
  fill_normal(z, scoresde::Noise{.seed = 1}.draw(index), 0, 0);
  std::vector<Bfloat16> rounded(count);
  for (std::size_t i = 0; i < count; ++i) rounded[i] = scoresde::cuda::from_float<Bfloat16>(z[i]);
  DeviceMemory memory(context, count * sizeof(Bfloat16));
  context.copy_to_device(memory.data(), rounded.data(), memory.bytes());
  return memory;
}

double gemm_gflops(const Context& context) {
  constexpr std::size_t n = 8192;
  scoresde::cuda::MatrixProducts products(context, scoresde::cuda::Precision::bf16);
  const scoresde::cuda::MatrixProduct product{.m = n, .n = n, .k = n, .transpose_b = true};
  const DeviceMemory a = normals(context, n * n, 0), b = normals(context, n * n, 1);
  const DeviceMemory c(context, n * n * sizeof(Bfloat16));
  const DeviceMemory workspace(context, products.plan(product));
  const std::span<std::byte> bytes(workspace.data<std::byte>(), workspace.bytes());
  const Times times = time_runs(
      context, [&] { products.run(product, {.a = a.data(), .b = b.data(), .c = c.data()}, bytes); },
      0.2, 10);
  return 2e-9 * static_cast<double>(n) * n * n / times.median;
}

}  // namespace

double copy_bandwidth(const Context& context) {
  const std::size_t size = std::size_t{1} << 30;
  const DeviceMemory from(context, size), to(context, size);
  context.clear(from.data(), size);
  const Times times = time_runs(
      context, [&] { context.copy_on_device(to.data(), from.data(), size); }, 0.1, 10);
  return 2e-9 * static_cast<double>(size) / times.median;
}

Ceilings measure_ceilings(const Context& context) {
  return {gemm_gflops(context), copy_bandwidth(context)};
}

nlohmann::ordered_json describe(const Context& context, const Ceilings& ceilings) {
  return {{"device", context.name()},
          {"gemm_gflops", ceilings.gemm_gflops},
          {"copy_gbs", ceilings.copy_gbs}};
}

}  // namespace device
