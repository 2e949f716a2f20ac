// SPDX-License-Identifier: MIT
/// The command line of cifar10_sample.
#pragma once

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/backend_command_line.hpp"
#include "cli/program.hpp"
#include "cli/sample_options.hpp"

namespace programs {

namespace detail {

/// The group of options that only some samplers accept.
inline const char* const sampler_group = "Options of some samplers, rejected with others";

inline void add_names(CLI::App& app, scoresde::SamplerChoice& s) {
  const auto add = [&](const char* option, std::string& name, const char* text) {
    return app.add_option(option, name, text)
        ->check(one_of(scoresde::sampler_names(option), scoresde::alias_names(option)));
  };
  app.add_flag_callback(
      "--list-samplers",
      [] {
        scoresde::list_samplers(std::cout);
        std::cout << '\n';
        scoresde::list_aliases(std::cout);
        throw CLI::Success();
      },
      "Print all names with their order, evaluations per step and options, and the accepted names "
      "of other libraries, and exit");
  add("--sampler", s.preset,
      "A name of Song et al. 2021, table 1, with the paper's settings for the SDE, or a name of "
      "k-diffusion or diffusers");
  add("--solver", s.solver,
      "pc: predictor-corrector on the reverse-time SDE; or another name of --list-samplers "
      "(default: the checkpoint's)");
  add("--predictor", s.predictor, "(default: the checkpoint's)")->group(sampler_group);
  add("--corrector", s.corrector, "(default: the checkpoint's)")->group(sampler_group);
  app.add_option("--eps", s.eps, "Time at which sampling ends, above 0 (default: the checkpoint's)")
      ->check(positive_number());
  app.add_option(
         "--final", s.final_step,
         "The noise left at time eps: eps, keep it; denoise, predict the data from the last "
         "state; zero, end the last step at the data (fast solvers) (default: denoise)")
      ->check(one_of({"eps", "zero", "denoise"}));
}

inline void add_times(CLI::App& app, scoresde::SamplerChoice& s) {
  app.add_option("--steps", s.steps, "Time steps (default: 100; 25 for the fast solvers)")
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--nfe", s.nfe,
                 "Network evaluations; sets --steps to the most that need no more than these")
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--grid", s.grid, "Time grid of the steps (default: see --list-samplers)")
      ->check(one_of(
          {"uniform", "quadratic", "log_snr", "karras", "beta", "leading", "linspace", "trailing"},
          scoresde::alias_names("--grid")))
      ->group(sampler_group);
  app.add_option("--steps-offset", s.steps_offset,
                 "Offset of the timesteps of --grid leading (default: 0)")
      ->check(natural_number(0, 1000000))
      ->group(sampler_group);
  app.add_option("--rho", s.rho, "Exponent of --grid karras (default: 7)")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--rtol", s.rtol,
                 "Relative tolerance of adaptive steps (default: 0.001; 0.02 for adaptive-sde, "
                 "0.05 for dpm-solver-12 and -23); with much larger ones dopri5 can miss the "
                 "scale of the data")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--atol", s.atol,
                 "Absolute tolerance of adaptive steps (default: 0.001; 2/256 for adaptive-sde, "
                 "0.0078 for dpm-solver-12 and -23; half of these for data in [0, 1])")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--control", s.control,
                 "Step sizes of dopri5: per_sample, one for each sample; scipy, one for the batch")
      ->capture_default_str()
      ->check(one_of({"per_sample", "scipy"}))
      ->group(sampler_group);
}

