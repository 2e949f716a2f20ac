// SPDX-License-Identifier: MIT
/// PretrainedInception: features and logits of 8-bit images by the published Inception network.
///
///   PretrainedInception<Ops> inception("pt_inception-2015-12-05-6726825d.pth");
///   inception.features(pixels, values);   // (n, 3, height, width) to (n, dimension())
///
/// On a GPU Ops<float>(context, {}, Precision::fp32): tf32 and bf16 change features by 10⁻³.
/// Single-precision features of two programs agree to about 2·10⁻⁷ relative to their norm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/inception_weights.hpp>
#include <scoresde/error.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/nn/networks/inception.hpp>
#include <scoresde/nn/runtime/network.hpp>

namespace scoresde {

struct PretrainedInceptionOptions {
  std::size_t batch = 8;  ///< images per pass; determines memory use
  nn::InceptionConfig config{};
};

/// Owns network and weights. Not thread-safe.
template <class Ops>
requires nn::InferenceOps<Ops> && nn::ModelOps<Ops>
class PretrainedInception {
 public:
  using Scalar = typename Ops::Scalar;

  /// Throws Error as read_inception_weights, inception_parameters and nn::inception do.
  explicit PretrainedInception(const std::filesystem::path& weights,
                               PretrainedInceptionOptions options = {}, Ops ops = Ops())
      : PretrainedInception(read_inception_weights(weights), std::move(options), std::move(ops)) {}
  /// With weights that have been read.
  explicit PretrainedInception(const InceptionWeights& weights,
                               PretrainedInceptionOptions options = {}, Ops ops = Ops())
      : config_(std::move(options.config)),
        sha256_(weights.sha256),
        warning_(weights.warning),
        network_(nn::inception(config_), options.batch, nn::Mode::inference, std::move(ops)),
        parameters_(network_.ops().allocate(network_.parameters().size())),
        in_(network_.ops().allocate(options.batch * image_size())),
        out_(network_.ops().allocate(options.batch * dimension())) {
    const auto host = inception_parameters<Scalar>(weights.tensors, network_.parameters());
    network_.ops().upload(host, parameters_.data());
    network_.freeze({parameters_.data(), parameters_.size()});
  }

  [[nodiscard]] const nn::InceptionConfig& config() const { return config_; }
  /// Values per image.
  [[nodiscard]] std::size_t dimension() const { return network_.output_shape().size(); }
  /// Bytes per image: 3·height·width.
  [[nodiscard]] std::size_t image_size() const { return network_.input_shape().size(); }
  /// SHA-256 of the file of the weights.
  [[nodiscard]] const std::string& checksum() const { return sha256_; }
  /// To print next to every number; empty for the published weights.
  [[nodiscard]] const std::string& warning() const { return warning_; }
  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }

  /// The outputs of n images, (n, dimension()), in the order of config().outputs. Throws Error for
  /// sizes that are not those of n images.
  void features(std::span<const std::uint8_t> images, std::span<Scalar> values) {
    const std::size_t n = images.size() / image_size();
    require(images.size() == n * image_size(), "Inception: ", images.size(),
            " bytes are not a whole number of images of ", image_size());
    require(values.size() == n * dimension(), "Inception: there is room for ", values.size(),
            " values; ", n, " images have ", n * dimension());
    for (std::size_t k = 0; k < n; k += network_.batch())
      run(images.subspan(k * image_size()), std::min(network_.batch(), n - k),
          values.subspan(k * dimension()));
  }

  /// The same for images of a shape, which must be (n, 3, height, width) of the configuration.
  [[nodiscard]] std::vector<Scalar> features(std::span<const std::uint8_t> images,
                                             const nn::Shape& shape) {
    const nn::Shape in = network_.input_shape();
    require(shape.c == in.c && shape.h == in.h && shape.w == in.w, "Inception: images of ", shape.c,
            " x ", shape.h, " x ", shape.w, "; the network was made for ", in.c, " x ", in.h, " x ",
            in.w);
    std::vector<Scalar> values(shape.n * dimension());
    features(images, values);
    return values;
  }

 private:
  void run(std::span<const std::uint8_t> images, std::size_t n, std::span<Scalar> values) {
    host_.resize(n * image_size());
    std::transform(images.begin(), images.begin() + std::ptrdiff_t(host_.size()), host_.begin(),
                   [](std::uint8_t u) { return static_cast<Scalar>(u); });
    network_.ops().upload(host_, in_.data());
    labels_.assign(n, 0);
    network_.forward({parameters_.data(), parameters_.size()}, {in_.data(), host_.size()}, labels_,
                     {out_.data(), n * dimension()});
    host_.resize(n * dimension());
    network_.ops().download(out_.data(), host_);
    std::copy(host_.begin(), host_.end(), values.begin());
  }

  nn::InceptionConfig config_;
  std::string sha256_, warning_;
  nn::Network<Ops> network_;
  typename Ops::Buffer parameters_, in_, out_;
  std::vector<Scalar> host_;
  std::vector<double> labels_;
};

}  // namespace scoresde
