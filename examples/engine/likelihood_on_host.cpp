// SPDX-License-Identifier: MIT
/// cifar10_likelihood --backend cpu.
#include <algorithm>
#include <cstddef>
#include <filesystem>

#include <scoresde/io/atomic_file.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "cli/likelihood_run.hpp"
#include "cli/resource_check.hpp"
#include "engine/engine.hpp"
#include "engine/host_network.hpp"
#include "engine/likelihood_settings.hpp"
#include "engine/network_likelihood.hpp"

namespace programs {
namespace {

/// Bytes of a run: the network's activations, which backward requires, its weights, the
/// checkpoint's file and its tensors during reading, and the states of the solver.
double likelihood_memory(const LikelihoodOptions& options, const scoresde::nn::Graph& graph) {
  constexpr std::size_t solver_states = 14;
  const auto image = static_cast<double>(graph.shape(graph.input()).size());
  const auto states = static_cast<double>((solver_states + options.probes) * options.batch);
  return static_cast<double>(scoresde::nn::workspace_bytes(
             graph, options.batch, scoresde::nn::Mode::differentiation, HostOps())) +
         float_bytes(static_cast<double>(graph.parameters().size())) +
         2 * static_cast<double>(std::filesystem::file_size(options.checkpoint)) +
         float_bytes(states * image);
}

}  // namespace

void likelihood_on_host(const LikelihoodOptions& given, const scoresde::Metadata& configuration) {
  LikelihoodOptions options = given;
  const scoresde::AnySde sde = resolve_defaults(options, configuration);
  LikelihoodRun run(options, configuration);
  options = run.options();
  options.batch = std::min(options.batch, options.images);
  require_memory(
      likelihood_memory(options, scoresde::nn::unet(scoresde::network_of(configuration))),
      options.backend.memory_limit, "a smaller --batch needs less");
  NetworkLikelihood<HostOps> likelihood(options, sde, HostOps(options.backend.threads));
  scoresde::io::require_writable_folder(options.out);
  run(likelihood.batches(host_description(likelihood.ops())));
}

}  // namespace programs
