// SPDX-License-Identifier: MIT
/// cifar10_edit --backend cpu.
#include <algorithm>
#include <cstddef>

#include <scoresde/nn/graph/ops.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/edit_run.hpp"
#include "cli/resource_check.hpp"
#include "engine/edit.hpp"
#include "engine/engine.hpp"
#include "engine/host_sampling.hpp"
#include "engine/sampling_memory.hpp"

namespace programs {
namespace {

/// Bytes of a run: those of sampling, the images and what is known of them, and the states of the
/// method for a batch.
double edit_memory(const EditOptions& options, const scoresde::Metadata& configuration,
                   const EditRun& run, scoresde::nn::Mode mode) {
  constexpr std::size_t input_states = 3, method_states = 12;
  const SampleOptions& s = options.sampling;
  const std::size_t samples = std::min(s.batch, s.samples) * options.samples_per_result();
  const std::size_t states =
      input_states * run.input().images.extents().samples + method_states * samples;
  return sampling_memory(s, scoresde::network_of(configuration), HostOps(), mode) +
         float_bytes(static_cast<double>(states * run.input().shape.size()));
}

}  // namespace

void edit_on_host(const EditOptions& given, const scoresde::Metadata& configuration) {
  EditOptions options = given;
  const scoresde::AnySde sde = scoresde::sampled_sde(configuration);
  EditRun run(options, configuration);
  options.sampling.samples = run.results();
  using scoresde::nn::Mode;
  const Mode mode = options.differentiates() ? Mode::differentiation : Mode::inference;
  require_memory(
      edit_memory(options, configuration, run, mode), options.sampling.backend.memory_limit,
      options.samples_per_result() > 1 ? "fewer --particles or a smaller --batch need less"
                                       : "a smaller --batch needs less");
  Edit edit(options, run, sde);
  HostSampling sampling(options.sampling, sde, mode);
  const auto apply = [&edit](auto& model, auto& x, scoresde::Noise noise,
                             SamplingProgress& progress) { edit(model, x, noise, progress); };
  run(sampling.batches(apply), sde.t_max(), sde.t_min());
}

}  // namespace programs
