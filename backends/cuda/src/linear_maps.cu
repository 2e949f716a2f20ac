// SPDX-License-Identifier: MIT
/// Launchers for operators of inverse problems: sparse products, coefficients per element, and the
/// choice of samples.
#include <algorithm>

#include <scoresde/cuda/detail/sparse_matrix.hpp>

#include "enqueue.cuh"
#include "kernels/element_assign_kernel.hpp"
#include "kernels/select_samples_kernel.hpp"
#include "kernels/sparse_product_kernel.hpp"
#include "operands.hpp"

namespace scoresde::cuda {
namespace {

/// Throws Error while a run is recorded: these operations take numbers that are not in its tables.
void require_uncaptured(const char* verb, const Context& context) {
  require(context.recording() == nullptr, verb,
          ": it cannot be captured in a CUDA graph; use this sampler without CapturedSampler");
}

}  // namespace

namespace detail {
namespace {

template <class T>
void product(const Context& context, const SparseMatrix& matrix, std::size_t samples, const T* x,
             T* out) {
  require_uncaptured("a linear operator", context);
  enqueue(context, SparseProduct<T>{matrix, static_cast<unsigned>(samples), x, out},
          "a linear operator");
}

}  // namespace

void sparse_product(const Context& context, const SparseMatrix& matrix, std::size_t samples,
                    const float* x, float* out) {
  product(context, matrix, samples, x, out);
}
void sparse_product(const Context& context, const SparseMatrix& matrix, std::size_t samples,
                    const double* x, double* out) {
  product(context, matrix, samples, x, out);
}

}  // namespace detail

template <class T>
void DeviceBackend<T>::assign_by_element(State& out,
                                         std::span<const ElementTerm<State>> terms) const {
  using Kernel = ElementAssignKernel<T>;
  static_assert(Kernel::max_terms == max_element_terms);
  const char* const verb = "assign by element";
  scoresde::require_element_terms(out, terms);
  require_uncaptured(verb, out.context());
  const std::size_t dim = out.extents().dim;
  Kernel kernel{};
  kernel.shape = float4s_of(out.extents());
  kernel.out = out.device_data();
  const Context& context = out.context();
  double* const table = context.host_scratch(terms.size() * dim);
  for (const auto& [c, x] : terms) {
    require_alike(verb, out, *x);
    std::copy(c.begin(), c.end(), table + kernel.count * dim);
    kernel.state[kernel.count++] = x->device_data();
  }
  const std::size_t bytes = terms.size() * dim * sizeof(double);
  auto* const coefficients = static_cast<double*>(context.scratch(bytes));
  context.copy_to_device(coefficients, table, bytes);
  kernel.coefficients = coefficients;
  enqueue(context, kernel, "a form with coefficients per element");
}

template <class T>
void DeviceBackend<T>::select_samples(State& out, const State& x,
                                      std::span<const std::uint32_t> rows) const {
  const char* const verb = "select samples";
  require(x.context() == out.context(), verb,
          ": the states belong to different contexts; all must share one");
  require_uncaptured(verb, out.context());
  const Context& context = out.context();
  auto* const chosen = static_cast<std::uint32_t*>(context.scratch(rows.size_bytes()));
  context.copy_to_device(chosen, rows.data(), rows.size_bytes());
  enqueue(
      context,
      SelectSamplesKernel<T>{float4s_of(out.extents()), x.device_data(), chosen, out.device_data()},
      "a selection of samples");
}

template class DeviceBackend<float>;
template class DeviceBackend<double>;

}  // namespace scoresde::cuda
