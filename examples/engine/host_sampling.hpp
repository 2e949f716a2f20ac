// SPDX-License-Identifier: MIT
/// Sampling on the CPU: the network of a checkpoint and its score model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/sample_options.hpp"
#include "cli/sample_run.hpp"
#include "engine/host_network.hpp"
#include "engine/sampled_model.hpp"

namespace programs {

class HostSampling {
 public:
  using Model = SampledModel<HostScore>;
  using State = scoresde::HostState<float>;

  HostSampling(const SampleOptions& options, const scoresde::Metadata& configuration,
               const scoresde::AnySde& sde)
      : HostSampling(options, configuration, scoresde::network_of(configuration), sde) {}

  /// `sample(model, x, noise, progress)` fills x.
  template <class Sample>
  [[nodiscard]] BatchSampler batches(const Sample& sample) {
    return {batch_, network_.parameters().count(), device_text(),
            [this, &sample](const SampleBatch& batch) {
              State x({batch.count, network_.input_shape().size()});
              model_.set_classes(batch.classes);
              sample(model_, x, batch.noise, batch.progress);
              return x;
            },
            [this] { return model_.evaluations(); }};
  }

 private:
  HostSampling(const SampleOptions& options, const scoresde::Metadata& configuration,
               const scoresde::nn::UNetConfig& network, const scoresde::AnySde& sde)
      : batch_(std::min(options.batch, options.samples)),
        network_(scoresde::nn::unet(network), batch_ * options.classes.evaluations(),
                 scoresde::nn::Mode::inference, HostOps(options.backend.threads)),
        weights_(loaded(options.checkpoint, network_.parameters())),
        model_(score(configuration), sde, options, network.centered) {
    network_.freeze(weights_);
  }

  [[nodiscard]] HostScore score(const scoresde::Metadata& configuration) {
    return scoresde::visit_sampled_score(
        configuration, [&]<class S, class C>(const S& sde, const C& convention) {
          return HostScore(HostScoreNetwork<S, C>(network_, weights_, sde, convention));
        });
  }
  static std::vector<float> loaded(const std::filesystem::path& checkpoint,
                                   const scoresde::nn::ParameterTable& table) {
    std::vector<float> weights(table.size());
    scoresde::load_weights(checkpoint, table, std::span<float>(weights));
    return weights;
  }
  [[nodiscard]] std::string device_text() const {
    return scoresde::text("CPU, ", network_.ops().threads(), " threads, float32, batches of ",
                          batch_, " in ", network_.workspace_bytes() / (1 << 20),
                          " MiB of workspace");
  }

  std::size_t batch_;  ///< samples per batch
  scoresde::nn::Network<HostOps> network_;
  std::vector<float> weights_;
  Model model_;
};

}  // namespace programs
