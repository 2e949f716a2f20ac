// SPDX-License-Identifier: MIT
/// The parameters of a network: names, shapes, offsets in one flat buffer, and initialization.
///
/// Every tensor starts at a multiple of 64 bytes; the gaps hold zeros. Gradients, optimizer moments
/// and averages are flat buffers of the same layout. Names and their
/// order are those of score_sde_pytorch's state_dict (`all_modules.3.GroupNorm_0.weight`). Weights
/// are initialized by variance scaling over the mean of fan-in and fan-out (Glorot and Bengio 2010,
/// equation 16):
///
///   w ~ U(−b, b),   b = √(3·scale / ((fan_in + fan_out)/2)),   scale 0 stands for 10⁻¹⁰
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>

namespace scoresde::nn::detail {}

namespace scoresde::nn {

/// U(center − bound, center + bound), or N(0, deviation²) where the deviation is not zero; a bound
/// of zero gives a constant.
struct Initialization {
  double center = 0;
  double bound = 0;
  double deviation = 0;
};

/// A constant: 0 for biases, 1 for the scales of normalizations.
[[nodiscard]] constexpr Initialization constant(double value) { return {value, 0, 0}; }

/// N(0, deviation²).
[[nodiscard]] constexpr Initialization normal(double deviation) { return {0, 0, deviation}; }

/// Variance scaling, fan-average, uniform. `scale` 0 gives nearly zero weights, so that a block is
/// initially close to its shortcut and still propagates gradients.
[[nodiscard]] inline Initialization variance_scaling(double scale, std::size_t fan_in,
                                                     std::size_t fan_out) {
  const double variance = (scale == 0 ? 1e-10 : scale) * 2.0 / double(fan_in + fan_out);
  return {0, std::sqrt(3.0 * variance), 0};
}

/// Offsets of tensors in scalars are multiples of this: 64 bytes of float, 128 of double.
inline constexpr std::size_t parameter_alignment = 16;

/// One parameter tensor at [offset, offset + size) of the flat buffer, row-major.
struct Parameter {
  std::string name;
  std::vector<std::size_t> shape;
  std::size_t offset = 0, size = 0;
  Initialization initialization{};
  bool trainable = true;  ///< false: fixed at initialization, gradient zero
};

/// All parameters of a network in the order of the flat buffer.
class ParameterTable {
 public:
  /// Appends a tensor and returns its index. Throws Error when the name already exists.
  std::size_t add(std::string name, std::vector<std::size_t> shape, Initialization start,
                  bool trainable = true) {
    require(!contains(name), "parameter table: the name '", name, "' already exists");
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    entries_.push_back({std::move(name), std::move(shape), size_, count, start, trainable});
    size_ = (size_ + count + parameter_alignment - 1) / parameter_alignment * parameter_alignment;
    return entries_.size() - 1;
  }

  [[nodiscard]] const std::vector<Parameter>& entries() const { return entries_; }
  [[nodiscard]] const Parameter& operator[](std::size_t index) const { return entries_[index]; }
  /// Scalars in the flat buffer, with its gaps.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Scalars of all tensors: the number of parameters of the network.
  [[nodiscard]] std::size_t count() const {
    std::size_t sum = 0;
    for (const Parameter& p : entries_) sum += p.size;
    return sum;
  }
  /// Number of trainable scalars, which is the published parameter count of a network.
  [[nodiscard]] std::size_t trainable_size() const {
    std::size_t sum = 0;
    for (const Parameter& p : entries_) sum += p.trainable ? p.size : 0;
    return sum;
  }

  [[nodiscard]] bool contains(std::string_view name) const { return locate(name) != nullptr; }

  /// The index of that name in entries(). Throws Error when it does not exist.
  [[nodiscard]] std::size_t index(std::string_view name) const {
    return static_cast<std::size_t>(&find(name) - entries_.data());
  }

  /// The tensor of that name. Throws Error when it does not exist.
  [[nodiscard]] const Parameter& find(std::string_view name) const {
    const Parameter* found = locate(name);
    require(found != nullptr, "parameter table: there is no parameter '", name, "'; there are ",
            entries_.size(), ", the first is '",
            entries_.empty() ? std::string() : entries_.front().name, "'");
    return *found;
  }

 private:
  [[nodiscard]] const Parameter* locate(std::string_view name) const {
    const auto at = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Parameter& p) { return p.name == name; });
    return at == entries_.end() ? nullptr : &*at;
  }

  std::vector<Parameter> entries_;
  std::size_t size_ = 0;
};

/// Initializes `parameters` by the rule of each tensor, gaps by zeros. Element e of tensor i is a
/// function of (seed, i, e), computed in double: the same values on every platform up to rounding
/// to T. Throws Error when the sizes differ.
template <std::floating_point T>
void initialize(const ParameterTable& table, std::span<T> parameters, std::uint64_t seed) {
  require(parameters.size() == table.size(), "initialize: the buffer holds ", parameters.size(),
          " scalars; the network's has ", table.size());
  std::fill(parameters.begin(), parameters.end(), T(0));
  const Noise noise{.seed = seed, .purpose = Purpose::initialization};
  for (std::size_t i = 0; i < table.entries().size(); ++i) {
    const Parameter& p = table[i];
    const auto values = parameters.subspan(p.offset, p.size);
    const auto [center, bound, deviation] = p.initialization;
    if (deviation != 0) {
      std::vector<float> z(values.size());
      fill_normal(z, noise.draw(i), 0, 0);
      for (std::size_t e = 0; e < values.size(); ++e)
        values[e] = static_cast<T>(deviation * static_cast<double>(z[e]));
      continue;
    }
    if (bound == 0) {
      std::fill(values.begin(), values.end(), static_cast<T>(center));
      continue;
    }
    const NoiseDraw draw = noise.draw(i);
    for (std::size_t e = 0; e < values.size(); ++e)
      values[e] = static_cast<T>(std::fma(bound, 2.0 * uniform(draw, 0, e) - 1.0, center));
  }
}

}  // namespace scoresde::nn
