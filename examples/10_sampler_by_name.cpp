// SPDX-License-Identifier: MIT
/// Samplers and an SDE chosen at run time, by their names.
#include <cmath>
#include <cstdio>

#include <scoresde/registry/sampler_visit.hpp>
#include <scoresde/scoresde.hpp>

using State = scoresde::HostState<double>;

//! [by_name]
/// Fills x with the sampler that a name of the registry, or of another library, stands for.
template <class Model>
void sample_by_name(const char* name, const scoresde::AnySde& sde, Model& model, State& x) {
  scoresde::SamplerChoice choice;
  choice.solver = name;
  scoresde::resolve_aliases(choice);
  scoresde::resolve_defaults(choice, {});   // steps, grid, final step and tolerances
  scoresde::resolve_defaults(sde, choice);  // what the SDE decides
  std::printf("%s\n", scoresde::describe(choice).c_str());
  scoresde::visit_sampler(sde, choice, [&](const auto& sampler) {
    sampler.sample(model, x, scoresde::Noise{.seed = 1});
  });
}
//! [by_name]

int main() {
  const scoresde::AnySde sde = scoresde::CosineVpSde();
  scoresde::Gaussian model(sde, {1.0, -2.0}, {0.25, 0.25});
  State x({2000, 2});
  bool right = true;
  for (const char* name : {"dpm-solver++-2m", "unipc-3", "sde-dpm-solver++-2m", "adaptive-sde",
                           "dopri5", "sample_dpmpp_2m", "DPMSolverMultistepScheduler"}) {
    sample_by_name(name, sde, model, x);
    double mean = 0, variance = 0;
    for (const double value : x.span()) mean += value / double(x.size());
    for (std::size_t k = 0; k < 2000; ++k)
      variance += (std::pow(x(k, 0) - 1, 2) + std::pow(x(k, 1) + 2, 2)) / double(x.size());
    std::printf("  mean %.3f   variance %.3f\n", mean, variance);
    // Standard errors of 0.008 and 0.006; 25 steps of a stochastic solver change the variance by
    // 0.03.
    right = right && std::abs(mean + 0.5) < 0.03 && std::abs(variance - 0.25) < 0.05;
  }
  //! [unknown]
  try {
    sample_by_name("dpm-solver-2n", sde, model, x);
  } catch (const scoresde::Error& error) {
    std::printf("%s\n", error.what());
  }
  //! [unknown]
  return right ? 0 : 1;
}
