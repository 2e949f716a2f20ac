// SPDX-License-Identifier: MIT
/// ModelMemory: the states that networks on the device are evaluated on, and the coefficients that
/// captured runs read: what nn::ModelOps and nn::CapturableOps require.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/state/backend.hpp>

namespace scoresde::cuda {

/// All states and copies are of one context; a base of Ops.
class ModelMemory {
 public:
  using State = DeviceState<float>;
  using Coefficients = DeviceCoefficients;

  explicit ModelMemory(Context context) : context_(std::move(context)) {}

  [[nodiscard]] const Context& context() const { return context_; }

  /// Uninitialized. Throws Error as DeviceState's constructor does.
  [[nodiscard]] State make_state(Extents extents) const { return State(context_, extents); }
  [[nodiscard]] static const float* elements(const State& x) { return x.device_data(); }
  [[nodiscard]] static float* elements(State& x) { return x.device_data(); }

  /// y[k, e] ← factors[k]·x[k, e]; pointers are device memory, y may be x.
  void scale_states(const float* x, Extents extents, std::span<const double> factors,
                    float* y) const {
    detail::scale_samples<float>(context_, {x, {extents.samples, extents.dim, 1, 1}},
                                 factors.data(), {y, false});
  }

  /// Copies as Context::copy_to_device and Context::copy_to_host do.
  void upload(std::span<const float> from, float* to) const {
    context_.copy_to_device(to, from.data(), from.size_bytes());
  }
  void download(const float* from, std::vector<float>& to) const {
    context_.copy_to_host(to.data(), from, to.size() * sizeof(float));
  }

 protected:
  Context context_;
};

}  // namespace scoresde::cuda
