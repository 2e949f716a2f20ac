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

/// The group of options that not every sampler takes.
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
      "Print all names with order, evaluations in a step and options of their own, and the names "
      "of other libraries that are accepted, and end");
  add("--sampler", s.preset,
      "By its name in Song et al. 2021, table 1, the SDE deciding what the paper leaves to it, or "
      "by its name in k-diffusion or diffusers");
  add("--solver", s.solver,
      "pc: predictor-corrector on the reverse-time SDE; or any name of --list-samplers "
      "(default: the checkpoint's)");
  add("--predictor", s.predictor, "(default: the checkpoint's)")->group(sampler_group);
  add("--corrector", s.corrector, "(default: the checkpoint's)")->group(sampler_group);
  app.add_option("--eps", s.eps,
                 "Time at which sampling stops, above 0 (default: the checkpoint's)")
      ->check(positive_number());
  app.add_option("--final", s.final_step,
                 "What becomes of the noise left at eps: eps, it stays; denoise, the last image "
                 "predicted; zero, the last step goes there (fast solvers) (default: denoise)")
      ->check(one_of({"eps", "zero", "denoise"}));
}

inline void add_times(CLI::App& app, scoresde::SamplerChoice& s) {
  app.add_option("--steps", s.steps, "Time steps (default: 100; 25 for the fast solvers)")
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--nfe", s.nfe,
                 "In place of --steps: as many as this number of network evaluations pays for")
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--grid", s.grid, "Where the steps lie (default: that of --list-samplers)")
      ->check(one_of(
          {"uniform", "quadratic", "log_snr", "karras", "beta", "leading", "linspace", "trailing"},
          scoresde::alias_names("--grid")))
      ->group(sampler_group);
  app.add_option("--steps-offset", s.steps_offset,
                 "Added to the timesteps of --grid leading (default: 0)")
      ->group(sampler_group);
  app.add_option("--rho", s.rho, "Of --grid karras (default: 7)")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--rtol", s.rtol,
                 "Relative tolerance of adaptive steps (default: 0.001; 0.02 of adaptive-sde, "
                 "0.05 of dpm-solver-12 and -23)")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--atol", s.atol,
                 "Absolute tolerance of adaptive steps (default: 0.001; 2/256 of adaptive-sde, "
                 "0.0078 of dpm-solver-12 and -23, half of these for data in [0, 1])")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option(
         "--control", s.control,
         "Steps of dopri5: per_sample, own steps for each sample; scipy, one step for the batch")
      ->capture_default_str()
      ->check(one_of({"per_sample", "scipy"}))
      ->group(sampler_group);
}

inline void add_numbers(CLI::App& app, scoresde::SamplerChoice& s) {
  app.add_option("--corrector-steps", s.corrector_steps, "Corrector steps in a time step")
      ->capture_default_str()
      ->check(natural_number(1, 1000000))
      ->group(sampler_group);
  app.add_option("--snr", s.snr,
                 "Signal-to-noise ratio of a corrector step (default: the best of Song et al. "
                 "2021, table 5, for SDE and predictor: 0.16 to 0.22 for VE, 0.01 to 0.27 for VP)")
      ->check(positive_number())
      ->group(sampler_group);
  app.add_option("--variance", s.variance, "Of the predictor ancestral, as Ho et al. 2020 name it")
      ->capture_default_str()
      ->check(one_of({"small", "large"}))
      ->group(sampler_group);
  const auto number = [&](const char* option, std::optional<double>& value, const char* text) {
    app.add_option(option, value, text)->check(number_from_zero())->group(sampler_group);
  };
  number("--eta", s.eta, "Share of fresh noise (default: 0 for ddim, 1 for others)");
  number("--tau", s.tau, "Noise of the SA-Solver's SDE, 0 for none (default: 1)");
  number("--s-churn", s.s_churn, "Noise added before steps (default: 0; 30 of karras-stochastic)");
  number("--s-tmin", s.s_tmin, "… where sigma is above this (default: 0; 0.01)");
  number("--s-tmax", s.s_tmax, "… and below this (default: no limit; 1)");
  number("--s-noise", s.s_noise, "… and its factor (default: 1; 1.007)");
}

inline void add_classes(CLI::App& app, scoresde::ClassChoice& c) {
  app.add_option("--class", c.name,
                 "Of class-conditional networks: one by its name or number; all, one for each "
                 "row of the grid (the default); none, where the network has learned that");
  app.add_option(
         "--guidance", c.guidance,
         "Weight w of classifier-free guidance, (1 + w) of the score of the class less w of "
         "that without; twice the evaluations. Others name the scale w + 1")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--guidance-interval", c.interval,
                 "Guide only where the noise sigma is from the first number to the second "
                 "(default: everywhere)")
      ->expected(2)
      ->check(number_from_zero());
}

inline void add_output(CLI::App& app, SampleOptions& o) {
  app.add_option("--out", o.out, "Folder for samples.png, samples.npy, samples.safetensors")
      ->required();
  app.add_flag(
      "--resume", o.resume,
      "Continue the run that was stopped in --out; the samples are those of a run that was "
      "not stopped, bit for bit");
  app.add_flag("--png", o.each_png,
               "Write every sample as an image of its own, too: --out/images/0000000.png, ...");
}

}  // namespace detail

inline void add_sample_options(CLI::App& app, SampleOptions& o) {
  app.add_option("--checkpoint", o.checkpoint,
                 "Checkpoint of a run, or exported EMA weights (default: the bundled ones)");
  detail::add_output(app, o);
  detail::add_names(app, o.sampler);
  detail::add_times(app, o.sampler);
  detail::add_numbers(app, o.sampler);
  const auto clip = app.add_flag(
      "--clip-denoised", o.clip_denoised,
      "Clip the network's estimate of the image to the pixels' range in every step, as "
      "Ho et al. 2020 do; helps networks of little training");
  clip->group(detail::host_group);
  app.add_option("--dynamic-threshold", o.dynamic_threshold,
                 "In its place: divide the estimate by this quantile of its absolute values where "
                 "that is above 1, as Saharia et al. 2022 do; 0.995 is usual")
      ->check(share())
      ->excludes(clip)
      ->group(detail::host_group);
  detail::add_classes(app, o.classes);
  app.add_option("--samples", o.samples,
                 "Images to sample (default: 64, or a row of the grid for each class); they go to "
                 "disk as they come")
      ->check(natural_number(1, 10000000));
  app.add_option("--first-sample", o.first_sample,
                 "Number of the first sample: sample n of a seed is the same in every run")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--batch", o.batch, "Images sampled at a time; more need more memory")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
  app.add_option("--columns", o.columns, "Columns of the grid in samples.png")
      ->capture_default_str()
      ->check(natural_number(1, 1000));
  app.add_option("--seed", o.seed, "Names every random number of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  add_backend_options(app, o.backend);
}

/// The options on the command line that not every sampler takes.
inline std::vector<std::string> sampler_options_given(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == detail::sampler_group && option->count() > 0)
      names.push_back(option->get_name());
  return names;
}

}  // namespace programs
