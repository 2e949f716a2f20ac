// SPDX-License-Identifier: MIT
#include "cli/edit_run.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <span>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/progress_bar.hpp"
#include "cli/resource_check.hpp"
#include "cli/sample_headers.hpp"
#include "cli/sample_settings.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

constexpr const char* store_name = "edit";
constexpr const char* grid_name = "edit.png";
constexpr const char* results_name = "edit.npy";

/// A file by its contents, a folder by its path.
std::string identity(const std::filesystem::path& path) {
  return std::filesystem::is_regular_file(path) ? file_identity(path) : path.string();
}

/// The settings that the results of `images` images depend on.
std::map<std::string, std::string> edit_settings(const EditOptions& o, std::size_t images) {
  using scoresde::text;
  std::map<std::string, std::string> settings = model_settings(o.sampling);
  const auto list = [](const auto& numbers) {
    std::string words;
    for (const auto number : numbers) words += (words.empty() ? "" : " ") + text(number);
    return words;
  };
  settings.insert({{"task", o.task_name},
                   {"--data", identity(o.data)},
                   {"--first-image", text(o.first_image)},
                   {"--images", text(images)},
                   {"--results", text(o.results)},
                   {"--mask", identity(o.mask)},
                   {"--box", list(o.box)},
                   {"--factor", text(o.factor)},
                   {"--blur", text(o.blur)},
                   {"--method", o.method},
                   {"--noise", text(o.noise)},
                   {"--dps-scale", text(o.dps_scale)},
                   {"--particles", text(o.particles)},
                   {"--corrector-steps", text(o.corrector_steps)},
                   {"--strength", o.strength ? text(*o.strength) : ""},
                   {"--temperature", list(o.temperatures)},
                   {"--classifier", identity(o.classifier)},
                   {"--classifier-scale", text(o.classifier_scale)},
                   {"--steps", text(o.steps)}});
  return settings;
}

/// The number of classes of a classifier. Throws UsageError for one that is not for the
/// checkpoint's SDE and images.
std::size_t classes_of(const std::filesystem::path& path, const scoresde::Metadata& checkpoint) {
  const auto found = scoresde::read_configuration(path);
  const auto config = scoresde::classifier_of(found);
  for (const auto& [key, value] : found) {
    const bool matters = key.starts_with("sde.") && key != "sde.t_min";
    const auto at = checkpoint.find(key);
    const std::string wanted = at == checkpoint.end() ? "absent" : at->second;
    scoresde::require_usage(!matters || value == wanted, "--classifier: ", path.string(), ": ", key,
                            " is ", value, "; it must be that of the checkpoint, ", wanted);
  }
  const auto network = scoresde::network_of(checkpoint);
  scoresde::require_usage(
      config.encoder.height() == network.height() && config.encoder.width() == network.width() &&
          config.encoder.num_channels == network.num_channels &&
          config.encoder.centered == network.centered,
      "--classifier: ", path.string(), " is for images of ", config.encoder.height(), " x ",
      config.encoder.width(), "; size and range of the values must be the checkpoint's");
  return config.head.classes;
}

}  // namespace

EditRun::EditRun(const EditOptions& options, const scoresde::Metadata& configuration)
    : options_(options),
      network_(scoresde::network_of(configuration)),
      input_(read_edit_input(options, network_)),
      label_classes_(options.classifier.empty() ? network_.num_class_embeds
                                                : classes_of(options.classifier, configuration)),
      rows_(rows_of_task()),
      class_of_(options.sampling.classes, label_classes_, options.results),
      sde_(configuration.at("sde.name")) {
  constexpr std::size_t most_samples = 4000000000;  // their noise is named by 32 bits
  const std::size_t images = input_.images.extents().samples;
  const SampleOptions& sampling = options_.sampling;
  scoresde::require_usage(
      results() <= most_samples / options_.samples_per_result(),
      options_.samples_per_result() > 1 ? "--particles: " : "--results: ", rows_, " rows of ",
      options_.results, " results need ", results() * options_.samples_per_result(),
      " samples; a run can have at most ", most_samples);
  progress_ = starting_progress(sampling.out, ImageStore::progress_name(store_name),
                                sampling.resume, edit_settings(options_, images));
  for (const char* name : {grid_name, results_name}) {
    scoresde::require(
        sampling.resume || sampling.overwrite || !std::filesystem::exists(sampling.out / name),
        "--out: ", (sampling.out / name).string(),
        " exists; choose another folder, or replace it with --overwrite");
    scoresde::io::require_writable_file(sampling.out / name);
  }
  ImageStore::require_writable(sampling.out, store_name);
}

std::size_t EditRun::rows_of_task() const {
  const std::size_t images = input_.images.extents().samples;
  if (options_.task() == EditTask::interpolate) return images - 1;
  if (images > 0) return images;
  return options_.sampling.classes.name == "all" ? label_classes_ : 1;
}

