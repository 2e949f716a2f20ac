// SPDX-License-Identifier: MIT
/// The global norm ‖g‖₂ of a flat buffer, bit-identical for any number of threads.
///
/// Blocks of fixed length are summed in double, in eight lanes each; the block sums are then added
/// in order.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

namespace scoresde {

namespace detail {

/// Block length of a flat buffer, the unit of work of one thread.
inline constexpr std::size_t flat_block = 16384;

template <std::floating_point T>
double block_sum_of_squares(std::span<const T> values) {
  std::array<double, 8> lane{};
  std::size_t i = 0;
  for (; i + lane.size() <= values.size(); i += lane.size())
    for (std::size_t j = 0; j < lane.size(); ++j) {
      const auto value = static_cast<double>(values[i + j]);
      lane[j] += value * value;
    }
  double sum = 0;
  for (; i < values.size(); ++i) sum += static_cast<double>(values[i]) * double(values[i]);
  for (const double part : lane) sum += part;
  return sum;
}

}  // namespace detail

/// Owns the partial sums, so that computing a norm does not allocate.
class GradientNorm {
 public:
  explicit GradientNorm(std::size_t size)
      : partial_((size + detail::flat_block - 1) / detail::flat_block) {}

  /// ‖values‖₂ of at most the number of elements given to the constructor; NaN or infinite when an
  /// element is.
  template <std::floating_point T>
  [[nodiscard]] double operator()(std::span<const T> values) {
    const std::size_t blocks = (values.size() + detail::flat_block - 1) / detail::flat_block;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static)
#endif
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * detail::flat_block;
      partial_[b] = detail::block_sum_of_squares(
          values.subspan(first, std::min(detail::flat_block, values.size() - first)));
    }
    double sum = 0;
    for (std::size_t b = 0; b < blocks; ++b) sum += partial_[b];
    return std::sqrt(sum);
  }

 private:
  std::vector<double> partial_;
};

}  // namespace scoresde
