// SPDX-License-Identifier: MIT
/// cifar10_sample --backend cuda.
#include <algorithm>

#include <scoresde/cuda/context.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/sampler_visit.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/sample_run.hpp"
#include "cli/sampling_options.hpp"
#include "engine/device_sampling.hpp"
#include "engine/engine.hpp"

namespace programs {
namespace {

/// One run with a type-erased sampler.
void run(const SampleOptions& options, const scoresde::Metadata& configuration,
         const scoresde::AnySde& sde, const DeviceSampler& sampler) {
  SampleRun run(options, configuration);
  const scoresde::cuda::Context context(options.backend.device);
  const auto network = within_device_memory("a smaller --batch needs less", [&] {
    return DeviceNetwork(
        context, options.checkpoint, options.backend,
        {.batch = std::min(options.batch, options.samples), .sde = other_sde(options)});
  });
  DeviceSampling sampling(options, network, sde, sampler);
  scoresde::io::require_writable_folder(options.out);
  run(sampling.batches(), sde.t_max());
}

}  // namespace

void sample_on_device(const SampleOptions& given, const scoresde::Metadata& configuration) {
  SampleOptions options = given;
  const auto other = other_sde(options);
  const scoresde::AnySde sde = other ? *other : scoresde::sampled_sde(configuration);
  scoresde::resolve_defaults(sde, options.sampler);
  scoresde::visit_sampler(sde, options.sampler, [&]<class Sampler>(const Sampler& sampler) {
    if constexpr (scoresde::runs_on_host_only<Sampler>)
      throw scoresde::UsageError(
          "--predictor clipped_ddim cannot be combined with --backend cuda; it is for cpu");
    else
      run(options, configuration, sde, device_sampler(sampler));
  });
}

}  // namespace programs
