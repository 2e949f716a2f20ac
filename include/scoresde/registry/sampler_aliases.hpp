// SPDX-License-Identifier: MIT
/// Names of other libraries for samplers and grids, and their equivalents here.
///
/// k-diffusion's functions (with and without "sample_"), diffusers' scheduler classes with their
/// default settings, and score_sde's names. To add one, add a row. Names of this library take
/// precedence: euler and heun after --solver step in time; k-diffusion's, after --sampler, step in
/// sigma.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iomanip>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace scoresde {

struct SamplerAlias {
  const char* names = "";   ///< separated by ", "
  const char* source = "";  ///< the other library
  const char* option = "";
  const char* value = "";
  const char* with = "";  ///< defaults of further options: "--final zero --grid uniform"

  [[nodiscard]] bool has(std::string_view name) const {
    return (", " + std::string(names) + ",").find(", " + std::string(name) + ",") !=
           std::string::npos;
  }
  /// The equivalent options, such as "--solver dpm-2 --final zero".
  [[nodiscard]] std::string stands_for() const {
    const std::string rest(with);
    return std::string(option) + ' ' + value + (rest.empty() ? "" : ' ' + rest);
  }
};

/// k-diffusion's samplers end at sigma = 0, dpm_fast and dpm_adaptive at sigma_min. diffusers'
/// timesteps are equal steps in t unless a spacing is named. Neither clips without
/// --clip-denoised.
inline constexpr std::array sampler_aliases{
    SamplerAlias{"sample_euler, euler", "k-diffusion", "--solver", "karras-euler", "--final zero"},
    SamplerAlias{"sample_heun, heun", "k-diffusion", "--solver", "karras-heun", "--final zero"},
    SamplerAlias{"sample_dpm_2, dpm_2", "k-diffusion", "--solver", "dpm-2", "--final zero"},
    SamplerAlias{"sample_lms, lms", "k-diffusion", "--solver", "lms-4-full-order", "--final zero"},
    SamplerAlias{"sample_dpmpp_2m, dpmpp_2m", "k-diffusion", "--solver",
                 "dpm-solver++-2m-k-diffusion", "--final zero"},
    SamplerAlias{"sample_dpmpp_2m_sde, dpmpp_2m_sde", "k-diffusion", "--solver",
                 "sde-dpm-solver++-2m-k-diffusion", "--final zero"},
    SamplerAlias{"sample_dpmpp_3m_sde, dpmpp_3m_sde", "k-diffusion", "--solver",
                 "sde-dpm-solver++-3m-k-diffusion", "--final zero"},
    SamplerAlias{"sample_dpmpp_2s_ancestral, dpmpp_2s_ancestral", "k-diffusion", "--solver",
                 "dpm-solver++-2s-ancestral", "--final zero"},
    SamplerAlias{"sample_dpm_fast, dpm_fast", "k-diffusion", "--solver", "dpm-solver-fast",
                 "--final eps"},
    SamplerAlias{"sample_dpm_adaptive, dpm_adaptive", "k-diffusion", "--solver", "dpm-solver-23",
                 "--final eps"},
    SamplerAlias{"sample_dpmpp_sde, dpmpp_sde", "k-diffusion", "--solver", "dpm-solver++-sde",
                 "--final zero"},
    SamplerAlias{"sample_dpm_2_ancestral, dpm_2_ancestral", "k-diffusion", "--solver",
                 "dpm-2-ancestral", "--final zero"},
    SamplerAlias{"sample_euler_ancestral, euler_ancestral", "k-diffusion", "--predictor",
                 "euler_ancestral", ""},
    SamplerAlias{"DDIMScheduler", "diffusers", "--solver", "ddim", "--final zero --grid uniform"},
    SamplerAlias{"DDPMScheduler", "diffusers", "--predictor", "ancestral", "--grid uniform"},
    SamplerAlias{"PNDMScheduler", "diffusers", "--solver", "pndm", "--final eps --grid uniform"},
    SamplerAlias{"LMSDiscreteScheduler", "diffusers", "--solver", "lms-4-full-order",
                 "--final zero --grid uniform"},
    SamplerAlias{"EulerDiscreteScheduler", "diffusers", "--solver", "karras-euler",
                 "--final zero --grid uniform"},
    SamplerAlias{"EulerAncestralDiscreteScheduler", "diffusers", "--predictor", "euler_ancestral",
                 "--grid uniform"},
    SamplerAlias{"HeunDiscreteScheduler", "diffusers", "--solver", "karras-heun",
                 "--final zero --grid uniform"},
    SamplerAlias{"KDPM2DiscreteScheduler", "diffusers", "--solver", "dpm-2",
                 "--final zero --grid uniform"},
    SamplerAlias{"DPMSolverMultistepScheduler", "diffusers", "--solver",
                 "dpm-solver++-2m-diffusers", "--final zero --grid uniform"},
    SamplerAlias{"DPMSolverSinglestepScheduler", "diffusers", "--solver",
                 "dpm-solver++-2s-diffusers", "--final zero --grid uniform"},
    SamplerAlias{"DPMSolverSDEScheduler", "diffusers", "--solver", "dpm-solver++-sde",
                 "--final zero --grid uniform"},
    SamplerAlias{"KDPM2AncestralDiscreteScheduler", "diffusers", "--solver", "dpm-2-ancestral",
                 "--final zero --grid uniform"},
    SamplerAlias{"UniPCMultistepScheduler", "diffusers", "--solver", "unipc-2",
                 "--final zero --grid uniform"},
    SamplerAlias{"DEISMultistepScheduler", "diffusers", "--solver", "log-rho-deis-2",
                 "--final eps --grid uniform"},
    SamplerAlias{"SASolverScheduler", "diffusers", "--solver", "sa-solver-2-diffusers",
                 "--final eps --grid uniform"},
    SamplerAlias{"IPNDMScheduler", "diffusers", "--solver", "ipndm", "--final zero --grid uniform"},
    SamplerAlias{"EDMEulerScheduler", "diffusers", "--solver", "karras-euler",
                 "--final zero --grid karras"},
    SamplerAlias{"EDMDPMSolverMultistepScheduler", "diffusers", "--solver",
                 "dpm-solver++-2m-diffusers", "--final zero --grid karras"},
    SamplerAlias{
        "KarrasVeScheduler", "diffusers", "--solver", "karras-stochastic",
        "--final zero --grid karras --s-churn 80 --s-tmin 0.05 --s-tmax 50 --s-noise 1.007"},
    SamplerAlias{"ScoreSdeVeScheduler", "diffusers", "--predictor", "reverse_diffusion",
                 "--corrector langevin-batch --snr 0.15"},
    SamplerAlias{"ScoreSdeVpScheduler", "diffusers", "--predictor", "euler_maruyama", ""},
    SamplerAlias{"ode", "score_sde", "--solver", "dopri5", "--final eps --rtol 1e-05 --atol 1e-05"},
    SamplerAlias{"ancestral_sampling", "score_sde", "--predictor", "ancestral", ""},
    SamplerAlias{"ald", "score_sde", "--corrector", "annealed_langevin", ""},
    SamplerAlias{"exponential", "k-diffusion", "--grid", "log_snr", ""},
    SamplerAlias{"logSNR", "dpm-solver", "--grid", "log_snr", ""},
    SamplerAlias{"time_uniform", "dpm-solver", "--grid", "uniform", ""},
    SamplerAlias{"time_quadratic", "dpm-solver", "--grid", "quadratic", ""},
    SamplerAlias{"quad", "ddim", "--grid", "quadratic", ""}};

