// SPDX-License-Identifier: MIT
#include "cli/sampling_options.hpp"

#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include <scoresde/error.hpp>
#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/score/guidance.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/class_options.hpp"
#include "cli/common_options.hpp"

namespace programs {
namespace {

void add_names(CommandLine& line, scoresde::SamplerChoice& s) {
  const auto add = [&](const char* option, std::string& name, const char* text) {
    return line.add_option(option, name, text)
        .check(one_of(scoresde::sampler_names(option), scoresde::alias_names(option),
                      "a name of other libraries in --list-samplers"));
  };
  line.add_listing(
      "--list-samplers",
      [] {
        scoresde::list_samplers(std::cout);
        std::cout << '\n';
        scoresde::list_aliases(std::cout);
      },
      "Print all names with their order, evaluations per step and options, and the accepted names "
      "of other libraries, and exit");
  add("--sampler", s.preset,
      "A name of Song et al. 2021, table 1, with the paper's settings for the SDE, or a name of "
      "k-diffusion or diffusers");
  add("--solver", s.solver,
      "pc: predictor-corrector on the reverse-time SDE; or another name of --list-samplers "
      "(default: the checkpoint's)");
  add("--predictor", s.predictor, "(default: the checkpoint's)").group(sampler_group);
  add("--corrector", s.corrector, "(default: the checkpoint's)").group(sampler_group);
  line.add_option("--eps", s.eps,
                  "Time at which sampling ends, above 0 (default: the checkpoint's)")
      .check(positive_number());
  line.add_option(
          "--final", s.final_step,
          "The noise left at time eps: eps, keep it; denoise, predict the data from the last "
          "state; zero, end the last step at the data (fast solvers) (default: denoise)")
      .check(one_of({"eps", "zero", "denoise"}));
}

void add_times(CommandLine& line, scoresde::SamplerChoice& s) {
  line.add_option("--steps", s.steps, "Time steps (default: 100; 25 for the fast solvers)")
      .check(natural_number(1, 1000000))
      .group(sampler_group);
  line.add_option("--nfe", s.nfe,
                  "Network evaluations; sets --steps to the most that need no more than these")
      .check(natural_number(1, 1000000))
      .group(sampler_group);
  line.add_option("--grid", s.grid, "Time grid of the steps (default: see --list-samplers)")
      .check(one_of(
          {"uniform", "quadratic", "log_snr", "karras", "beta", "leading", "linspace", "trailing"},
          scoresde::alias_names("--grid")))
      .group(sampler_group);
  line.add_option("--steps-offset", s.steps_offset,
                  "Offset of the timesteps of --grid leading (default: 0)")
      .check(natural_number(0, 1000000))
      .group(sampler_group);
  line.add_option("--rho", s.rho, "Exponent of --grid karras (default: 7)")
      .check(positive_number())
      .group(sampler_group);
  line.add_option("--rtol", s.rtol,
                  "Relative tolerance of adaptive steps (default: 0.001; 0.02 for adaptive-sde, "
                  "0.05 for dpm-solver-12 and -23); with much larger ones dopri5 can miss the "
                  "scale of the data")
      .check(positive_number())
      .group(sampler_group);
  line.add_option("--atol", s.atol,
                  "Absolute tolerance of adaptive steps (default: 0.001; 2/256 for adaptive-sde, "
                  "0.0078 for dpm-solver-12 and -23; half of these for data in [0, 1])")
      .check(positive_number())
      .group(sampler_group);
  line.add_option("--control", s.control,
                  "Step sizes of dopri5: per_sample, one for each sample; scipy, one for the batch")
      .shows_default()
      .check(one_of({"per_sample", "scipy"}))
      .group(sampler_group);
}

void add_numbers(CommandLine& line, scoresde::SamplerChoice& s) {
  line.add_option("--corrector-steps", s.corrector_steps, "Corrector steps per time step")
      .shows_default()
      .check(natural_number(1, 1000000))
      .group(sampler_group);
  line.add_option("--snr", s.snr,
                  "Signal-to-noise ratio of a corrector step (default: the best of Song et al. "
                  "2021, table 5, for SDE and predictor: 0.16 to 0.22 for VE, 0.01 to 0.27 for VP)")
      .check(positive_number())
      .group(sampler_group);
  line.add_option("--variance", s.variance,
                  "Variance of the predictor ancestral, named as in Ho et al. 2020")
      .shows_default()
      .check(one_of({"small", "large"}))
      .group(sampler_group);
  const auto number = [&](const char* option, std::optional<double>& value, const char* text) {
    line.add_option(option, value, text).check(number_from_zero()).group(sampler_group);
  };
  number("--eta", s.eta, "Share of fresh noise (default: 0 for ddim, 1 for others)");
  number("--tau", s.tau, "Noise of the SA-Solver's SDE, 0 for none (default: 1)");
  number("--s-churn", s.s_churn, "Noise added before steps (default: 0; 30 for karras-stochastic)");
  number("--s-tmin", s.s_tmin, "… where sigma is above this (default: 0; 0.01)");
  number("--s-tmax", s.s_tmax, "… and below this (default: no limit; 1)");
  number("--s-noise", s.s_noise, "… and its factor (default: 1; 1.007)");
}

/// The value under `key`, or `fallback` where the file was not written by cifar10_train.
std::string setting_or(const scoresde::Metadata& configuration, const std::string& key,
                       const std::string& fallback) {
  const auto found = configuration.find(key);
  return found == configuration.end() ? fallback : found->second;
}

scoresde::SdeKind kind_of(const std::string& sde) {
  return scoresde::from_name<scoresde::SdeKind>("--sde", sde);
}

/// Four significant digits.
std::string rounded(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", value);
  return digits;
}

/// "vp, by change of variables from karras; …" with the times that are clamped.
std::string sde_note(const std::string& name, const std::string& trained,
                     const scoresde::AnySde& sde, const scoresde::NoiseRange& range) {
  const auto covered = scoresde::noise_interval(sde, range.low, range.high);
  std::string note = name + ", by change of variables from " + trained;
  const bool below = covered.first > sde.t_min(), above = covered.last < sde.t_max();
  if (!below && !above) return note;
  note += "; noise levels are clamped to those of training, " + rounded(range.low) + " to " +
          rounded(range.high) + ", for t";
  if (below) note += " < " + rounded(covered.first);
  if (above) note += (below ? " and t > " : " > ") + rounded(covered.last);
  return note;
}

/// Resolves --sde: empty if it is the checkpoint's own.
void resolve_sde(SampleOptions& o, const scoresde::Metadata& configuration) {
  if (o.sde.empty()) return;
  const auto other = scoresde::other_sde(configuration, kind_of(o.sde));
  if (!other) return o.sde.clear();
  const auto trained = [&] {
    try {
      return scoresde::trained_under(configuration);
    } catch (const scoresde::Error& failure) {
      throw scoresde::UsageError(scoresde::text("--sde ", o.sde, ": ", failure.what()));
    }
  }();
  o.sde_note = sde_note(o.sde, configuration.at("sde.name"), *other, trained.noise_range());
}

}  // namespace

void add_sampling_options(CommandLine& line, SampleOptions& o) {
  add_names(line, o.sampler);
  line.add_option("--sde", o.sde,
                  "Sample under this SDE with the settings of its paper; a network of another SDE "
                  "is its score by change of variables (default: the checkpoint's)")
      .check(one_of({"vp", "subvp", "ve", "edm"}));
  add_times(line, o.sampler);
  add_numbers(line, o.sampler);
  line.add_flag(
          "--clip-denoised", o.clip_denoised,
          "Clip the network's estimate of the image to the range of the data in every step, as in "
          "Ho et al. 2020; improves samples of networks trained briefly")
      .group(host_group);
  line.add_option(
          "--dynamic-threshold", o.dynamic_threshold,
          "Instead of clipping, divide the estimate by this quantile of its absolute values "
          "where it exceeds 1, as in Saharia et al. 2022; usually 0.995")
      .check(share())
      .excludes("--clip-denoised")
      .group(host_group);
  add_classes(line, o.classes);
  line.add_option("--first-sample", o.first_sample,
                  "Index of the first sample; sample n of a seed is the same in every run")
      .shows_default()
      .check(natural_number(0, 4000000000));
  add_batch(line, o.batch, "Samples per batch; larger batches need more memory");
  add_seed(line, o.seed);
}

scoresde::Metadata resolve_sampling(SampleOptions& options, const std::vector<std::string>& given) {
  scoresde::Metadata configuration = checkpoint_configuration(options.checkpoint);
  resolve_sde(options, configuration);
  scoresde::SamplerChoice& choice = options.sampler;
  scoresde::resolve_aliases(choice);
  if (!choice.aliases.empty()) options.notes.push_back(choice.aliases);
  const bool names_parts = !choice.predictor.empty() || !choice.corrector.empty();
  if (choice.solver.empty() && choice.preset.empty() && !names_parts)
    choice.solver = setting_or(configuration, "program.solver", "pc");
  if (choice.preset.empty() && (choice.solver.empty() || choice.solver == "pc")) {
    if (choice.predictor.empty())
      choice.predictor = setting_or(configuration, "program.predictor", "euler_maruyama");
    if (choice.corrector.empty())
      choice.corrector = setting_or(configuration, "program.corrector", "none");
  }
  const auto network = scoresde::network_of(configuration);
  scoresde::resolve_defaults(options.classes, configuration, network.num_class_embeds);
  if (options.samples == 0)
    options.samples = network.num_class_embeds > 0 && options.classes.name == "all"
                          ? network.num_class_embeds * options.columns
                          : 64;
  choice.centered = network.centered;
  choice.evaluations_of_a_score = options.classes.evaluations();
  scoresde::resolve_defaults(choice, given);
  return configuration;
}

std::optional<scoresde::AnySde> other_sde(const SampleOptions& options) {
  if (options.sde.empty()) return {};
  return scoresde::default_sde(kind_of(options.sde));
}

}  // namespace programs
