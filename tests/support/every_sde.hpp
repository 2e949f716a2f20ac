// SPDX-License-Identifier: MIT
/// Every linear SDE of the library with its default settings, by name and as one type.
#pragma once

#include <string>
#include <vector>

#include <scoresde/registry/any_sde.hpp>

struct NamedSde {
  std::string name;
  scoresde::AnySde sde;
};

/// Those with times between any two.
inline const std::vector<NamedSde>& continuous_sdes() {
  static const std::vector<NamedSde> all{
      {"VP", scoresde::VpSde()},           {"VE", scoresde::VeSde()},
      {"sub-VP", scoresde::SubVpSde()},    {"EDM", scoresde::EdmSde()},
      {"cosine", scoresde::CosineVpSde()}, {"rectified flow", scoresde::RectifiedFlowSde()}};
  return all;
}

/// The chains of score_sde, whose predictors step from each level to the next one only.
inline const std::vector<NamedSde>& score_sde_chains() {
  static const std::vector<NamedSde> all{{"discrete VP", scoresde::DiscreteVpSde(1000)},
                                         {"discrete VE", scoresde::DiscreteVeSde(1000)},
                                         {"discrete sub-VP", scoresde::DiscreteSubVpSde(1000)}};
  return all;
}

/// All of them: these, and the chains of DDPM and SMLD, which step between any two levels.
inline std::vector<NamedSde> every_sde() {
  std::vector<NamedSde> all = continuous_sdes();
  all.push_back({"DDPM", scoresde::DdpmSde(scoresde::linear_betas(1000))});
  all.push_back({"SMLD", scoresde::SmldSde(1000)});
  all.insert(all.end(), score_sde_chains().begin(), score_sde_chains().end());
  return all;
}
