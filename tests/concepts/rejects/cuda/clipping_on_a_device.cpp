// SPDX-License-Identifier: MIT
/// A user's function cannot run where nvcc has not compiled it.
// expect: ClippedDenoiser: the state's backend cannot apply a function element by element; it needs
// transform(out, f, inputs...) (scoresde/state/elementwise.hpp)
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/scoresde.hpp>

using X = scoresde::cuda::DeviceState<float>;

void evaluate(const X& x, X& out) {
  auto model = scoresde::score_function([](const X&, double, X&) {});
  scoresde::ClippedDenoiser clipped(model, scoresde::VpSde());
  clipped.evaluate(x, 0.5, out);
}
