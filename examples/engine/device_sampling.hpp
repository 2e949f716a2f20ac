// SPDX-License-Identifier: MIT
/// Sampling on a GPU. Fixed-step samplers run as CUDA graphs, captured for the first batch;
/// adaptive samplers and class-conditional networks launch kernels one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/sampler/sampler.hpp>

#include "cli/sample_options.hpp"
#include "cli/sample_run.hpp"
#include "engine/device_model.hpp"

namespace programs {

/// A sampler of any type, applied to the model of a checkpoint.
struct DeviceSampler {
  using State = scoresde::cuda::DeviceState<float>;
  using Replay = std::function<scoresde::SamplerStatistics(State&, scoresde::Noise)>;

  std::function<void(DeviceModel&, State&, scoresde::Noise, SamplingProgress&)> sample;
  /// Captures a run for states like the one given; empty for a sampler that cannot be captured.
  std::function<Replay(DeviceModel&, const State&)> capture = {};
};

/// Refers to the sampler.
template <class Sampler>
[[nodiscard]] DeviceSampler device_sampler(const Sampler& sampler) {
  using State = DeviceSampler::State;
  DeviceSampler erased{
      [&sampler](DeviceModel& model, State& x, scoresde::Noise noise, SamplingProgress& progress) {
        sampler.sample(model, x, noise, progress);
      }};
  if constexpr (requires { sampler.grid().front(), sampler.nfe(); })
    erased.capture = [&sampler](DeviceModel& model, const State& like) -> DeviceSampler::Replay {
      using Captured = scoresde::cuda::CapturedSampler<float, Sampler, DeviceModel>;
      return [captured = std::make_shared<Captured>(sampler, model, like)](
                 State& x, scoresde::Noise noise) { return captured->sample(x, noise); };
    };
  return erased;
}

/// Refers to its arguments.
class DeviceSampling {
  using State = DeviceSampler::State;

 public:
  DeviceSampling(const SampleOptions& options, const DeviceNetwork& network,
                 const scoresde::AnySde& sde, const DeviceSampler& sampler)
      : options_(options),
        network_(network),
        batch_(std::min(options.batch, options.samples)),
        model_(network, sde, options.classes),
        sampler_(sampler) {}

  [[nodiscard]] BatchSampler batches() {
    const std::size_t parameters =
        network_.visit([](const auto& held) { return held.network().parameters().count(); });
    return {batch_, parameters, device_text(),
            [this](const SampleBatch& batch) { return captures() ? replay(batch) : draw(batch); },
            [this] { return replays_ > 0 ? replays_ : model_.evaluations(); }};
  }

 private:
  [[nodiscard]] std::string device_text() const {
    return network_.visit([&](const auto& held) {
      return scoresde::text(device_description(held.ops().context(), options_.backend),
                            ", batches of ", batch_, " in ",
                            held.network().workspace_bytes() / (1 << 20), " MiB of workspace");
    });
  }

  /// A class-conditional network copies classes from the host, so its runs are not captured.
  [[nodiscard]] bool captures() const {
    return sampler_.capture && !options_.backend.no_graph &&
           network_.visit([](const auto& held) { return held.network().classes() == 0; });
  }
  /// A state of `samples` samples of the network.
  [[nodiscard]] State state(std::size_t samples) const {
    return network_.visit([&](const auto& held) { return held.make_state(samples); });
  }

  [[nodiscard]] scoresde::HostState<float> draw(const SampleBatch& batch) {
    State x = state(batch.count);
    model_.set_classes(batch.classes);
    sampler_.sample(model_, x, batch.noise, batch.progress);
    return scoresde::cuda::to_host(x);
  }
  /// A graph has a fixed number of samples, so the last batch is sampled in full.
  [[nodiscard]] scoresde::HostState<float> replay(const SampleBatch& batch) {
    State x = state(batch_);
    if (!replay_) replay_ = sampler_.capture(model_, x);
    const std::size_t nfe = replay_(x, batch.noise).nfe;
    replays_ += nfe * batch.count;
    batch.progress.on_batch(nfe);
    const auto all = scoresde::cuda::to_host(x);
    const std::size_t dim = x.extents().dim;
    return {{batch.count, dim}, std::vector<float>(all.data(), all.data() + batch.count * dim)};
  }

  const SampleOptions& options_;
  const DeviceNetwork& network_;
  std::size_t batch_;  ///< samples per batch
  DeviceModel model_;
  const DeviceSampler& sampler_;
  DeviceSampler::Replay replay_;
  std::size_t replays_ = 0;  ///< images evaluated by graph replays
};

}  // namespace programs
