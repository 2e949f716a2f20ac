// SPDX-License-Identifier: MIT
/// DeviceBackend::correct, a Langevin step without host synchronization, and the finite check of a
/// captured run.
#include <bit>

#include "assign_call.cuh"
#include "kernels/finite_kernel.hpp"
#include "kernels/langevin_kernel.hpp"
#include "kernels/reduction_terms.hpp"
#include "operands.hpp"
#include "sums.cuh"

namespace scoresde::cuda {
namespace {

/// Norms, step sizes and update. Numbers: p, q, snr, scale, and the draw's index. Scratch: the
/// sums, then the coefficients of the update.
template <class T>
struct CorrectCall {
  Float4Shape shape;
  T* x;
  const T* output;
  const T* z;  // null: use the draw
  ScoreForm form;
  NoiseDraw draw;
  LangevinRule rule;
  bool batch_mean;

  [[nodiscard]] std::vector<std::uint64_t> structure() const {
    return {'c',       sizeof(T),  shape.samples,
            shape.dim, word(x),    word(output),
            word(z),   batch_mean, std::bit_cast<std::uint64_t>(rule.smallest)};
  }
  [[nodiscard]] std::vector<double> numbers() const {
    return {form.state, form.output, rule.snr, rule.scale, std::bit_cast<double>(draw.index)};
  }
  [[nodiscard]] std::size_t scratch_bytes() const {
    return sum_bytes(shape, 2) + 3 * std::size_t{shape.samples} * sizeof(double);
  }
  void replay(const Context& context, const ReplayArguments& arguments) const {
    static_cast<void>(enqueue_all(context, arguments));
  }

  /// Returns the device memory of the norms: of the scores, then of the noise.
  const double* enqueue_all(const Context& context, const ReplayArguments& arguments) const {
    const DrawSource source{draw, arguments.row, 4};
    auto* const scratch = static_cast<double*>(arguments.scratch);
    double* const coefficients = scratch + sum_bytes(shape, 2) / sizeof(double);
    const LangevinSquares<T> squares{x, output, z, form.state, form.output, source};
    const double* const norms = enqueue_sum(context, shape, squares, SumFinish::root, scratch);
    enqueue(context,
            LangevinKernel{norms, shape.samples, form.state, form.output, rule, batch_mean,
                           arguments.row, coefficients},
            "Langevin step sizes");
    AssignCall<T> update{shape, x, 2, {x, output}};
    if (z != nullptr)
      update.state[update.count++] = z;
    else
      update.noise = {1, draw};
    update.enqueue_by(context, source, {coefficients});
    return norms;
  }
};

/// Checks that ⟨x, x⟩ is finite. Number: the index of the check in the run.
template <class T>
struct FiniteCall {
  Float4Shape shape;
  const T* x;
  std::size_t check;

  [[nodiscard]] std::vector<std::uint64_t> structure() const {
    return {'f', sizeof(T), shape.samples, shape.dim, word(x)};
  }
  [[nodiscard]] std::vector<double> numbers() const { return {static_cast<double>(check)}; }
  [[nodiscard]] std::size_t scratch_bytes() const { return sum_bytes(shape, 1); }
  void replay(const Context& context, const ReplayArguments& arguments) const {
    const double* const sums = enqueue_sum(context, shape, Product<T>{x, x}, SumFinish::sum,
                                           static_cast<double*>(arguments.scratch));
    enqueue(context, FiniteKernel{sums, shape.samples, arguments.row, arguments.flags},
            "a finite check");
  }
};

}  // namespace

template <class T>
void DeviceBackend<T>::correct(State& x, const State& output, ScoreForm form, NoiseDraw z,
                               LangevinRule rule, Scope scope, std::span<double> score_norms,
                               std::span<double> noise_norms) const {
  correct(x, output, form, nullptr, z, rule, scope, score_norms, noise_norms);
}

template <class T>
void DeviceBackend<T>::correct(State& x, const State& output, ScoreForm form, const State& z,
                               LangevinRule rule, Scope scope, std::span<double> score_norms,
                               std::span<double> noise_norms) const {
  correct(x, output, form, &z, {}, rule, scope, score_norms, noise_norms);
}

template <class T>
void DeviceBackend<T>::correct(State& x, const State& output, ScoreForm form, const State* state,
                               NoiseDraw draw, LangevinRule rule, Scope scope,
                               std::span<double> score_norms, std::span<double> noise_norms) const {
  require_alike("correct", x, output);
  if (state != nullptr) require_alike("correct", x, *state);
  const Context& context = x.context();
  const CorrectCall<T> call{float4s_of(x.extents()),
                            x.device_data(),
                            output.device_data(),
                            state != nullptr ? state->device_data() : nullptr,
                            form,
                            draw,
                            rule,
                            scope == Scope::batch};
  if (score_norms.empty() && noise_norms.empty()) return submit(context, call);
  require_eager("correct with observed norms", context);
  const std::size_t samples = x.extents().samples;
  for (const std::span<double> norms : {score_norms, noise_norms})
    scoresde::require_row("correct", norms.size(), samples);
  const double* const norms =
      call.enqueue_all(context, {.scratch = context.scratch(call.scratch_bytes())});
  context.copy_to_host(score_norms.data(), norms, score_norms.size_bytes());
  context.copy_to_host(noise_norms.data(), norms + samples, noise_norms.size_bytes());
}

template <class T>
bool DeviceBackend<T>::defer_finite_check(const char* sampler, const State& x,
                                          TimeStep step) const {
  detail::Recording* const recording = x.context().recording();
  if (recording == nullptr) return false;
  const std::size_t check = recording->add_check({sampler, step});
  // A separate graph, so that steps with and without a check share a graph.
  recording->end_graph();
  submit(x.context(), FiniteCall<T>{float4s_of(x.extents()), x.device_data(), check});
  recording->end_graph();
  return true;
}

template class DeviceBackend<float>;
template class DeviceBackend<double>;

}  // namespace scoresde::cuda
