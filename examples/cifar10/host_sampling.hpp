// SPDX-License-Identifier: MIT
/// Sampling on the CPU, as SampleRun asks for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/state/host_state.hpp>

#include "chosen_model.hpp"
#include "sample_options.hpp"

namespace cifar10 {

template <class S, class Convention>
class HostSampling {
  using Ops = scoresde::eigen::Ops<float>;
  using Score = scoresde::nn::ScoreNetwork<Ops, S, Convention>;

 public:
  HostSampling(const SampleOptions& options, const scoresde::nn::UNetConfig& network, const S& sde,
               const Convention& convention)
      : batch_(std::min(options.batch, options.samples)),
        network_(scoresde::nn::unet(network), batch_ * options.classes.evaluations(),
                 scoresde::nn::Mode::inference, Ops(options.backend.threads)),
        weights_(loaded(options.checkpoint, network_.parameters())),
        model_(Score(network_, weights_, sde, convention), sde, options, network.centered) {
    network_.freeze(weights_);
  }

  [[nodiscard]] std::size_t batch() const { return batch_; }
  [[nodiscard]] std::size_t parameters() const { return weights_.size(); }
  /// Samples that the network has evaluated.
  [[nodiscard]] std::size_t evaluations() const { return model_.evaluations(); }
  [[nodiscard]] std::string device_text() const {
    return scoresde::text("CPU, ", network_.ops().threads(), " threads, float32, batches of ",
                          batch_, " in ", network_.workspace_bytes() / (1 << 20),
                          " MiB of workspace");
  }

  template <class Sampler, class Progress>
  scoresde::HostState<float> draw(const Sampler& sampler, std::size_t count, scoresde::Noise noise,
                                  std::span<const std::uint32_t> classes, Progress& progress) {
    scoresde::HostState<float> x({count, network_.input_shape().size()});
    model_.set_classes(classes);
    sampler.sample(model_, x, noise, progress);
    return x;
  }

 private:
  static std::vector<float> loaded(const std::filesystem::path& checkpoint,
                                   const scoresde::nn::ParameterTable& table) {
    std::vector<float> weights(table.size());
    scoresde::load_weights(checkpoint, table, std::span<float>(weights));
    return weights;
  }

  std::size_t batch_;  ///< samples drawn at a time
  scoresde::nn::Network<Ops> network_;
  std::vector<float> weights_;
  SampledModel<Score, S> model_;
};

}  // namespace cifar10
