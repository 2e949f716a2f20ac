// SPDX-License-Identifier: MIT
/// The FeatureExtractor concept: what turns images into the features that metrics compare.
///
/// A Fréchet distance is FID only in the 2048 features of the Inception network of 2015-12-05; in
/// any other features it has their name.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>

#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>

namespace scoresde {

/// The network that computes features, as far as names of metrics depend on it.
enum class FeatureNetwork : std::uint8_t { inception_2015_12_05, other };

/// What identifies features. Two sets are comparable if all of it is equal.
struct FeatureDescription {
  FeatureNetwork network = FeatureNetwork::other;
  std::string name;              ///< of the network, such as "classifier"
  std::size_t dim = 0;           ///< features per image
  std::string input;             ///< convention of resize and scaling, such as "2x/255 - 1"
  std::string weights_checksum;  ///< of the weights, hexadecimal

  bool operator==(const FeatureDescription&) const = default;

  /// The text that features and statistics carry, one line.
  [[nodiscard]] std::string identity() const {
    return text(name, ", ", dim, ", ", input, ", ", weights_checksum);
  }
  /// "FID (input)" or "Fréchet distance (name, dim)".
  [[nodiscard]] std::string distance_name() const {
    return is_inception() ? text("FID (", input, ")") : metric_name("Fréchet distance");
  }
  /// "KID (input)" or "kernel distance (name, dim)".
  [[nodiscard]] std::string kernel_distance_name() const {
    return is_inception() ? text("KID (", input, ")") : metric_name("kernel distance");
  }

 private:
  [[nodiscard]] bool is_inception() const {
    return network == FeatureNetwork::inception_2015_12_05 && dim == 2048;
  }
  [[nodiscard]] std::string metric_name(const char* metric) const {
    return text(metric, " (", name, ", ", dim, ")");
  }
};

/// features(images, shape) takes shape.n images of 8-bit pixels, (c, h, w) each, and returns
/// shape.n rows of description().dim floating-point numbers.
template <class E>
concept FeatureExtractor = requires(E& extractor, const E& constant,
                                    std::span<const std::uint8_t> images, nn::Shape shape) {
  { constant.description() } -> std::convertible_to<FeatureDescription>;
  { extractor.features(images, shape) } -> std::ranges::contiguous_range;
  requires std::floating_point<
      std::ranges::range_value_t<decltype(extractor.features(images, shape))>>;
};

}  // namespace scoresde
