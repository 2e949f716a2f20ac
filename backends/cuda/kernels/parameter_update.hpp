// SPDX-License-Identifier: MIT
/// The end of a training step: the gradient norm, and an optimizer's update fused with the EMA and
/// the cast to network weights, in one pass over flat buffers.
///
///   ‖g‖ from sums of fixed blocks in double;  θ, m, v as in optim/optimizer.hpp;
///   average ← average + (1 − d)(θ − average);  network weights ← bfloat16(θ)
///
/// The step does not wait for the host: the clipping factor is computed on the device, and a step
/// with a non-finite loss or gradient leaves parameters, moments and average unchanged and sets
/// `finite` = 0 in its outcome.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <scoresde/cuda/detail/training_arguments.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/optimizer.hpp>

#include "kernels/block_sum.hpp"
#include "kernels/vec128.hpp"

namespace scoresde::cuda {

/// Partial sums of squares of a flat buffer.
struct SumOfSquares {
  static constexpr unsigned threads = 256;
  static constexpr std::uint32_t span = 16384;  ///< elements per block

  std::size_t count;
  bool whole;
  const float* values;
  double* partial;  ///< parts(count) elements

  [[nodiscard]] static std::uint32_t parts(std::size_t count) {
    return static_cast<std::uint32_t>((count + span - 1) / span);
  }
  [[nodiscard]] GridSize grid() const { return {parts(count)}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    const std::size_t begin = std::size_t{block.index().x} * span;
    const std::size_t end = begin + span < count ? begin + span : count;
    double sum = 0;
    SCORESDE_UNROLL(4)
    for (std::size_t i = begin + block.thread() * lanes<float>; i < end;
         i += threads * lanes<float>) {
      const auto left = static_cast<unsigned>(end - i);
      with_extent(whole && left >= lanes<float>, left, [&](auto extent) {
        const VecF32<float> v = load(values + i, extent);
        for (unsigned j = 0; j < lanes<float>; ++j)
          sum += static_cast<double>(v[j]) * static_cast<double>(v[j]);
      });
    }
    sum = block_sum(block, sum, scratch);
    if (block.thread() == 0) partial[block.index().x] = sum;
  }
};

/// Computes the norm and the mean loss, and the coefficients of UpdateParameters. After more than
/// skip_limit consecutive steps with a non-finite loss or gradient, the last one of which does not
/// count as a step, all later steps have no effect and the same outcome until the host sets
/// `skipped` to 0: steps already enqueued must not update the state.
template <class Rule>
struct FinalizeStep {
  static constexpr unsigned threads = 256;

  Rule optimizer;  ///< a model of Optimizer
  ExponentialMovingAverage ema;
  std::uint32_t parts, samples;
  const double* partial;  ///< of SumOfSquares
  const double* losses;   ///< per sample
  std::uint64_t* step;    ///< number of the step
  CoefficientsOf<Rule, float>* coefficients;
  detail::StepOutcome* outcome;
  std::uint32_t skip_limit = 0;

  [[nodiscard]] GridSize grid() const { return {}; }
  [[nodiscard]] unsigned shared_bytes() const { return shared_size<double>(threads / warp_size); }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    auto scratch = block.template shared<double>(threads / warp_size);
    double squares = 0, loss = 0;
    for (std::uint32_t i = block.thread(); i < parts; i += threads) squares += partial[i];
    for (std::uint32_t i = block.thread(); i < samples; i += threads) loss += losses[i];
    squares = block_sum(block, squares, scratch);
    loss = block_sum(block, loss, scratch) / samples;
    if (block.thread() != 0 || outcome->skipped > skip_limit) return;
    const std::uint64_t updates = *step;
    const double norm = std::sqrt(squares);
    const bool finite = std::isfinite(norm) && std::isfinite(loss);
    const std::uint32_t skipped = finite ? 0 : outcome->skipped + 1;
    const std::uint64_t done = updates + (skipped > skip_limit ? 0 : 1);
    // Stored before the powers of the coefficients, so that less is alive across them: no spills.
    *outcome = {done, loss, norm, optimizer.learning_rate_at(updates), finite ? 1u : 0u, skipped};
    *step = done;
    *coefficients =
        optimizer.template coefficients<float>(updates, norm, ema.decay_at(updates + 1));
  }
};

/// The update itself, with the coefficients C of an optimizer. `average` and `cast` may be null.
template <class C>
struct UpdateParameters {
  static constexpr unsigned threads = 256;
  static constexpr unsigned of_thread = lanes<Bfloat16>;  ///< elements: a 128-bit vector of `cast`

  std::size_t count;
  bool whole;           ///< all buffers are 16-byte aligned
  bool clear_gradient;  ///< zero it for the next step, also after a skipped step
  const C* coefficients;
  const detail::StepOutcome* outcome;
  float *parameters, *first_moment, *second_moment, *average, *gradient;
  Bfloat16* cast;

  [[nodiscard]] GridSize grid() const {
    constexpr std::size_t of_block = threads * of_thread;
    return {static_cast<unsigned>((count + of_block - 1) / of_block)};
  }

  template <class Block>
  SCORESDE_DEVICE void operator()(Block& block) const {
    const bool accepted = outcome->finite != 0;
    const C c = *coefficients;
    const std::size_t begin = (std::size_t{block.index().x} * threads + block.thread()) * of_thread;
    VecF32<Bfloat16> theta{};
    for (unsigned half = 0; half < of_thread; half += lanes<float>) {
      const std::size_t at = begin + half, left = at < count ? count - at : 0;
      with_extent(whole && left >= lanes<float>, static_cast<unsigned>(left < 4 ? left : 4),
                  [&](auto extent) {
                    if (accepted) update(c, at, extent, theta.value + half);
                    if (clear_gradient) store(gradient + at, VecF32<float>{}, extent);
                  });
    }
    if (!accepted || cast == nullptr || begin >= count) return;
    const std::size_t left = count - begin;
    with_extent(whole && left >= of_thread,
                static_cast<unsigned>(left < of_thread ? left : of_thread),
                [&](auto extent) { store(cast + begin, theta, extent); });
  }

 private:
  template <class Extent>
  SCORESDE_DEVICE void update(const C& c, std::size_t at, Extent extent, float* updated) const {
    const VecF32<float> g = load(gradient + at, extent);
    VecF32<float> theta = load(parameters + at, extent), m = load(first_moment + at, extent),
                  v = load(second_moment + at, extent);
    for (unsigned i = 0; i < lanes<float>; ++i) {
      c.update(theta[i], m[i], v[i], g[i]);
      updated[i] = theta[i];
    }
    store(parameters + at, theta, extent);
    store(first_moment + at, m, extent);
    store(second_moment + at, v, extent);
    if (average == nullptr) return;
    VecF32<float> a = load(average + at, extent);
    for (unsigned i = 0; i < lanes<float>; ++i) c.move_average(a[i], theta[i]);
    store(average + at, a, extent);
  }
};

}  // namespace scoresde::cuda
