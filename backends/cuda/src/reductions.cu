// SPDX-License-Identifier: MIT
/// DeviceBackend's reductions: sums on the device, one number per sample copied to the host.
#include <cmath>

#include "kernels/reduction_terms.hpp"
#include "operands.hpp"
#include "recording.hpp"
#include "sums.cuh"

namespace scoresde::cuda {
namespace {

/// per_sample[k] ← finish(Σ quantity). Waits for the device.
template <class Quantity, class T>
void sum_to_host(const char* verb, const DeviceState<T>& x, const Quantity& quantity,
                 SumFinish finish, std::span<double> per_sample) {
  const Context& context = x.context();
  require_eager(verb, context);
  scoresde::require_row(verb, per_sample.size(), x.extents().samples);
  const Float4Shape shape = float4s_of(x.extents());
  auto* const scratch = static_cast<double*>(context.scratch(sum_bytes(shape, Quantity::sums)));
  const double* const sums = enqueue_sum(context, shape, quantity, finish, scratch);
  context.copy_to_host(per_sample.data(), sums, per_sample.size_bytes());
}

}  // namespace

template <class T>
void DeviceBackend<T>::norms(std::span<const Term<State>> terms,
                             std::span<double> per_sample) const {
  require(!terms.empty(), "norms: 0 terms; at least 1 is required");
  const State& x = *terms[0].state;
  require_alike("norms", x, terms);
  const DeviceTerms<T> active(terms);
  FormSquare<T> quantity{active.count, {}, {}};
  for (unsigned j = 0; j < active.count; ++j) {
    quantity.state[j] = active.state[j];
    quantity.coefficient[j] = active.coefficient[j];
  }
  sum_to_host("norms", x, quantity, SumFinish::root, per_sample);
}

template <class T>
void DeviceBackend<T>::norms(NoiseDraw draw, const State& x, std::span<double> per_sample) const {
  sum_to_host("norms", x, DrawSquare{draw}, SumFinish::root, per_sample);
}

template <class T>
void DeviceBackend<T>::scaled_rms(const State& error, const State& x, const State& y, double atol,
                                  double rtol, std::span<double> per_sample) const {
  for (const State* other : {&x, &y}) require_alike("scaled_rms", error, *other);
  sum_to_host("scaled_rms", error,
              ScaledSquare<T>{error.device_data(), x.device_data(), y.device_data(), atol, rtol},
              SumFinish::root_mean, per_sample);
}

template <class T>
void DeviceBackend<T>::inner(const State& x, const State& y, std::span<double> per_sample) const {
  require_alike("inner", x, y);
  sum_to_host("inner", x, Product<T>{x.device_data(), y.device_data()}, SumFinish::sum, per_sample);
}

template class DeviceBackend<float>;
template class DeviceBackend<double>;

}  // namespace scoresde::cuda
