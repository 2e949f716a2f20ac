// SPDX-License-Identifier: MIT
/// Sampling on a GPU, as SampleRun asks for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/error.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sampler/sampler.hpp>

#include "device_model.hpp"
#include "sample_options.hpp"

namespace cifar10 {

template <class S, class Convention>
class DeviceSampling {
 public:
  using Model = DeviceModel<S, Convention>;
  using State = scoresde::cuda::DeviceState<float>;

  DeviceSampling(const SampleOptions& options, const DeviceNetwork& network, const S& sde,
                 const Convention& convention)
      : options_(options),
        network_(network),
        batch_(std::min(options.batch, options.samples)),
        model_(network, sde, convention, options.classes) {}

  [[nodiscard]] std::size_t batch() const { return batch_; }
  [[nodiscard]] std::size_t parameters() const {
    return network_.visit([](const auto& unet) { return unet.parameters().size(); });
  }
  /// Samples that the network has evaluated.
  [[nodiscard]] std::size_t evaluations() const {
    return replayed_evaluations_ > 0 ? replayed_evaluations_ : model_.evaluations();
  }
  [[nodiscard]] std::string device_text() const {
    return network_.visit([&](const auto& unet) {
      return scoresde::text(device_description(unet.context(), options_.backend), ", batches of ",
                            batch_, " in ", unet.network().workspace_bytes() / (1 << 20),
                            " MiB of workspace");
    });
  }

  /// A network that is conditioned on classes brings them from the host, so its runs are not
  /// captured.
  [[nodiscard]] bool captures() const {
    return !options_.backend.no_graph &&
           network_.visit([](const auto& unet) { return unet.network().classes() == 0; });
  }
  [[nodiscard]] Model& model() { return model_; }
  /// A state of that many samples of the network's size.
  [[nodiscard]] State state(std::size_t samples) const {
    return network_.visit([&](const auto& unet) {
      return State(unet.context(), {samples, unet.dim()});
    });
  }
  void count_replay(std::size_t samples) { replayed_evaluations_ += samples; }

 private:
  SampleOptions options_;
  const DeviceNetwork& network_;
  std::size_t batch_;  ///< samples drawn at a time
  Model model_;
  std::size_t replayed_evaluations_ = 0;
};

/// Draws batches by one sampler: of fixed steps by CUDA graphs, which are captured for the first
/// batch, adaptive ones and networks that are conditioned on classes kernel by kernel.
template <class Sampling, class Sampler>
class DeviceDraws {
  using State = typename Sampling::State;
  static constexpr bool fixed_steps = requires(const Sampler& sampler) {
    sampler.grid().front();
    sampler.nfe();
  };

 public:
  DeviceDraws(Sampling& sampling, const Sampler& sampler)
      : sampling_(sampling), sampler_(sampler) {}

  template <class Progress>
  scoresde::HostState<float> operator()(std::size_t count, scoresde::Noise noise,
                                        std::span<const std::uint32_t> classes,
                                        Progress& progress) {
    if constexpr (fixed_steps)
      if (sampling_.captures()) return replay(count, noise, progress);
    State x = sampling_.state(count);
    sampling_.model().set_classes(classes);
    sampler_.sample(sampling_.model(), x, noise, progress);
    return scoresde::cuda::to_host(x);
  }

 private:
  /// A graph is for one number of samples, so that the last batch is drawn whole.
  template <class Progress>
  scoresde::HostState<float> replay(std::size_t count, scoresde::Noise noise, Progress& progress) {
    State x = sampling_.state(sampling_.batch());
    if (!captured_) captured_.emplace(sampler_, sampling_.model(), x);
    const std::size_t nfe = captured_->sample(x, noise).nfe;
    sampling_.count_replay(nfe * count);
    progress.on_batch(nfe);
    const auto all = scoresde::cuda::to_host(x);
    const std::size_t dim = x.extents().dim;
    return {{count, dim}, std::vector<float>(all.data(), all.data() + count * dim)};
  }

  struct Never {};
  template <bool fixed, class M>
  struct CapturedBy {
    using type = Never;
  };
  template <class M>
  struct CapturedBy<true, M> {
    using type = scoresde::cuda::CapturedSampler<float, Sampler, M>;
  };

  Sampling& sampling_;
  const Sampler& sampler_;
  std::optional<typename CapturedBy<fixed_steps, typename Sampling::Model>::type> captured_;
};

}  // namespace cifar10
