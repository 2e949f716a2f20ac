// SPDX-License-Identifier: MIT
/// Sampling on the CPU: the network of a checkpoint and its score model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/error.hpp>
#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "cli/sample_options.hpp"
#include "cli/sample_run.hpp"
#include "cli/sampling_options.hpp"
#include "engine/host_network.hpp"
#include "engine/sampled_model.hpp"

namespace programs {

class HostSampling {
 public:
  using Model = SampledModel<HostScore>;
  using State = scoresde::HostState<float>;

  /// `mode` is differentiation if vjp is needed.
  HostSampling(const SampleOptions& options, const scoresde::AnySde& sde,
               scoresde::nn::Mode mode = scoresde::nn::Mode::inference)
      : batch_(std::min(options.batch, options.samples)),
        network_(options.checkpoint,
                 {.batch = batch_ * options.classes.evaluations(),
                  .mode = mode,
                  .sde = other_sde(options)},
                 HostOps(options.backend.threads)),
        model_(network_, sde, options, network_.config().centered) {}

  /// `sample(model, x, noise, progress)` fills x.
  template <class Sample>
  [[nodiscard]] BatchSampler batches(const Sample& sample) {
    return {batch_, network_.network().parameters().count(), device_text(),
            [this, &sample](const SampleBatch& batch) {
              State x = network_.make_state(batch.count);
              model_.set_classes(batch.classes);
              sample(model_, x, batch.noise, batch.progress);
              return x;
            },
            [this] { return model_.evaluations(); }};
  }

 private:
  [[nodiscard]] std::string device_text() const {
    return scoresde::text(host_description(network_.ops()), ", batches of ", batch_, " in ",
                          network_.network().workspace_bytes() / (1 << 20), " MiB of workspace");
  }

  std::size_t batch_;  ///< samples per batch
  scoresde::PretrainedScore<HostOps> network_;
  Model model_;
};

}  // namespace programs
