// SPDX-License-Identifier: MIT
/// cifar10_sample --backend cpu.
#include <functional>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "host_sampling.hpp"
#include "on_backends.hpp"
#include "sample_run.hpp"
#include "sampler_visit.hpp"
#include "sampling_memory.hpp"

namespace cifar10 {
namespace {

using Sample = std::function<void(HostSampling::Model&, HostSampling::State&, scoresde::Noise,
                                  SamplingProgress&)>;

/// One run, whatever samples its batches.
void run(const SampleOptions& options, const scoresde::Metadata& configuration,
         const scoresde::AnySde& sde, const Sample& sample) {
  SampleRun run(options, configuration);
  require_memory(
      sampling_memory(options, scoresde::network_of(configuration), scoresde::eigen::Ops<float>()),
      options.backend.memory_limit, "a smaller --batch needs less");
  HostSampling sampling(options, configuration, sde);
  scoresde::io::require_writable_folder(options.out);
  run(sampling.batches(sample), sde.t_max());
}

}  // namespace

void sample_on_host(const SampleOptions& given, const scoresde::Metadata& configuration) {
  SampleOptions options = given;
  const scoresde::AnySde sde = scoresde::sampled_sde(configuration);
  resolve_defaults_by_sde(sde, options.sampler);
  visit_sampler(sde, options.sampler, [&](const auto& sampler) {
    run(options, configuration, sde,
        [&](auto& model, auto& x, scoresde::Noise noise, SamplingProgress& progress) {
          sampler.sample(model, x, noise, progress);
        });
  });
}

}  // namespace cifar10
