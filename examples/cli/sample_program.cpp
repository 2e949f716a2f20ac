// SPDX-License-Identifier: MIT
/// cifar10_sample: its command line.
#include <optional>
#include <string>
#include <vector>

#include <scoresde/registry/metadata.hpp>

#include "cli/common_options.hpp"
#include "cli/option_aliases.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/sample_options.hpp"
#include "cli/sampling_options.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

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
  add_sampling_options(line, o);
  line.add_option("--samples", o.samples,
                  "Number of samples (default: 64, or a row of the grid per class); each batch is "
                  "written to disk when it is finished")
      .check(natural_number(1, 10000000));
  line.add_option("--columns", o.columns, "Columns of the grid in samples.png")
      .shows_default()
      .check(natural_number(1, 1000));
  add_backend_options(line, o.backend);
}

int run(SampleOptions options, const std::vector<std::string>& given,
        const SampleEngines& engines) {
  require_host_of_ranks(options.backend, *options.ranks);
  const scoresde::Metadata configuration = resolve_sampling(options, given);
  std::optional<RunLock> lock;
  if (options.ranks->is_first()) lock.emplace(options.out);
  engines.of(options.backend)(options, configuration);
  return stop_status();
}

}  // namespace

int sample_program(int argc, char** argv, const char* checkpoint, const SampleEngines& engines,
                   Ranks& ranks) {
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
      "  mpirun -n 4 cifar10_sample --out samples --samples 50000\n"
      "Arrays are float32 (samples, 3, height, width); 0 is black, 1 is full intensity, not "
      "clipped.\n"
      "Ctrl-C keeps finished samples; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130, "
      "141 or 143 stopped by SIGHUP, SIGINT, SIGPIPE or SIGTERM, 138 stopped by SIGUSR1 on several "
      "ranks, 153 a file would exceed the size that ulimit allows.");
  SampleOptions options;
  options.ranks = &ranks;
  add_sample_options(line, options);
  const auto arguments = translated({argv + 1, argv + argc}, options.notes);
  return line.run(arguments, [&] {
    reject_options_of_other_backend(line, options.backend);
    if (options.checkpoint.empty()) options.checkpoint = checkpoint;
    return run(options, line.given_of(sampler_group), engines);
  });
}

}  // namespace programs
