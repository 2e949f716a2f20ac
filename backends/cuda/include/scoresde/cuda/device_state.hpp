// SPDX-License-Identifier: MIT
/// DeviceState: a batch of points in device memory, and the backend with the operations that
/// samplers require.
///
/// The members of DeviceBackend are compiled in the library, so user code does not need nvcc.
/// docs/cuda.md lists which of them wait for the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/corrector/langevin.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/error.hpp>
#include <scoresde/score/score_model.hpp>
#include <scoresde/state/backend.hpp>
#include <scoresde/state/element_terms.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde::cuda {

/// Element e of sample k is at index k·dim + e; T is float or double. Copies are deep.
template <class T>
class DeviceState {
 public:
  using Scalar = T;

  /// Uninitialized. Throws Error if the device does not have enough memory, and for more than
  /// 2³² − 1 groups of four elements.
  DeviceState(const Context& context, Extents extents)
      : extents_(checked(extents)), memory_(context, extents.size() * sizeof(T)) {}
  /// Copies the elements of a host state.
  DeviceState(const Context& context, const HostState<T>& x) : DeviceState(context, x.extents()) {
    write({x.data(), x.size()});
  }
  DeviceState(const DeviceState& other)
      : extents_(other.extents_), memory_(other.context(), other.memory_.bytes()) {
    context().copy_on_device(device_data(), other.device_data(), memory_.bytes());
  }
  DeviceState(DeviceState&& other) noexcept = default;
  DeviceState& operator=(const DeviceState& other) { return *this = DeviceState(other); }
  DeviceState& operator=(DeviceState&& other) noexcept = default;

  [[nodiscard]] const Context& context() const { return memory_.context(); }
  [[nodiscard]] Extents extents() const { return extents_; }
  [[nodiscard]] std::size_t size() const { return extents_.size(); }
  /// A device pointer; host code must not dereference it.
  [[nodiscard]] T* device_data() { return memory_.template data<T>(); }
  [[nodiscard]] const T* device_data() const { return memory_.template data<T>(); }

  /// Throws Error unless values.size() == size().
  void write(std::span<const T> values) {
    require_size(values.size());
    context().copy_to_device(device_data(), values.data(), values.size_bytes());
  }
  /// Waits for all enqueued work. Throws Error unless values.size() == size().
  void read(std::span<T> values) const {
    require_size(values.size());
    context().copy_to_host(values.data(), device_data(), values.size_bytes());
  }

 private:
  static Extents checked(Extents extents) {
    const std::size_t float4s = (extents.dim + 3) / 4;
    require(extents.samples < limit && extents.dim < limit &&
                (float4s == 0 || extents.samples <= (limit - 1) / float4s),
            "device state: the extents are ", extents.samples, " samples of dimension ",
            extents.dim, "; at most 2^32 - 1 groups of four elements are allowed");
    return extents;
  }
  void require_size(std::size_t found) const {
    require(found == size(), "device state: ", found, " values given for ", extents_.samples,
            " samples of dimension ", extents_.dim);
  }

  static constexpr std::size_t limit = std::size_t{1} << 32;

  Extents extents_;
  DeviceMemory memory_;
};

/// Copies the elements to host memory. Waits for all enqueued work.
template <class T>
[[nodiscard]] HostState<T> to_host(const DeviceState<T>& x) {
  std::vector<T> values(x.size());
  x.read(values);
  return HostState<T>(x.extents(), std::move(values));
}

/// assign, including its noise, is bit-identical to HostState's; reductions are deterministic sums
/// in double. All states of a call must share one context.
template <class T>
class DeviceBackend {
 public:
  using State = DeviceState<T>;

  [[nodiscard]] Extents extents(const State& x) const { return x.extents(); }
  [[nodiscard]] State make_like(const State& x) const { return State(x.context(), x.extents()); }

  /// Throws Error for more than max_terms terms, and for a term whose extents or context differ
  /// from those of `out`.
  void assign(State& out, std::span<const Term<State>> terms, NoiseTerm noise) const;
  /// The same with per-sample coefficients, which are copied to the device. Throws Error also
  /// unless every row holds one coefficient per sample, and during stream capture.
  void assign(State& out, std::span<const SampleTerm<State>> terms, SampleNoise noise) const;

  /// out ← Σ conditioning[j]·xⱼ with coefficients in device memory, for models evaluated in a
  /// captured run (GraphCapturableScoreModel). Terms with coefficient 0 are not skipped.
  void assign(State& out, std::span<const State* const> states,
              DeviceCoefficients conditioning) const;

  /// out ← Σ cᵢ·xᵢ + c·z where mask is not 0, unchanged elsewhere; bit-identical to HostState's.
  /// Throws Error for more than two terms, for different extents or contexts, and during capture.
  void assign_where(State& out, const State& mask, std::span<const Term<State>> terms,
                    NoiseTerm noise) const;

  /// out[k, e] ← Σⱼ cⱼ[e]·xⱼ[k, e] in double; the coefficients are copied to the device. Throws
  /// Error as assign_by_element of a host state does, for different contexts, and during capture.
  void assign_by_element(State& out, std::span<const ElementTerm<State>> terms) const;
  /// out[k] ← x[rows[k]] (state/select_samples.hpp, which checks the arguments). Throws Error for
  /// different contexts and during capture.
  void select_samples(State& out, const State& x, std::span<const std::uint32_t> rows) const;

  /// These four copy one number per sample to the host and wait for it. They throw Error for
  /// different extents or contexts, unless the span has one element per sample, and during capture.
  void norms(std::span<const Term<State>> terms, std::span<double> per_sample) const;
  void norms(NoiseDraw draw, const State& x, std::span<double> per_sample) const;
  void scaled_rms(const State& error, const State& x, const State& y, double atol, double rtol,
                  std::span<double> per_sample) const;
  void inner(const State& x, const State& y, std::span<double> per_sample) const;

  /// out ← Σ cᵢ·zᵢ in one pass, for Brownian trees; bit-identical to one assign per term. Throws
  /// Error for more terms than a tree has.
  void draw_sum(State& out, std::span<const NoiseTerm> draws) const;

  /// A whole corrector step x ← a·x + b·(form.state·x + form.output·output) + c·z. a, b and c are
  /// computed on the device from the norms; only the norms are copied to the host, and only into
  /// non-empty spans.
  void correct(State& x, const State& output, ScoreForm form, NoiseDraw z, LangevinRule rule,
               Scope scope, std::span<double> score_norms, std::span<double> noise_norms) const;
  void correct(State& x, const State& output, ScoreForm form, const State& z, LangevinRule rule,
               Scope scope, std::span<double> score_norms, std::span<double> noise_norms) const;

  /// True while a run is captured: the check then runs in every replay, and a failure is thrown at
  /// the end of the replay.
  [[nodiscard]] bool defer_finite_check(const char* sampler, const State& x, TimeStep step) const;

 private:
  void correct(State& x, const State& output, ScoreForm form, const State* state, NoiseDraw draw,
               LangevinRule rule, Scope scope, std::span<double> score_norms,
               std::span<double> noise_norms) const;
};

extern template class DeviceBackend<float>;
extern template class DeviceBackend<double>;

}  // namespace scoresde::cuda

template <class T>
struct scoresde::backend_of<scoresde::cuda::DeviceState<T>> {
  static cuda::DeviceBackend<T> of(const cuda::DeviceState<T>&) { return {}; }
};

static_assert(scoresde::State<scoresde::cuda::DeviceState<float>>);
static_assert(scoresde::State<scoresde::cuda::DeviceState<double>>);
