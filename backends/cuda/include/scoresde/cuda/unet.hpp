// SPDX-License-Identifier: MIT
/// UNet: the network of a checkpoint on the GPU, with its averaged weights, ready for sampling.
///
/// Checkpoints are interchangeable with the CPU's (checkpoint/checkpoint.hpp). Reading them
/// requires scoresde::io in addition to scoresde::cuda, so cuda.hpp does not include this header.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/cuda/context.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sde/sde.hpp>

namespace scoresde::cuda {

struct UNetOptions {
  std::size_t batch = 16;               ///< samples per evaluation; determines memory use
  nn::Mode mode = nn::Mode::inference;  ///< differentiation if vjp is needed
  PlanOptions plans{};
};

/// Owns the network and its parameters, which are frozen. A is Bfloat16 or float. Its scores hold
/// references to it, so it cannot be moved. Not thread-safe.
template <class A = Bfloat16>
class UNet {
 public:
  /// Loads network and weights from a training checkpoint, whose average is used, or from a file of
  /// save_weights. Throws Error as read_configuration, network_of and load_weights do, before the
  /// device is used, and as Ops and Network do.
  [[nodiscard]] static UNet load(const Context& context, const std::filesystem::path& checkpoint,
                                 UNetOptions options = {},
                                 Precision precision = std::is_same_v<A, float> ? Precision::tf32
                                                                                : Precision::bf16) {
    return UNet(context, File(checkpoint), std::move(options), precision);
  }
  UNet(const UNet&) = delete;
  UNet& operator=(const UNet&) = delete;

  /// The metadata of the file; visit_score selects SDE and convention by it.
  [[nodiscard]] const Metadata& configuration() const { return file_.configuration; }
  [[nodiscard]] const nn::UNetConfig& config() const { return file_.config; }
  [[nodiscard]] const Context& context() const { return parameters_.context(); }
  [[nodiscard]] nn::Network<Ops<A>>& network() { return network_; }
  [[nodiscard]] const nn::Network<Ops<A>>& network() const { return network_; }
  /// In device memory.
  [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }
  /// Elements per sample.
  [[nodiscard]] std::size_t dim() const { return network_.input_shape().size(); }

  /// The network as a score model of the SDE that it was trained on. Refers to this object.
  template <Sde S, class Convention = typename nn::convention_of<S>::type>
  [[nodiscard]] ScoreNetwork<A, S, Convention> score(S sde, Convention convention = {}) {
    return {network_, parameters(), std::move(sde), std::move(convention)};
  }

 private:
  /// Everything that is read from the file before the device is used.
  struct File {
    explicit File(const std::filesystem::path& checkpoint)
        : configuration(read_configuration(checkpoint)),
          config(network_of(configuration)),
          graph(nn::unet(config)),
          weights(graph.parameters().size()) {
      load_weights(checkpoint, graph.parameters(), std::span<float>(weights));
    }
    Metadata configuration;
    nn::UNetConfig config;
    nn::Graph graph;
    std::vector<float> weights;
  };

  UNet(const Context& context, File file, UNetOptions options, Precision precision)
      : file_(std::move(file)),
        network_(file_.graph, options.batch, options.mode,
                 Ops<A>(context, std::move(options.plans), precision)),
        parameters_(context, file_.weights.size()) {
    context.copy_to_device(parameters_.data(), file_.weights.data(),
                           parameters_.size() * sizeof(float));
    file_.weights = {};
    network_.freeze(parameters());
  }

  File file_;
  nn::Network<Ops<A>> network_;
  FloatBuffer parameters_;
};

}  // namespace scoresde::cuda
