// SPDX-License-Identifier: MIT
/// cifar10_sample --backend cpu.
#include <scoresde/io/atomic_file.hpp>

#include "host_sampling.hpp"
#include "on_backends.hpp"
#include "sample_run.hpp"
#include "sampled_score.hpp"
#include "sampling_memory.hpp"

void cifar10::sample_on_host(const SampleOptions& given, const scoresde::Metadata& configuration) {
  const auto network = scoresde::network_of(configuration);
  visit_sampled_score(
      given, configuration,
      [&]<class S, class C>(const SampleOptions& options, const S& sde, const C& convention,
                            const auto& sampler) {
        SampleRun run(options, configuration);
        require_memory(sampling_memory(options, network, scoresde::eigen::Ops<float>()),
                       options.backend.memory_limit, "a smaller --batch needs less");
        HostSampling<S, C> sampling(options, network, sde, convention);
        scoresde::io::require_writable_folder(options.out);
        run(sampling, sde.t_max(),
            [&](auto&&... of_batch) { return sampling.draw(sampler, of_batch...); });
      });
}
