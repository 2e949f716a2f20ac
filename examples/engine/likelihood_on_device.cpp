// SPDX-License-Identifier: MIT
/// cifar10_likelihood --backend cuda.
#include <algorithm>
#include <memory>

#include <scoresde/cuda/context.hpp>
#include <scoresde/io/atomic_file.hpp>

#include "cli/likelihood_run.hpp"
#include "engine/device_network.hpp"
#include "engine/device_options.hpp"
#include "engine/engine.hpp"
#include "engine/likelihood_settings.hpp"
#include "engine/network_likelihood.hpp"

namespace programs {

void likelihood_on_device(const LikelihoodOptions& given, const scoresde::Metadata& configuration) {
  LikelihoodOptions options = given;
  const scoresde::AnySde sde = resolve_defaults(options, configuration);
  LikelihoodRun run(options, configuration);
  options = run.options();
  options.batch = std::min(options.batch, options.images);
  const scoresde::cuda::Context context(options.backend.device);
  with_activations(options.backend.precision, [&]<class A>() {
    using Ops = scoresde::cuda::Ops<A>;
    const auto likelihood = within_device_memory("a smaller --batch needs less", [&] {
      return std::make_unique<NetworkLikelihood<Ops>>(
          options, sde,
          Ops(context, plan_options(options.backend), precision_of(options.backend.precision)));
    });
    scoresde::io::require_writable_folder(options.out);
    run(likelihood->batches(device_description(context, options.backend)));
  });
}

}  // namespace programs
