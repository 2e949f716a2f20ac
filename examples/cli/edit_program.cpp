// SPDX-License-Identifier: MIT
/// cifar10_edit: its command line.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/registry/any_score.hpp>
#include <scoresde/registry/any_sde.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>
#include <scoresde/sde/discrete_sde.hpp>

#include "cli/checkpoint_file.hpp"
#include "cli/class_options.hpp"
#include "cli/common_options.hpp"
#include "cli/edit_options.hpp"
#include "cli/programs.hpp"
#include "cli/run_lock.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

void add_edit_images(CommandLine& line, EditOptions& o) {
  std::vector<std::string> names;
  for (const auto& [name, task] : edit_tasks) names.emplace_back(name);
  line.add_option("task", o.task_name,
                  "inpaint, colorize, super-resolve, deblur, interpolate, vary or guide")
      .required()
      .check(one_of(names));
  add_data(line, o.data,
           "; or a .npy file of images (n, 3, height, width), of 8 bits or in [0, 1]. Of CIFAR-10, "
           "the test set is edited");
  add_first_image(line, o.first_image);
  line.add_option("--images", o.images,
                  "Number of images, a row each (default: 4, or all there are)")
      .check(natural_number(1, 10000));
  line.add_option("--results", o.results,
                  "Results per row (default: 4; 6 for interpolate; one for each --temperature)")
      .check(natural_number(1, 1000));
}

void add_measurement(CommandLine& line, EditOptions& o) {
  line.add_option("--mask", o.mask,
                  "inpaint: a .npy file (height, width), 0 where a pixel is unknown")
      .check(path());
  line.add_option("--box", o.box,
                  "inpaint: the unknown pixels as top, left, height and width (default: the middle "
                  "half of both)")
      .values(4)
      .check(natural_number(0, 65536))
      .excludes("--mask");
  line.add_option("--factor", o.factor, "super-resolve: the images' height is height/factor")
      .shows_default()
      .check(natural_number(2, 1024));
  line.add_option("--blur", o.blur, "deblur: standard deviation of the Gaussian blur in pixels")
      .shows_default()
      .check(positive_number());
  line.add_option(
          "--method", o.method,
          "Of the four above. known: what is measured is drawn from the forward process, and exact "
          "in the end; the others also take measurements with noise: ddrm (Kawar et al. 2022), and "
          "dps (Chung et al. 2023), pigdm (Song et al. 2023) and twisted_smc (Wu et al. 2023) by "
          "the derivative of the network (default: known; ddrm for deblur)")
      .check(one_of({edit_methods.begin(), edit_methods.end()}));
  line.add_option("--noise", o.noise,
                  "Standard deviation of noise in what is measured of images in [0, 1]; 0 for "
                  "--method known, above 0 for twisted_smc")
      .shows_default()
      .check(number_from_zero());
  line.add_option("--dps-scale", o.dps_scale,
                  "--method dps: length of its step along the gradient of the residual's norm")
      .shows_default()
      .check(number_from_zero());
  line.add_option("--particles", o.particles,
                  "--method twisted_smc: samples of which each result is drawn by their weights")
      .shows_default()
      .check(natural_number(1, 65536));
}

void add_edit_sampling(CommandLine& line, EditOptions& o) {
  line.add_option("--strength", o.strength,
                  "vary, guide: noise is added to the images up to this share of the time, from 0 "
                  "to 1, and removed (SDEdit) (default: 0.5 for vary)")
      .check(share());
  line.add_option("--temperature", o.temperatures,
                  "vary: instead, multiply the latent codes of the images by each of these")
      .check(positive_number())
      .takes_all()
      .excludes("--strength");
  line.add_option("--steps", o.steps, "Time steps from noise to data")
      .shows_default()
      .check(natural_number(2, 1000000));
  line.add_option("--corrector-steps", o.corrector_steps,
                  "Langevin steps per time step of --method known")
      .shows_default()
      .check(natural_number(0, 1000));
}

void add_classifier(CommandLine& line, EditOptions& o) {
  line.add_option(
          "--classifier", o.classifier,
          "guide: checkpoint of a noise-conditional classifier, for networks that are not "
          "conditioned on classes; its gradient is added to the score (default: the bundled "
          "one, for CIFAR-10)")
      .check(path());
  line.add_option("--classifier-scale", o.classifier_scale, "Factor of the classifier's gradient")
      .shows_default()
      .check(positive_number());
}

