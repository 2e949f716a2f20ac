// SPDX-License-Identifier: MIT
/// A linear combination as a recordable device call.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include <scoresde/state/backend.hpp>

#include "kernels/assign_kernel.hpp"
#include "recording.hpp"

namespace scoresde::cuda {

/// out ← Σ coefficient[j]·state[j] + noise; all coefficients are non-zero. A row of the table holds
/// the coefficients, the noise's coefficient and the draw's index.
template <class T>
struct AssignCall {
  Float4Shape shape;
  T* out = nullptr;
  unsigned count = 0;
  std::array<const T*, max_terms> state{};
  std::array<double, max_terms> coefficient{};
  NoiseTerm noise{};

  [[nodiscard]] bool noisy() const { return noise.coefficient != 0; }

  [[nodiscard]] std::vector<std::uint64_t> structure() const {
    std::vector<std::uint64_t> words{'a', sizeof(T), shape.samples, shape.dim, word(out), noisy()};
    for (unsigned j = 0; j < count; ++j) words.push_back(word(state[j]));
    return words;
  }
  [[nodiscard]] std::vector<double> numbers() const {
    std::vector<double> list(coefficient.begin(), coefficient.begin() + count);
    if (noisy()) {
      list.push_back(noise.coefficient);
      list.push_back(std::bit_cast<double>(noise.draw.index));
    }
    return list;
  }
  [[nodiscard]] std::size_t scratch_bytes() const { return 0; }
  void replay(const Context& context, const ReplayArguments& arguments) const {
    enqueue_by(context, {noise.draw, arguments.row, count + 1}, {});
  }

  /// The same with per-sample coefficients in device memory; `draw` selects the noise. In
  /// assign.cu, so that the kernels are compiled once.
  void enqueue_by(const Context& context, const DrawSource& draw, SampleRows rows) const;

 private:
  template <unsigned MaxTerms, bool Noisy>
  void enqueue_as(const Context& context, const DrawSource& draw, SampleRows rows) const;
};

}  // namespace scoresde::cuda
