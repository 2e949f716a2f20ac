// SPDX-License-Identifier: MIT
/// Launchers of DeviceBackend::assign, assign_where and draw_sum, and the choice of AssignCall's
/// kernel.
#include <algorithm>

#include "assign_call.cuh"
#include "enqueue.cuh"
#include "kernels/draw_sum_kernel.hpp"
#include "kernels/masked_assign_kernel.hpp"
#include "operands.hpp"

namespace scoresde::cuda {

template <class T>
template <unsigned MaxTerms, bool Noisy>
void AssignCall<T>::enqueue_as(const Context& context, const DrawSource& draw,
                               SampleRows rows) const {
  AssignKernel<T, MaxTerms, Noisy> kernel{};
  kernel.shape = shape;
  kernel.out = out;
  kernel.count = count;
  for (unsigned j = 0; j < count; ++j) {
    kernel.state[j] = state[j];
    kernel.coefficient[j] = static_cast<T>(coefficient[j]);
  }
  kernel.noise = static_cast<T>(noise.coefficient);
  kernel.draw = draw;
  kernel.rows = rows;
  enqueue(context, kernel, "a step update");
}

template <class T>
void AssignCall<T>::enqueue_by(const Context& context, const DrawSource& draw,
                               SampleRows rows) const {
  // Kernels for few terms, the common case, need fewer registers.
  constexpr unsigned few = 3;
  if (count <= few)
    noisy() ? enqueue_as<few, true>(context, draw, rows)
            : enqueue_as<few, false>(context, draw, rows);
  else
    noisy() ? enqueue_as<max_terms, true>(context, draw, rows)
            : enqueue_as<max_terms, false>(context, draw, rows);
}

template <class T>
void DeviceBackend<T>::assign(State& out, std::span<const Term<State>> terms,
                              NoiseTerm noise) const {
  require_alike("assign", out, terms);
  const DeviceTerms<T> active(terms);
  submit(out.context(), AssignCall<T>{float4s_of(out.extents()), out.device_data(), active.count,
                                      active.state, active.coefficient, noise});
}

template <class T>
void DeviceBackend<T>::assign(State& out, std::span<const SampleTerm<State>> terms,
                              SampleNoise noise) const {
  const char* const verb = "assign with per-sample coefficients";
  require_alike(verb, out, terms);
  require_eager(verb, out.context());
  const std::size_t samples = out.extents().samples;
  const Context& context = out.context();
  AssignCall<T> call{float4s_of(out.extents()), out.device_data()};
  double* const rows = context.host_scratch((terms.size() + 1) * samples);
  double* end = rows;
  for (const auto& [c, x] : terms) {
    scoresde::require_row("assign", c.size(), samples);
    call.state[call.count++] = x->device_data();
    end = std::copy(c.begin(), c.end(), end);
  }
  if (!noise.coefficients.empty()) {
    scoresde::require_row("assign", noise.coefficients.size(), samples);
    end = std::copy(noise.coefficients.begin(), noise.coefficients.end(), end);
    call.noise = {1, noise.draw};
  }
  const auto bytes = static_cast<std::size_t>(end - rows) * sizeof(double);
  auto* const device_rows = static_cast<double*>(context.scratch(bytes));
  context.copy_to_device(device_rows, rows, bytes);
  call.enqueue_by(context, {noise.draw, {}, 0}, {device_rows});
}

template <class T>
void DeviceBackend<T>::assign(State& out, std::span<const State* const> states,
                              DeviceCoefficients conditioning) const {
  const char* const verb = "assign with device coefficients";
  require(states.size() <= max_terms, verb, ": ", states.size(), " terms; at most ", max_terms,
          " are allowed");
  require(out.context().recording() == nullptr, verb,
          ": it is called by a captured sampler, which must pass its coefficients by "
          "value; only models may call it");
  AssignCall<T> call{float4s_of(out.extents()), out.device_data()};
  for (const State* x : states) {
    require_alike(verb, out, *x);
    call.state[call.count++] = x->device_data();
  }
  call.enqueue_by(out.context(), {{}, {conditioning.data, nullptr, 0, 0}, 0}, {});
}

template <class T>
void DeviceBackend<T>::assign_where(State& out, const State& mask,
                                    std::span<const Term<State>> terms, NoiseTerm noise) const {
  using Kernel = MaskedAssignKernel<T>;
  const char* const verb = "assign_where";
  require_alike(verb, out, mask);
  require_alike(verb, out, terms);
  require(terms.size() <= Kernel::max_terms, verb, ": ", terms.size(), " terms; at most ",
          Kernel::max_terms, " are allowed");
  require_eager(verb, out.context());
  const DeviceTerms<T> active(terms);
  Kernel kernel{};
  kernel.shape = float4s_of(out.extents());
  kernel.out = out.device_data();
  kernel.mask = mask.device_data();
  kernel.count = active.count;
  for (unsigned j = 0; j < active.count; ++j) {
    kernel.state[j] = active.state[j];
    kernel.coefficient[j] = static_cast<T>(active.coefficient[j]);
  }
  kernel.noise = static_cast<T>(noise.coefficient);
  kernel.draw = noise.draw;
  enqueue(out.context(), kernel, "a masked update");
}

template <class T>
void DeviceBackend<T>::draw_sum(State& out, std::span<const NoiseTerm> draws) const {
  using Kernel = DrawSumKernel<T>;
  require(draws.size() <= Kernel::max_draws, "draw_sum: ", draws.size(), " draws; at most ",
          Kernel::max_draws, " are allowed");
  require(
      out.context().recording() == nullptr,
      "draw_sum: a run along a Brownian path cannot be captured in a CUDA graph because its draws "
      "differ between steps; use Noise");
  Kernel kernel{};
  kernel.shape = float4s_of(out.extents());
  kernel.out = out.device_data();
  kernel.count = static_cast<unsigned>(draws.size());
  for (std::size_t i = 0; i < draws.size(); ++i) {
    kernel.coefficient[i] = draws[i].coefficient;
    kernel.draw[i] = draws[i].draw;
  }
  enqueue(out.context(), kernel, "a sum of draws");
}

template struct AssignCall<float>;
template struct AssignCall<double>;
template class DeviceBackend<float>;
template class DeviceBackend<double>;

}  // namespace scoresde::cuda
