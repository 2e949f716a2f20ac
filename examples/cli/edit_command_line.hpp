// SPDX-License-Identifier: MIT
/// The command line of cifar10_edit.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/backend_command_line.hpp"
#include "cli/edit_options.hpp"
#include "cli/program.hpp"
#include "cli/sample_command_line.hpp"

namespace programs {

namespace detail {

inline void add_edit_images(CLI::App& app, EditOptions& o) {
  std::vector<std::string> names;
  for (const auto& [name, task] : edit_tasks) names.emplace_back(name);
  app.add_option("task", o.task_name,
                 "inpaint, colorize, super-resolve, deblur, interpolate, vary or guide")
      ->required()
      ->check(one_of(names));
  app.add_option("--data", o.data,
                 "CIFAR-10's binary folder (cifar-10-batches-bin), whose test set is edited, or a "
                 ".npy file of images (n, 3, height, width), of 8 bits or in [0, 1]")
      ->check(path());
  app.add_option("--first-image", o.first_image, "Number of the first image")
      ->capture_default_str()
      ->check(natural_number(0, 4000000000));
  app.add_option("--images", o.images,
                 "Number of images, a row each (default: 4, or all there are)")
      ->check(natural_number(1, 10000));
  app.add_option("--results", o.results,
                 "Results per row (default: 4; 6 for interpolate; one for each --temperature)")
      ->check(natural_number(1, 1000));
}

inline void add_measurement(CLI::App& app, EditOptions& o) {
  app.add_option("--mask", o.mask,
                 "inpaint: a .npy file (height, width), 0 where a pixel is unknown")
      ->check(path());
  app.add_option("--box", o.box,
                 "inpaint: the unknown pixels as top, left, height and width (default: the middle "
                 "half of both)")
      ->expected(4)
      ->check(natural_number(0, 65536))
      ->excludes("--mask");
  app.add_option("--factor", o.factor, "super-resolve: the images' height is height/factor")
      ->capture_default_str()
      ->check(natural_number(2, 1024));
  app.add_option("--blur", o.blur, "deblur: standard deviation of the Gaussian blur in pixels")
      ->capture_default_str()
      ->check(positive_number());
  app.add_option(
         "--method", o.method,
         "Of the four above. known: what is measured is drawn from the forward process, and exact "
         "in the end; the others also take measurements with noise: ddrm (Kawar et al. 2022), and "
         "dps (Chung et al. 2023), pigdm (Song et al. 2023) and twisted_smc (Wu et al. 2023) by "
         "the derivative of the network (default: known; ddrm for deblur)")
      ->check(one_of({edit_methods.begin(), edit_methods.end()}));
  app.add_option("--noise", o.noise,
                 "Standard deviation of noise in what is measured of images in [0, 1]; 0 for "
                 "--method known, above 0 for twisted_smc")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--dps-scale", o.dps_scale,
                 "--method dps: length of its step along the gradient of the residual's norm")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--particles", o.particles,
                 "--method twisted_smc: samples of which each result is drawn by their weights")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
}

inline void add_edit_sampling(CLI::App& app, EditOptions& o) {
  app.add_option("--strength", o.strength,
                 "vary, guide: noise is added to the images up to this share of the time, from 0 "
                 "to 1, and removed (SDEdit) (default: 0.5 for vary)")
      ->check(share());
  app.add_option("--temperature", o.temperatures,
                 "vary: instead, multiply the latent codes of the images by each of these")
      ->check(positive_number())
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->excludes("--strength");
  app.add_option("--steps", o.steps, "Time steps from noise to data")
      ->capture_default_str()
      ->check(natural_number(2, 1000000));
  app.add_option("--corrector-steps", o.corrector_steps,
                 "Langevin steps per time step of --method known")
      ->capture_default_str()
      ->check(natural_number(0, 1000));
}

inline void add_classifier(CLI::App& app, EditOptions& o) {
  app.add_option("--classifier", o.classifier,
                 "guide: checkpoint of a noise-conditional classifier, for networks that are not "
                 "conditioned on classes; its gradient is added to the score")
      ->check(path());
  app.add_option("--classifier-scale", o.classifier_scale, "Factor of the classifier's gradient")
      ->capture_default_str()
      ->check(positive_number())
      ->needs("--classifier");
}

/// The options that only some tasks take.
inline const std::vector<std::pair<std::string, std::vector<EditTask>>>& task_options() {
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
      {"--classifier", {guide}}};
  return table;
}

}  // namespace detail

inline void add_edit_options(CLI::App& app, EditOptions& o) {
  SampleOptions& s = o.sampling;
  app.add_option("--checkpoint", s.checkpoint,
                 "Checkpoint of a run, or exported EMA weights (default: the bundled ones)")
      ->check(path());
  app.add_option("--out", s.out, "Folder for edit.png and edit.npy")->required()->check(path());
  app.add_flag("--resume", s.resume,
               "Continue the stopped run in --out; the results are bit-identical to those of an "
               "uninterrupted run");
  app.add_flag("--overwrite", s.overwrite, "Replace the edited images in --out");
  detail::add_edit_images(app, o);
  detail::add_measurement(app, o);
  detail::add_edit_sampling(app, o);
  detail::add_classes(app, s.classes);
  detail::add_classifier(app, o);
  app.add_flag("--clip-denoised", s.clip_denoised,
               "Clip the network's estimate of the image to the range of the data in every step");
  app.add_option("--batch", s.batch, "Results per batch; larger batches need more memory")
      ->capture_default_str()
      ->check(natural_number(1, 65536));
  app.add_option("--seed", s.seed, "Seed of all random numbers of the run")
      ->capture_default_str()
      ->check(natural_number(0));
  add_backend_options(app, s.backend);
}

/// Throws scoresde::UsageError for options on the command line that the task does not take.
inline void reject_options_of_other_tasks(const CLI::App& app, const EditOptions& o) {
  for (const auto& [option, tasks] : detail::task_options())
    scoresde::require_usage(
        app.count(option) == 0 || std::count(tasks.begin(), tasks.end(), o.task()) > 0, option,
        " cannot be combined with ", o.task_name);
}

/// Throws scoresde::UsageError for options on the command line that the method, whose default is
/// resolved, does not take.
inline void reject_options_of_other_methods(const CLI::App& app, const EditOptions& o) {
  const std::pair<const char*, const char*> owners[]{
      {"--corrector-steps", "known"}, {"--dps-scale", "dps"}, {"--particles", "twisted_smc"}};
  for (const auto& [option, method] : owners)
    scoresde::require_usage(app.count(option) == 0 || o.method == method, option,
                            " cannot be combined with --method ", o.method, "; it is for ", method);
}

/// Sets the defaults of the task. Throws scoresde::UsageError for options that contradict each
/// other and for images that are missing.
inline void resolve_defaults(EditOptions& o) {
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
/// classes. Throws scoresde::UsageError as resolve_defaults of a ClassChoice does, for a classifier
/// in addition to such a network, and for guide without either.
inline void resolve_classes(EditOptions& o, const scoresde::Metadata& checkpoint,
                            std::size_t classes) {
  using scoresde::require_usage;
  scoresde::ClassChoice& choice = o.sampling.classes;
  const bool guides = o.task() == EditTask::guide;
  require_usage(!guides || classes > 0 || !o.classifier.empty(),
                "guide: the checkpoint's network is not conditioned on classes; --classifier is "
                "missing");
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

}  // namespace programs