namespace detail {

/// Whether `option` accepts the names of a row: --sampler and --solver accept complete samplers,
/// other options their own equivalents.
[[nodiscard]] inline bool follows(const SamplerAlias& alias, std::string_view option) {
  const std::string_view own(alias.option);
  const bool whole = own == "--solver" || (own == "--predictor" && alias.source[0] != 's');
  return own == option || (whole && (option == "--sampler" || option == "--solver"));
}

}  // namespace detail

/// The row of a name for an option; null if there is none.
[[nodiscard]] inline const SamplerAlias* alias_of(std::string_view option, std::string_view name) {
  for (const SamplerAlias& alias : sampler_aliases)
    if (detail::follows(alias, option) && alias.has(name)) return &alias;
  return nullptr;
}

/// The names of other libraries that an option accepts.
[[nodiscard]] inline std::vector<std::string> alias_names(std::string_view option) {
  std::vector<std::string> names;
  for (const SamplerAlias& alias : sampler_aliases) {
    if (!detail::follows(alias, option)) continue;
    const std::string all(alias.names);
    for (std::size_t from = 0; from < all.size();) {
      const std::size_t end = std::min(all.find(", ", from), all.size());
      names.push_back(all.substr(from, end - from));
      from = std::min(end + 2, all.size());
    }
  }
  return names;
}

/// Prints the rows as a table with a header; columns are separated by at least two spaces.
inline void list_aliases(std::ostream& out) {
  std::size_t names = 5, source = 2;
  for (const SamplerAlias& alias : sampler_aliases) {
    names = std::max(names, std::string_view(alias.names).size());
    source = std::max(source, std::string_view(alias.source).size());
  }
  const auto row = [&](const std::string& a, const std::string& b, const std::string& c) {
    out << std::left << std::setw(static_cast<int>(names) + 2) << a
        << std::setw(static_cast<int>(source) + 2) << b << c << '\n';
  };
  row("alias", "of", "stands for");
  for (const SamplerAlias& alias : sampler_aliases)
    row(alias.names, alias.source, alias.stands_for());
}

}  // namespace scoresde
