// SPDX-License-Identifier: MIT
/// From a checkpoint and a choice to SDE, convention and sampler, for any backend.
#pragma once

#include <concepts>

#include <scoresde/error.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sde/edm_sde.hpp>

#include "sample_options.hpp"
#include "sampler_visit.hpp"

namespace cifar10 {

/// Calls use(options, sde, convention, sampler) with options whose sampler is settled by the SDE.
/// Throws Error as visit_score and visit_sampler do, and for the EDM loss under another SDE.
template <class Use>
void visit_sampled_score(SampleOptions options, const scoresde::Metadata& configuration,
                         const Use& use) {
  scoresde::visit_score(configuration, [&]<class S, class C>(const S& sde, const C& convention) {
    constexpr bool karras = std::same_as<C, scoresde::nn::EdmPreconditioning>;
    if constexpr (karras && !std::same_as<S, scoresde::EdmSde>) {
      throw scoresde::Error(
          "the checkpoint's network was trained by Karras's loss under another SDE than his; "
          "cifar10_sample samples those of the presets");
    } else {
      resolve_defaults_by_sde(sde, options.sampler);
      visit_sampler(sde, options.sampler,
                    [&](const auto& sampler) { use(options, sde, convention, sampler); });
    }
  });
}

}  // namespace cifar10
