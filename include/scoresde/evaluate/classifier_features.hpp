// SPDX-License-Identifier: MIT
/// Features of a noise-conditional classifier: the vector before its logits, of images at the SDE's
/// smallest noise level.
///
/// Features of the data set itself, where Inception's weights are not at hand. A classifier that
/// was trained on the reference images overfits them: its distance between them and other real
/// images is above that between two sets of the same kind.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/data/image_transform.hpp>
#include <scoresde/error.hpp>
#include <scoresde/evaluate/feature_extractor.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/classifier_config.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/state/host_state.hpp>

namespace scoresde {

struct ClassifierFeaturesOptions {
  std::size_t batch = 16;           ///< images per evaluation; determines memory use
  std::optional<double> time = {};  ///< at which images are classified; default t_min of the SDE
  std::string name = "classifier";
};

/// Models FeatureExtractor with the operations of a CPU backend. Owns its network and weights, so
/// it cannot be moved. Not thread-safe.
template <nn::ModelOps Ops, Sde S, class Convention = typename nn::convention_of<S>::type>
class ClassifierFeatures {
 public:
  using Scalar = typename Ops::Scalar;

  /// `weights` are the classifier's, of which the last layer's are not used. Throws Error as
  /// nn::classifier does, for weights of another number, and for weights that are not finite.
  ClassifierFeatures(const nn::ClassifierConfig& config, std::span<const Scalar> weights, S sde,
                     ClassifierFeaturesOptions options = {}, Ops ops = Ops(),
                     Convention convention = {})
      : centered_(config.encoder.centered),
        weights_(own_weights(config, weights)),
        network_(nn::classifier_features(config), options.batch, nn::Mode::inference,
                 std::move(ops)),
        time_(options.time.value_or(sde.t_min())),
        model_(network_, weights_, std::move(sde), std::move(convention)),
        description_{FeatureNetwork::other, std::move(options.name), network_.output_shape().size(),
                     centered_ ? "x/127.5 - 1" : "x/255", checksum()} {
    network_.freeze(weights_);
  }
  ClassifierFeatures(const ClassifierFeatures&) = delete;
  ClassifierFeatures& operator=(const ClassifierFeatures&) = delete;

  [[nodiscard]] const FeatureDescription& description() const { return description_; }

  /// shape.n rows of description().dim features. Throws Error for images of another shape than the
  /// classifier's and another number of pixels.
  [[nodiscard]] std::vector<double> features(std::span<const std::uint8_t> images,
                                             nn::Shape shape) {
    const nn::Shape wanted = network_.input_shape();
    require(shape.c == wanted.c && shape.h == wanted.h && shape.w == wanted.w,
            "classifier features: images of ", shape.c, " x ", shape.h, " x ", shape.w,
            "; the classifier takes ", wanted.c, " x ", wanted.h, " x ", wanted.w);
    require(images.size() == shape.size(), "classifier features: ", images.size(), " pixels for ",
            shape.n, " images of ", wanted.size());
    HostState<Scalar> x({shape.n, wanted.size()});
    const data::ImageExtents extents{static_cast<std::uint32_t>(wanted.c),
                                     static_cast<std::uint32_t>(wanted.h),
                                     static_cast<std::uint32_t>(wanted.w)};
    const data::PlacedTransform transform({.centered = centered_}, 0, 0, 0);
    for (std::size_t k = 0; k < shape.n; ++k)
      for (std::uint32_t quad = 0; 4 * quad < extents.dim(); ++quad)
        transform.write(images.data() + k * extents.dim(), extents, quad,
                        x.data() + k * extents.dim());
    std::vector<double> found(shape.n * description_.dim);
    model_.logits(x, time_, std::span<double>(found));
    return found;
  }

 private:
  [[nodiscard]] static std::vector<Scalar> own_weights(const nn::ClassifierConfig& config,
                                                       std::span<const Scalar> weights) {
    const std::size_t all = nn::classifier(config).parameters().size();
    require(weights.size() == all, "classifier features: ", weights.size(),
            " weights; the classifier has ", all);
    const auto own = weights.first(nn::classifier_features(config).parameters().size());
    for (std::size_t i = 0; i < own.size(); ++i)
      if (!std::isfinite(own[i]))
        throw Error(
            text("classifier features: weight ", i, " is ", own[i], "; weights must be finite"));
    return {own.begin(), own.end()};
  }

  /// FNV-1a (64 bits) of the weights as float32, little-endian.
  [[nodiscard]] std::string checksum() const {
    std::uint64_t hash = 14695981039346656037U;
    for (const Scalar weight : weights_) {
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(weight));
      for (int shift = 0; shift < 32; shift += 8)
        hash = (hash ^ (bits >> shift & 255)) * 1099511628211U;
    }
    std::string digits;
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[hash >> shift & 15];
    return digits;
  }

  bool centered_;
  std::vector<Scalar> weights_;
  nn::Network<Ops> network_;
  double time_;
  nn::ClassifierNetwork<Ops, S, Convention> model_;
  FeatureDescription description_;
};

}  // namespace scoresde