void EditRun::operator()(const BatchSampler& editor, double t_max, double t_min) {
  const auto [channels, height, width] = input_.shape;
  const SampleLayout layout{results(), channels, height, width, false};
  const std::string header = npy_header(layout);
  const auto& out = options_.sampling.out;
  const auto there = static_cast<double>(progress_.samples * layout.image_bytes());
  require_disk_space(out, static_cast<double>(layout.all_bytes()) - there,
                     "fewer --results need less");
  catch_stop_signals();
  report_setup(editor);
  ImageStore store(out, store_name, layout, header.size(), progress_);
  const double start = seconds_now();
  edit_all(store, editor, t_max, t_min);
  if (store.samples() < results()) return report_stop(store);
  report_end(store.evaluations(), seconds_now() - start);
  store.write_header(0, std::as_bytes(std::span(header)));
  store.write_grid(out / grid_name, grid());
  store.finish(results_name);
  std::cout << "results     " << (out / grid_name).string() << ", " << (out / results_name).string()
            << std::endl;
}

void EditRun::edit_all(ImageStore& store, const BatchSampler& editor, double t_max, double t_min) {
  SamplingProgress progress(results(), t_max, t_min);
  const std::size_t before = store.evaluations();
  while (store.samples() < results() && !stop_requested()) {
    const std::size_t first = store.samples();
    const std::size_t count = std::min(editor.batch, results() - first);
    progress.begin_batch(first, count);
    const scoresde::Noise noise{.seed = options_.sampling.seed,
                                .first_sample = static_cast<std::uint32_t>(first)};
    auto x = editor.sample({count, noise, classes_from(first, count), progress});
    if (progress.stopped()) break;  // incomplete: a resumed run repeats the batch
    if (network_.centered)
      for (float& value : x.span()) value = (value + 1) / 2;
    store.append(x.span(), before + editor.evaluations());
  }
  progress.end_line();
}

std::span<const std::uint32_t> EditRun::classes_from(std::size_t first, std::size_t count) {
  classes_.clear();
  for (std::size_t k = first; network_.num_class_embeds > 0 && k < first + count; ++k)
    classes_.push_back(class_of_(k));
  return classes_;
}

void EditRun::report_setup(const BatchSampler& editor) const {
  const SampleOptions& s = options_.sampling;
  const std::string classes = describe(s.classes, label_classes_);
  std::cout << "checkpoint  " << s.checkpoint.string() << " (" << editor.parameters
            << " parameters, " << sde_ << " SDE)\n"
            << "task        " << options_.task_name;
  if (options_.measures()) std::cout << ", method " << options_.method;
  if (options_.samples_per_result() > 1)
    std::cout << " with " << options_.particles << " particles";
  if (options_.strength) std::cout << ", strength " << *options_.strength;
  std::cout << ", " << options_.steps << " steps, " << rows_ << " x " << options_.results
            << " results\n"
            << (classes.empty() ? "" : "classes     " + classes + '\n') << "seed        " << s.seed
            << '\n'
            << "device      " << editor.device << std::endl;
  if (progress_.samples > 0)
    std::cout << "resumed     " << progress_.samples << " results are finished already"
              << std::endl;
}

void EditRun::report_end(std::size_t evaluations, double seconds) const {
  const auto all = static_cast<double>(results());
  const auto made = static_cast<double>(results() - progress_.samples);
  std::printf("nfe         %.1f network evaluations per result\n",
              static_cast<double>(evaluations) / all);
  std::printf("time        %.1f s, %.2f s per result\n", seconds, seconds / std::max(1.0, made));
  std::fflush(stdout);
}

/// Keeps the finished results for --resume.
void EditRun::report_stop(ImageStore& store) const {
  store.keep();
  if (store.samples() >= options_.results) store.write_partial_grid(grid());
  std::cout << "stopped by a signal, " << stop_signal_name() << ", after " << store.samples()
            << " of " << results() << " results"
            << (store.samples() > 0 ? "; continue with the same options and --resume\n" : "\n");
}

StoredGrid EditRun::grid() const {
  StoredGrid grid{.columns = options_.results};
  if (input_.images.size() == 0) return grid;
  grid.before = [this](std::size_t row) {
    std::vector<float> images;
    add_image(input_.images[row], images);
    if (input_.measurement) add_image(input_.measurement->seen[row], images);
    return images;
  };
  if (options_.task() == EditTask::interpolate)
    grid.after = [this](std::size_t row) {
      std::vector<float> images;
      add_image(input_.images[row + 1], images);
      return images;
    };
  return grid;
}

void EditRun::add_image(std::span<const float> image, std::vector<float>& images) const {
  for (const float value : image) images.push_back(network_.centered ? (value + 1) / 2 : value);
}

}  // namespace programs
