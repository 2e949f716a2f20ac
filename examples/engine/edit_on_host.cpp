// SPDX-License-Identifier: MIT
/// cifar10_edit --backend cpu.
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/edit_run.hpp"
#include "engine/edit.hpp"
#include "engine/engine.hpp"
#include "engine/host_sampling.hpp"
#include "engine/sampling_memory.hpp"

void programs::edit_on_host(const EditOptions& given, const scoresde::Metadata& configuration) {
  EditOptions options = given;
  const scoresde::AnySde sde = scoresde::sampled_sde(configuration);
  EditRun run(options, configuration);
  options.sampling.samples = run.results();
  require_memory(sampling_memory(options.sampling, scoresde::network_of(configuration), HostOps()),
                 options.sampling.backend.memory_limit, "a smaller --batch needs less");
  Edit edit(options, run, sde);
  HostSampling sampling(options.sampling, sde);
  const auto apply = [&edit](auto& model, auto& x, scoresde::Noise noise,
                             SamplingProgress& progress) { edit(model, x, noise, progress); };
  run(sampling.batches(apply), sde.t_max(), sde.t_min());
}
