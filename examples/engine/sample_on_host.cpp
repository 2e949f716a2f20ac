// SPDX-License-Identifier: MIT
/// cifar10_sample --backend cpu.
#include <functional>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/sampler_visit.hpp>

#include "cli/sample_run.hpp"
#include "cli/sampling_options.hpp"
#include "engine/engine.hpp"
#include "engine/host_sampling.hpp"
#include "engine/sampling_memory.hpp"

namespace programs {
namespace {

using Sample = std::function<void(HostSampling::Model&, HostSampling::State&, scoresde::Noise,
                                  SamplingProgress&)>;

/// One run with a type-erased sampler.
void run(const SampleOptions& options, const scoresde::Metadata& configuration,
         const scoresde::AnySde& sde, const Sample& sample) {
  SampleRun run(options, configuration);
  require_memory(sampling_memory(options, scoresde::network_of(configuration), HostOps()),
                 options.backend.memory_limit, "a smaller --batch needs less");
  HostSampling sampling(options, sde);
  if (options.ranks->is_first()) scoresde::io::require_writable_folder(options.out);
  run(sampling.batches(sample), sde.t_max());
}

}  // namespace

void sample_on_host(const SampleOptions& given, const scoresde::Metadata& configuration) {
  SampleOptions options = given;
  const auto other = other_sde(options);
  const scoresde::AnySde sde = other ? *other : scoresde::sampled_sde(configuration);
  scoresde::resolve_defaults(sde, options.sampler);
  scoresde::visit_sampler(sde, options.sampler, [&](const auto& sampler) {
    run(options, configuration, sde,
        [&](auto& model, auto& x, scoresde::Noise noise, SamplingProgress& progress) {
          sampler.sample(model, x, noise, progress);
        });
  });
}

}  // namespace programs