inline void add_numbers(CLI::App& app, scoresde::SamplerChoice& s) {
  app.add_option("--corrector-steps", s.corrector_steps, "Corrector steps per time step")
      ->capture_default_str()
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--snr", s.snr,
                 "Signal-to-noise ratio of a corrector step (default: the best of Song et al. "
                 "2021, table 5, for SDE and predictor: 0.16 to 0.22 for VE, 0.01 to 0.27 for VP)")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--variance", s.variance,
                 "Variance of the predictor ancestral, named as in Ho et al. 2020")
      ->capture_default_str()
      ->check(one_of({"small", "large"}))
      ->group(sampler_group);
  const auto number = [&](const char* option, std::optional<double>& value, const char* text) {
    app.add_option(option, value, text)->check(number_from_zero())->group(sampler_group);
  };
  number("--eta", s.eta, "Share of fresh noise (default: 0 for ddim, 1 for others)");
  number("--tau", s.tau, "Noise of the SA-Solver's SDE, 0 for none (default: 1)");
  number("--s-churn", s.s_churn, "Noise added before steps (default: 0; 30 for karras-stochastic)");
  number("--s-tmin", s.s_tmin, "… where sigma is above this (default: 0; 0.01)");
  number("--s-tmax", s.s_tmax, "… and below this (default: no limit; 1)");
  number("--s-noise", s.s_noise, "… and its factor (default: 1; 1.007)");
}

inline void add_classes(CLI::App& app, scoresde::ClassChoice& c) {
  app.add_option("--class", c.name,
                 "Class of the samples, for class-conditional networks: a name or index; all, one "
                 "class per row of the grid (default); none, if trained with label dropout");
  app.add_option(
         "--guidance", c.guidance,
         "Weight w of classifier-free guidance: (1 + w) times the score of the class minus w times "
         "the score without a class; doubles the evaluations. Elsewhere the scale is w + 1")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--guidance-interval", c.interval,
                 "Guide only for noise levels sigma from the first number to the second "
                 "(default: everywhere)")
      ->expected(2)
      ->check(number_from_zero());
}

inline void add_output(CLI::App& app, SampleOptions& o) {
  app.add_option("--out", o.out, "Folder for samples.png, samples.npy, samples.safetensors")
      ->required()
      ->check(path());
  app.add_flag("--resume", o.resume,
               "Continue the stopped run in --out; the samples are bit-identical to those of an "
               "uninterrupted run");
  app.add_flag("--overwrite", o.overwrite, "Replace the finished samples in --out");
  app.add_flag("--png", o.each_png,
               "Also write each sample to its own file: --out/images/0000000.png, ...");
}

}  // namespace detail

inline void add_sample_options(CLI::App& app, SampleOptions& o) {
  app.add_option("--checkpoint", o.checkpoint,
                 "Checkpoint of a run, or exported EMA weights (default: the bundled ones)")
      ->check(path());
  detail::add_output(app, o);
  detail::add_names(app, o.sampler);
  detail::add_times(app, o.sampler);
  detail::add_numbers(app, o.sampler);
  const auto clip = app.add_flag(
      "--clip-denoised", o.clip_denoised,
      "Clip the network's estimate of the image to the range of the data in every step, as in "
      "Ho et al. 2020; improves samples of networks trained briefly");
  clip->group(detail::host_group);
  app.add_option("--dynamic-threshold", o.dynamic_threshold,
                 "Instead of clipping, divide the estimate by this quantile of its absolute values "
                 "where it exceeds 1, as in Saharia et al. 2022; usually 0.995")
      ->check(share())
      ->excludes(clip)
      ->group(detail::host_group);
  detail::add_classes(app, o.classes);
  app.add_option("--samples", o.samples,
                 "Number of samples (default: 64, or a row of the grid per class); each batch is "
                 "written to disk when it is finished")
      ->check(natural_number(1, 10000000));
  app.add_option("--first-sample", o.first_sample,
                 "Index of the first sample; sample n of a seed is the same in every run")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--batch", o.batch, "Samples per batch; larger batches need more memory")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
  app.add_option("--columns", o.columns, "Columns of the grid in samples.png")
      ->capture_default_str()
      ->check(natural_number(1, 1000));
  app.add_option("--seed", o.seed, "Seed of all random numbers of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  add_backend_options(app, o.backend);
}

/// The options on the command line that only some samplers accept.
inline std::vector<std::string> sampler_options_given(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == detail::sampler_group && option->count() > 0)
      names.push_back(option->get_name());
  return names;
}

}  // namespace programs
