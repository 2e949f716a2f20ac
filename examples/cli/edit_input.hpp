// SPDX-License-Identifier: MIT
/// The images that cifar10_edit edits, and what is known of them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include <scoresde/inverse/image_operators.hpp>
#include <scoresde/inverse/linear_operator.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/edit_options.hpp"

namespace programs {

/// One of the operators on images, in one type, so that each method is compiled once. Models
/// SpectralOperator.
class EditOperator {
 public:
  using State = scoresde::HostState<float>;
  static constexpr bool orthonormal_rows = false;

  template <class A>
  explicit EditOperator(A op) : held_(std::move(op)) {}

  [[nodiscard]] std::size_t rows() const {
    return std::visit([](const auto& op) { return op.rows(); }, held_);
  }
  [[nodiscard]] std::size_t columns() const {
    return std::visit([](const auto& op) { return op.columns(); }, held_);
  }
  [[nodiscard]] std::span<const double> singular_values() const {
    return std::visit([](const auto& op) { return op.singular_values(); }, held_);
  }
  void apply(const State& x, State& y) const {
    std::visit([&](const auto& op) { op.apply(x, y); }, held_);
  }
  void adjoint(const State& y, State& x) const {
    std::visit([&](const auto& op) { op.adjoint(y, x); }, held_);
  }
  void pseudo_inverse(const State& y, State& x) const {
    std::visit([&](const auto& op) { op.pseudo_inverse(y, x); }, held_);
  }
  void left_coordinates(const State& y, State& c) const {
    std::visit([&](const auto& op) { op.left_coordinates(y, c); }, held_);
  }
  void right_coordinates(const State& x, State& c) const {
    std::visit([&](const auto& op) { op.right_coordinates(x, c); }, held_);
  }
  void from_right_coordinates(const State& c, State& x) const {
    std::visit([&](const auto& op) { op.from_right_coordinates(c, x); }, held_);
  }

 private:
  std::variant<scoresde::Mask, scoresde::Gray, scoresde::BlockMean, scoresde::Blur> held_;
};

/// What is measured of every image: y = A x + noise_std·n.
struct EditMeasurement {
  EditOperator op;
  scoresde::HostState<float> y;     ///< a row per image
  scoresde::HostState<float> seen;  ///< y as an image: A⁺y, and y itself of a blur
  double noise_std = 0;             ///< in the range of the network
};

/// Values are in the range of the network.
struct EditInput {
  scoresde::ImageShape shape;
  scoresde::HostState<float> images;  ///< a row each; empty for guide from noise
  std::optional<EditMeasurement> measurement;
};

/// Reads the images and the mask and measures. Throws Error for files that cannot be read, images
/// of another size than the network's and a mask of another shape, and UsageError for images that
/// the data do not have or a PNG cannot hold, a mask or box that leaves nothing known or unknown, a
/// box outside the image, and a factor that does not divide it.
[[nodiscard]] EditInput read_edit_input(const EditOptions& options,
                                        const scoresde::nn::UNetConfig& network);

}  // namespace programs
