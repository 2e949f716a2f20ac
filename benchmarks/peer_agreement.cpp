// SPDX-License-Identifier: MIT
/// A table of the agreement between runs here and runs of diffusers and k-diffusion with the same
/// settings.
///
///   python3 tests/golden/peers.py peers.safetensors && build/benchmarks/benchmark_peer_agreement
///   peers.safetensors
#include <cstdio>
#include <exception>

#include "peer_runs.hpp"

int main(int count, char** arguments) {
  const char* path = count > 1 ? arguments[1] : "tests/golden/peers.safetensors";
  try {
    const scoresde::io::TensorFile file = scoresde::io::read_safetensors(path);
    std::puts("| peer | settings | scoresde | steps | largest relative difference |");
    std::puts("|---|---|---|---|---|");
    const auto row = [](const peers::Case& c, const peers::Agreement& found) {
      std::string settings;
      for (const auto& [key, value] : c.settings().items())
        settings += ", " + key + " " +
                    (value.is_string()  ? value.get<std::string>()
                     : value.is_array() ? "(list)"
                                        : value.dump());
      std::printf("| %s | %s%s | %s | %zu | %.0e |\n",
                  c.entry.at("peer").get<std::string>().c_str(), c.scheduler().c_str(),
                  settings.c_str(), found.ours.c_str(), c.steps(), found.error);
    };
    return peers::for_each_run(file, row) > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_agreement: %s\n", error.what());
    return 1;
  }
}
