// SPDX-License-Identifier: MIT
/// cifar10_sample --backend cuda.
#include <algorithm>

#include <scoresde/cuda/context.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "device_sampling.hpp"
#include "on_backends.hpp"
#include "sample_run.hpp"
#include "sampled_score.hpp"

void cifar10::sample_on_device(const SampleOptions& given,
                               const scoresde::Metadata& configuration) {
  visit_sampled_score(
      given, configuration,
      [&]<class S, class C, class Sampler>(const SampleOptions& options, const S& sde,
                                           const C& convention, const Sampler& sampler) {
        if constexpr (runs_on_host_only<Sampler>) {
          throw UsageError(
              "--predictor clipped_ddim does not go with --backend cuda; it is for cpu");
        } else {
          SampleRun run(options, configuration);
          const scoresde::cuda::Context context(options.backend.device);
          const auto network = within_device_memory("a smaller --batch needs less", [&] {
            return DeviceNetwork(context, options.checkpoint,
                                 std::min(options.batch, options.samples), options.backend);
          });
          DeviceSampling<S, C> sampling(options, network, sde, convention);
          scoresde::io::require_writable_folder(options.out);
          run(sampling, sde.t_max(), DeviceDraws(sampling, sampler));
        }
      });
}
