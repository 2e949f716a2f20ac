// SPDX-License-Identifier: MIT
/// The runs of diffusers' schedulers and k-diffusion's samplers in tests/golden/peers.safetensors,
/// repeated here with the same settings, for benchmarks/peer_agreement and
/// tests/sampler/golden_peers_test.cpp.
#pragma once

#include <cstddef>

#include <nlohmann/json.hpp>

#include <scoresde/io/safetensors.hpp>

#include "diffusers_runs.hpp"
#include "k_diffusion_runs.hpp"
#include "peer_case.hpp"

namespace peers {

/// Calls use(case, agreement) for every peer's run in the file; returns how many there are.
template <class Use>
std::size_t for_each_run(const scoresde::io::TensorFile& file, const Use& use) {
  std::size_t count = 0;
  if (file.metadata.count("cases") == 0) return 0;
  for (const json& entry : json::parse(file.metadata.at("cases"))) {
    if (!entry.contains("peer") || !entry.contains("scheduler")) continue;
    const Case c{entry, &file};
    use(c, entry.at("peer") == "diffusers" ? run_diffusers(c) : run_k_diffusion(c));
    ++count;
  }
  return count;
}

}  // namespace peers
