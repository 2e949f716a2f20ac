// SPDX-License-Identifier: MIT
/// cifar10_sample: its command line.
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/class_options.hpp"
#include "cli/common_options.hpp"
#include "cli/option_aliases.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/sample_options.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

/// The group of options that only some samplers accept.
const char* const sampler_group = "Options of some samplers, rejected with others";

void add_names(CommandLine& line, scoresde::SamplerChoice& s) {
  const auto add = [&](const char* option, std::string& name, const char* text) {
    return line.add_option(option, name, text)
        .check(one_of(scoresde::sampler_names(option), scoresde::alias_names(option)));
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

void add_output(CommandLine& line, SampleOptions& o) {
  add_out(line, o.out, "Folder for samples.png, samples.npy, samples.safetensors");
  line.add_flag("--resume", o.resume,
                "Continue the stopped run in --out; the samples are bit-identical to those of an "
                "uninterrupted run");
  line.add_flag("--overwrite", o.overwrite, "Replace the finished samples in --out");
  line.add_flag("--png", o.each_png,
                "Also write each sample to its own file: --out/images/0000000.png, ...");
}

void add_sample_options(CommandLine& line, SampleOptions& o) {
  add_checkpoint(line, o.checkpoint);
  add_output(line, o);
  add_names(line, o.sampler);
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
  line.add_option("--samples", o.samples,
                  "Number of samples (default: 64, or a row of the grid per class); each batch is "
                  "written to disk when it is finished")
      .check(natural_number(1, 10000000));
  line.add_option("--first-sample", o.first_sample,
                  "Index of the first sample; sample n of a seed is the same in every run")
      .shows_default()
      .check(natural_number(0, 4000000000));
  add_batch(line, o.batch, "Samples per batch; larger batches need more memory");
  line.add_option("--columns", o.columns, "Columns of the grid in samples.png")
      .shows_default()
      .check(natural_number(1, 1000));
  add_seed(line, o.seed);
  add_backend_options(line, o.backend);
}

/// The value under `key`, or `fallback` where the file was not written by cifar10_train.
std::string setting_or(const scoresde::Metadata& configuration, const std::string& key,
                       const std::string& fallback) {
  const auto found = configuration.find(key);
  return found == configuration.end() ? fallback : found->second;
}

int run(SampleOptions options, const std::vector<std::string>& given,
        const SampleEngines& engines) {
  const scoresde::Metadata configuration = checkpoint_configuration(options.checkpoint);
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
  const RunLock lock(options.out);
  engines.of(options.backend)(options, configuration);
  return stop_status();
}

}  // namespace

int sample_program(int argc, char** argv, const char* checkpoint, const SampleEngines& engines) {
  CommandLine line(
      "cifar10_sample",
      "Samples images from a score-based generative model of CIFAR-10 on the CPU or a GPU.",
      "Examples\n"
      "  cifar10_sample --out samples --predictor ancestral --clip-denoised\n"
      "  cifar10_sample --out samples --checkpoint run/checkpoint.safetensors --steps 500\n"
      "  cifar10_sample --out samples --predictor reverse_diffusion --corrector langevin\n"
      "  cifar10_sample --out samples --solver dpm-solver++-2m --nfe 20 --clip-denoised\n"
      "  cifar10_sample --out samples --solver dopri5 --rtol 1e-4 --atol 1e-4\n"
      "  cifar10_sample --out samples --sampler PC1000\n"
      "  cifar10_sample --out samples --checkpoint classes.safetensors --class cat --guidance "
      "1.5\n"
      "  cifar10_sample --out samples --checkpoint karras/checkpoint.safetensors --nfe 35\n"
      "  cifar10_sample --out samples --backend cuda --batch 64 --plan-cache plans\n"
      "  cifar10_sample --out samples --sampler dpmpp_2m --steps 20 --grid karras\n"
      "  cifar10_sample --list-samplers\n"
      "Arrays are float32 (samples, 3, height, width); 0 is black, 1 is full intensity, not "
      "clipped.\n"
      "Ctrl-C keeps finished samples; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130 or "
      "143 stopped by SIGHUP, SIGINT or SIGTERM, 153 a file would exceed the size that ulimit "
      "allows.");
  SampleOptions options;
  add_sample_options(line, options);
  const auto arguments = translated({argv + 1, argv + argc}, options.notes);
  return line.run(arguments, [&] {
    reject_options_of_other_backend(line, options.backend);
    if (options.checkpoint.empty()) options.checkpoint = checkpoint;
    return run(options, line.given_of(sampler_group), engines);
  });
}

}  // namespace programs
