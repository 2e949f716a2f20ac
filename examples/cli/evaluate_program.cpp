// SPDX-License-Identifier: MIT
/// cifar10_evaluate: its command line.
#include <string>
#include <vector>

#include <scoresde/registry/inception_names.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/common_options.hpp"
#include "cli/evaluate_input.hpp"
#include "cli/evaluate_options.hpp"
#include "cli/evaluate_run.hpp"
#include "cli/option_aliases.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/sampling_options.hpp"
#include "cli/stop_signals.hpp"
#include "cli/table1_run.hpp"

namespace programs {
namespace {

using scoresde::require_usage;

/// Options of sampling that all samplers accept.
const std::vector<std::string> common_sampling{"--checkpoint",
                                               "--sampler",
                                               "--solver",
                                               "--sde",
                                               "--eps",
                                               "--final",
                                               "--class",
                                               "--guidance",
                                               "--guidance-interval",
                                               "--clip-denoised",
                                               "--dynamic-threshold",
                                               "--first-sample",
                                               "--batch",
                                               "--seed"};

void add_input(CommandLine& line, EvaluateOptions& o) {
  line.add_option("--from", o.from,
                  "Samples that are finished: samples.safetensors of cifar10_sample or its folder, "
                  "a .npy file (n, channels, height, width) in [0, 1] or of 8 bits, or a data set "
                  "as --data (default: sample from --checkpoint into --out/samples)")
      .check(path());
  line.add_option("--samples", o.sampling.samples,
                  "Number of samples (default: 1000 of a checkpoint; all of --from)")
      .check(natural_number(fewest_evaluated, 10000000));
  line.add_option(
          "--data", o.data,
          "Real images: CIFAR-10's binary folder (cifar-10-batches-bin), a folder of images of "
          "one size, an image pack of scoresde_dataset, or files as --from")
      .check(path());
  line.add_flag("--test", o.test_split,
                "Compare with the test set instead of the training set of --data");
  line.add_option("--first-reference-image", o.first_reference_image,
                  "Number of the first real image of --data; the bundled features were trained on "
                  "the images before 25000")
      .shows_default()
      .check(natural_number(0, 10000000));
  line.add_option("--reference-images", o.reference_images,
                  "Number of real images; 0 for all that follow")
      .shows_default()
      .check(natural_number(0, 10000000));
  line.add_option("--statistics", o.statistics,
                  "Instead of --data, mean and covariance of the real images' features: a .npz "
                  "file of --save-statistics or of other packages")
      .check(path())
      .excludes("--data");
}

void add_features(CommandLine& line, EvaluateOptions& o) {
  line.add_option("--features", o.features,
                  "Checkpoint of a classifier, as cifar10_train --preset cifar10_classifier_small "
                  "writes, in whose features images are compared (default: the bundled one, for "
                  "CIFAR-10)")
      .check(path());
  line.add_option("--inception", o.inception,
                  "Instead of --features, the published weights of the Inception network, "
                  "pt_inception-2015-12-05-6726825d.pth, for FID, KID and Inception scores")
      .check(path())
      .excludes("--features");
  line.add_option("--convention", o.convention,
                  "Resizing and scaling of Inception's input, by the package")
      .shows_default()
      .check(one_of(scoresde::names_of<scoresde::nn::InceptionConvention>()))
      .needs("--inception");
  line.add_option("--feature-batch", o.feature_batch,
                  "Images per evaluation of the network of features; determines memory use")
      .shows_default()
      .check(natural_number(1, 65536));
  line.add_option("--pair-images", o.pair_images,
                  "Images of each set for kernel distance, precision, recall, density and "
                  "coverage, whose cost grows with its square")
      .shows_default()
      .check(natural_number(fewest_evaluated, 10000000));
}

void add_evaluate_options(CommandLine& line, EvaluateOptions& o) {
  add_out(line, o.out, "Folder for evaluation.json, report.html, and samples of --checkpoint");
  line.add_flag("--resume", o.resume,
                "Continue the stopped run in --out; the results are bit-identical to those of an "
                "uninterrupted run");
  line.add_flag("--overwrite", o.overwrite, "Replace the finished evaluation in --out");
  line.add_flag("--report", o.report,
                "Also write report.html, one page with samples, nearest real images, metrics and "
                "curves that needs no network");
  add_input(line, o);
  add_features(line, o);
  line.add_option("--save-statistics", o.save_statistics,
                  "Write mean and covariance of the real images' features to this .npz file")
      .check(path())
      .needs("--data");
  add_checkpoint(line, o.sampling.checkpoint);
  add_table1_options(line, o);
  add_sampling_options(line, o.sampling);
  add_backend_options(line, o.sampling.backend);
}

/// Throws UsageError for missing options and for those that do not go together.
void reject_contradictions(const CommandLine& line, const EvaluateOptions& o) {
  reject_options_of_other_backend(line, o.sampling.backend);
  require_usage(!o.data.empty() || !o.statistics.empty(),
                "--data is missing; it must be a data set of real images; or give --statistics");
  for (const char* name : {"--test", "--first-reference-image", "--reference-images"})
    require_usage(o.statistics.empty() || !line.given(name), name, " is for --data; --statistics ",
                  "are of images that were chosen before");
  if (o.table1) reject_options_of_one_sampler(line);
  if (o.from.empty()) return;
  std::vector<std::string> rejected = line.given_of(sampler_group);
  for (const std::string& name : common_sampling)
    if (line.given(name)) rejected.push_back(name);
  require_usage(rejected.empty(), rejected.empty() ? "" : rejected.front(),
                " is for sampling from --checkpoint; the samples of --from are finished");
}

int run(EvaluateOptions options, const CommandLine& line, const EvaluateEngines& engines,
        const SampleEngines& samplers) {
  reject_contradictions(line, options);
  if (options.table1) {
    Table1Run table(options, engines, samplers);
    const RunLock lock(options.out);
    table();
    return stop_status();
  }
  EvaluationInput input =
      options.from.empty() ? samples_of_checkpoint(line.given_of(sampler_group), options, samplers)
                           : finished_samples(options);
  open_reference(options, input);
  const RunLock lock(options.out);
  engines.of(options.sampling.backend)(options, input);
  return stop_status();
}

}  // namespace

int evaluate_program(int argc, char** argv, const char* checkpoint, const char* features,
                     const EvaluateEngines& engines, const SampleEngines& samplers) {
  CommandLine line(
      "cifar10_evaluate",
      "Measures how far samples are from real images: Fréchet and kernel distance, precision and "
      "recall, scores and class accuracy, with error bars and the values of real images.",
      "Examples\n"
      "  cifar10_evaluate --data cifar-10-batches-bin --first-reference-image 25000 --out "
      "evaluation --samples 2000 --nfe 50 --report\n"
      "  cifar10_evaluate --from samples --data cifar-10-batches-bin --test --out evaluation\n"
      "  cifar10_evaluate --from samples.npy --data cifar-10-batches-bin --out evaluation "
      "--inception pt_inception-2015-12-05-6726825d.pth --save-statistics train.npz\n"
      "  cifar10_evaluate --from images --statistics train.npz --out evaluation --inception "
      "pt_inception-2015-12-05-6726825d.pth\n"
      "  cifar10_evaluate --table1 --data cifar-10-batches-bin --first-reference-image 25000 --out "
      "table --clip-denoised --report\n"
      "A distance is called FID in the 2048 features of Inception only.\n"
      "Ctrl-C keeps finished features and samples; --resume continues.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130, "
      "141 or 143 stopped by SIGHUP, SIGINT, SIGPIPE or SIGTERM.");
  EvaluateOptions options;
  add_evaluate_options(line, options);
  const auto arguments = translated({argv + 1, argv + argc}, options.sampling.notes);
  return line.run(arguments, [&] {
    auto& file = options.sampling.checkpoint;
    if (options.from.empty() && file.empty()) file = checkpoint;
    if (options.features.empty() && options.inception.empty()) options.features = features;
    return run(options, line, engines, samplers);
  });
}

}  // namespace programs