/// The options that only some tasks take.
const std::vector<std::pair<std::string, std::vector<EditTask>>>& task_options() {
  using enum EditTask;
  static const std::vector<std::pair<std::string, std::vector<EditTask>>> table{
      {"--mask", {inpaint}},
      {"--box", {inpaint}},
      {"--factor", {super_resolve}},
      {"--blur", {deblur}},
      {"--method", {inpaint, colorize, super_resolve, deblur}},
      {"--noise", {inpaint, colorize, super_resolve, deblur}},
      {"--dps-scale", {inpaint, colorize, super_resolve, deblur}},
      {"--particles", {inpaint, colorize, super_resolve, deblur}},
      {"--corrector-steps", {inpaint, colorize, super_resolve, deblur}},
      {"--strength", {vary, guide}},
      {"--temperature", {vary}},
      {"--classifier", {guide}},
      {"--classifier-scale", {guide}}};
  return table;
}

void add_edit_options(CommandLine& line, EditOptions& o) {
  SampleOptions& s = o.sampling;
  add_checkpoint(line, s.checkpoint);
  add_out(line, s.out, "Folder for edit.png and edit.npy");
  line.add_flag("--resume", s.resume,
                "Continue the stopped run in --out; the results are bit-identical to those of an "
                "uninterrupted run");
  line.add_flag("--overwrite", s.overwrite, "Replace the edited images in --out");
  add_edit_images(line, o);
  add_measurement(line, o);
  add_edit_sampling(line, o);
  add_classes(line, s.classes);
  add_classifier(line, o);
  line.add_flag("--clip-denoised", s.clip_denoised,
                "Clip the network's estimate of the image to the range of the data in every step");
  add_batch(line, s.batch, "Results per batch; larger batches need more memory");
  add_seed(line, s.seed);
  add_backend_options(line, s.backend);
}

/// Throws scoresde::UsageError for options on the command line that the task does not take.
void reject_options_of_other_tasks(const CommandLine& line, const EditOptions& o) {
  for (const auto& [option, tasks] : task_options())
    scoresde::require_usage(
        !line.given(option) || std::count(tasks.begin(), tasks.end(), o.task()) > 0, option,
        " cannot be combined with ", o.task_name);
}

/// Throws scoresde::UsageError for options on the command line that the method, whose default is
/// resolved, does not take.
void reject_options_of_other_methods(const CommandLine& line, const EditOptions& o) {
  const std::pair<const char*, const char*> owners[]{
      {"--corrector-steps", "known"}, {"--dps-scale", "dps"}, {"--particles", "twisted_smc"}};
  for (const auto& [option, method] : owners)
    scoresde::require_usage(!line.given(option) || o.method == method, option,
                            " cannot be combined with --method ", o.method, "; it is for ", method);
}

/// Sets the defaults of the task. Throws scoresde::UsageError for options that contradict each
/// other and for images that are missing.
void resolve_defaults(EditOptions& o) {
  using enum EditTask;
  using scoresde::require_usage;
  const EditTask task = o.task();
  if (o.method.empty()) o.method = task == deblur ? "ddrm" : "known";
  require_usage(o.noise == 0 || o.method != "known", "--noise is ", o.noise,
                "; it must be 0 for --method known, which makes what is measured exact");
  require_usage(o.noise > 0 || o.method != "twisted_smc", "--noise is ", o.noise,
                "; it must be above 0 for --method twisted_smc, which weights by densities");
  require_usage(!o.sampling.clip_denoised || !o.differentiates(),
                "--clip-denoised cannot be combined with --method ", o.method,
                ", which needs the derivative of the estimate");
  require_usage(!o.data.empty() || task == guide, "--data is missing: the images to ", o.task_name);
  if (task == guide) {
    require_usage(o.data.empty() == !o.strength, o.data.empty() ? "--strength" : "--data",
                  " is given without ", o.data.empty() ? "--data" : "--strength",
                  "; guide takes both, or makes images of noise alone");
  }
  if (task == vary && o.temperatures.empty()) o.strength = o.strength.value_or(0.5);
  require_usage(o.strength.value_or(0.5) < 1, "--strength is 1; it must be below 1, where nothing ",
                "is left of the images");
  require_usage(o.temperatures.empty() || o.results == 0,
                "--results cannot be combined with --temperature, which makes one result each");
  if (o.results == 0)
    o.results = !o.temperatures.empty() ? o.temperatures.size() : task == interpolate ? 6 : 4;
}

