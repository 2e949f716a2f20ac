// SPDX-License-Identifier: MIT
/// load_pretrained: the network of a checkpoint as a score model, on every backend.
///
///   auto model = load_pretrained<Ops>("weights.safetensors", {.batch = 16});
///
/// Network, averaged weights, SDE and conditioning are read from the file. Checkpoints of a CPU and
/// of a GPU are interchangeable (checkpoint/checkpoint.hpp).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde {

struct PretrainedOptions {
  std::size_t batch = 16;               ///< samples per evaluation; determines memory use
  nn::Mode mode = nn::Mode::inference;  ///< differentiation if vjp is needed
  /// Of a PretrainedScore, instead of the file's: the network by change of variables.
  std::optional<AnySde> sde = {};
};

/// The network of a checkpoint and its weights in the backend's memory, which are frozen. Its
/// scores refer to it, so it cannot be moved. Not thread-safe.
template <nn::ModelOps Ops>
class PretrainedNetwork {
 public:
  using Scalar = typename Ops::Scalar;
  using State = typename Ops::State;

  /// Loads a training checkpoint, whose average is used, or a file of save_weights. Throws Error as
  /// read_configuration, network_of and load_weights do, and as Network does.
  explicit PretrainedNetwork(const std::filesystem::path& checkpoint,
                             PretrainedOptions options = {}, Ops ops = Ops())
      : PretrainedNetwork(File(checkpoint), options, std::move(ops)) {}
  PretrainedNetwork(const PretrainedNetwork&) = delete;
  PretrainedNetwork& operator=(const PretrainedNetwork&) = delete;

  /// The metadata of the file; visit_score selects SDE and convention by it.
  [[nodiscard]] const Metadata& configuration() const { return file_.configuration; }
  [[nodiscard]] const nn::UNetConfig& config() const { return file_.config; }
  [[nodiscard]] nn::Network<Ops>& network() { return network_; }
  [[nodiscard]] const nn::Network<Ops>& network() const { return network_; }
  [[nodiscard]] const Ops& ops() const { return network_.ops(); }
  /// In the backend's memory.
  [[nodiscard]] std::span<const Scalar> parameters() const {
    return {parameters_.data(), parameters_.size()};
  }
  /// Elements per sample.
  [[nodiscard]] std::size_t dim() const { return network_.input_shape().size(); }
  /// A state of that many images, for samplers to fill.
  [[nodiscard]] State make_state(std::size_t samples) const {
    return ops().make_state({samples, dim()});
  }
  /// Channels, size and range of the images, for io::write_image_grid.
  [[nodiscard]] io::ImageGrid image_grid(std::size_t columns = 8) const {
    const nn::Shape shape = network_.input_shape();
    return {.channels = shape.c,
            .height = shape.h,
            .width = shape.w,
            .columns = columns,
            .centered = file_.config.centered};
  }

  /// The network as a score model of an SDE. Refers to this object.
  template <Sde S, class Convention = typename nn::convention_of<S>::type>
  [[nodiscard]] nn::ScoreNetwork<Ops, S, Convention> score(S sde, Convention convention = {}) {
    return {network_, parameters(), std::move(sde), std::move(convention)};
  }

 private:
  /// Everything that is read from the file before the network is built.
  struct File {
    explicit File(const std::filesystem::path& checkpoint)
        : configuration(read_configuration(checkpoint)),
          config(network_of(configuration)),
          graph(nn::unet(config)),
          weights(graph.parameters().size()) {
      load_weights(checkpoint, graph.parameters(), std::span<Scalar>(weights));
    }
    Metadata configuration;
    nn::UNetConfig config;
    nn::Graph graph;
    std::vector<Scalar> weights;
  };

  PretrainedNetwork(File file, const PretrainedOptions& options, Ops ops)
      : file_(std::move(file)),
        network_(file_.graph, options.batch, options.mode, std::move(ops)),
        parameters_(network_.ops().allocate(file_.weights.size())) {
    network_.ops().upload(file_.weights, parameters_.data());
    file_.weights = {};
    network_.freeze(parameters());
  }

  File file_;
  nn::Network<Ops> network_;
  typename Ops::Buffer parameters_;
};

/// A PretrainedNetwork that is a score model under the SDE of its file or, by change of variables,
/// under that of the options, whose σ/α is clamped to the range of training
/// (score/change_of_sde.hpp). Differentiable in Mode::differentiation; score(sde, convention) has
/// the own type of its SDE.
template <nn::ModelOps Ops>
class PretrainedScore : public PretrainedNetwork<Ops>, public AnyScoreNetwork<Ops> {
 public:
  using Scalar = typename Ops::Scalar;

  /// Throws Error as PretrainedNetwork and visit_sampled_score do, with another SDE as
  /// trained_under does.
  explicit PretrainedScore(const std::filesystem::path& checkpoint, PretrainedOptions options = {},
                           Ops ops = Ops())
      : PretrainedNetwork<Ops>(checkpoint, options, std::move(ops)),
        AnyScoreNetwork<Ops>(of(options.sde)),
        sde_(options.sde ? *options.sde : sampled_sde(this->configuration())) {}

  /// The SDE that the network is sampled under.
  [[nodiscard]] const AnySde& sde() const { return sde_; }

 private:
  /// The network under the SDE given, or its own.
  [[nodiscard]] AnyScoreNetwork<Ops> of(const std::optional<AnySde>& other) {
    const auto score = [this](const auto& sde, const auto& convention) {
      return AnyScoreNetwork<Ops>(this->score(sde, convention));
    };
    if (other) return score(*other, trained_under(this->configuration()));
    return visit_sampled_score(this->configuration(), score);
  }

  AnySde sde_;
};

/// The network of a checkpoint as a score model, on the backend of `ops`. Throws Error for a file
/// that is not a checkpoint, that names a network or an SDE unknown here, or whose tensors are not
/// the network's.
template <nn::ModelOps Ops>
[[nodiscard]] PretrainedScore<Ops> load_pretrained(const std::filesystem::path& checkpoint,
                                                   PretrainedOptions options = {},
                                                   Ops ops = Ops()) {
  return PretrainedScore<Ops>(checkpoint, options, std::move(ops));
}

}  // namespace scoresde