/// Sets the class of the results for a checkpoint whose network is conditioned on `classes`
/// classes. Throws scoresde::UsageError as resolve_defaults of a ClassChoice does, and for options
/// of a classifier in addition to such a network.
void resolve_classes(EditOptions& o, const scoresde::Metadata& checkpoint, std::size_t classes,
                     bool scale_given) {
  using scoresde::require_usage;
  scoresde::ClassChoice& choice = o.sampling.classes;
  const bool guides = o.task() == EditTask::guide;
  require_usage(classes == 0 || !scale_given || !o.classifier.empty(),
                "--classifier-scale is for networks that are not conditioned on classes; the "
                "checkpoint's is, on ",
                classes);
  if (o.classifier.empty()) {
    if (!guides && classes > 0 && choice.name.empty()) choice.name = "none";
    return scoresde::resolve_defaults(choice, checkpoint, classes);
  }
  require_usage(classes == 0,
                "--classifier is for networks that are not conditioned on classes; "
                "the checkpoint's is, on ",
                classes);
  require_usage(choice.guidance == 0 && choice.name != "none",
                choice.name == "none" ? "--class none" : "--guidance",
                " cannot be combined with --classifier");
  if (choice.name.empty()) choice.name = "all";
}

/// Limits the default number of steps to that of the levels of the checkpoint's SDE. Throws
/// scoresde::UsageError if more are requested.
void resolve_steps(EditOptions& o, const scoresde::Metadata& checkpoint, bool given) {
  const scoresde::AnySde any = scoresde::sampled_sde(checkpoint);
  any.visit([&]<class S>(const S& sde) {
    if constexpr (scoresde::DiscreteSde<S>) {
      const std::size_t most = scoresde::most_level_steps(sde, sde.t_max(), sde.t_min());
      scoresde::require_usage(o.steps <= most || !given, "--steps is ", o.steps,
                              "; the levels of the network allow at most ", most);
      o.steps = std::min(o.steps, most);
    }
  });
}

int run(EditOptions options, const CommandLine& line, const char* classifier,
        const EditEngines& engines) {
  SampleOptions& sampling = options.sampling;
  const scoresde::Metadata configuration = checkpoint_configuration(sampling.checkpoint);
  const std::size_t classes = scoresde::network_of(configuration).num_class_embeds;
  if (options.task() == EditTask::guide && classes == 0 && options.classifier.empty())
    options.classifier = classifier;
  resolve_classes(options, configuration, classes, line.given("--classifier-scale"));
  resolve_steps(options, configuration, line.given("--steps"));
  sampling.sampler.solver = "pc";
  const RunLock lock(sampling.out);
  engines.of(sampling.backend)(options, configuration);
  return stop_status();
}

}  // namespace

int edit_program(int argc, char** argv, const char* checkpoint, const char* classifier,
                 const EditEngines& engines) {
  CommandLine line(
      "cifar10_edit",
      "Edits images by a score-based generative model of CIFAR-10, on the CPU or a GPU: every row "
      "of edit.png has an image, what is known of it, and results.",
      "Examples\n"
      "  cifar10_edit inpaint --data cifar-10-batches-bin --out inpainted\n"
      "  cifar10_edit inpaint --data cifar-10-batches-bin --out right --box 0 16 32 16\n"
      "  cifar10_edit colorize --data cifar-10-batches-bin --out colorized --images 8\n"
      "  cifar10_edit super-resolve --data samples/samples.npy --out large --factor 2\n"
      "  cifar10_edit deblur --data cifar-10-batches-bin --out sharp --blur 1.5 --noise 0.01\n"
      "  cifar10_edit deblur --data cifar-10-batches-bin --out guided --method pigdm --noise 0.01\n"
      "  cifar10_edit interpolate --data cifar-10-batches-bin --out between --images 5\n"
      "  cifar10_edit vary --data cifar-10-batches-bin --out varied --strength 0.4\n"
      "  cifar10_edit vary --data cifar-10-batches-bin --out cooled --temperature 0.7 0.85 1\n"
      "  cifar10_edit guide --out dogs --class dog --classifier-scale 2\n"
      "  cifar10_edit guide --checkpoint classes.safetensors --out cats --class cat --guidance 2\n"
      "edit.npy has the results alone, float32 (results, 3, height, width); 0 is black, 1 is full "
      "intensity, not clipped.\n"
      "Ctrl-C keeps finished results; --resume continues with the same options.\n"
      "Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 --out is in use, 129, 130, "
      "141 or 143 stopped by SIGHUP, SIGINT, SIGPIPE or SIGTERM.");
  EditOptions options;
  add_edit_options(line, options);
  return line.run(argc, argv, [&] {
    reject_options_of_other_backend(line, options.sampling.backend);
    reject_options_of_other_tasks(line, options);
    resolve_defaults(options);
    reject_options_of_other_methods(line, options);
    if (options.sampling.checkpoint.empty()) options.sampling.checkpoint = checkpoint;
    return run(options, line, classifier, engines);
  });
}

}  // namespace programs
