// SPDX-License-Identifier: MIT
#include "cli/edit_run.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/registry/class_choice.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/progress_bar.hpp"
#include "cli/stop_signals.hpp"

namespace programs {
namespace {

constexpr std::array written_names{"edit.png", "edit.npy"};

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
  for (const char* name : written_names) {
    scoresde::require(
        options_.sampling.overwrite || !std::filesystem::exists(options_.sampling.out / name),
        "--out: ", (options_.sampling.out / name).string(),
        " exists; choose another folder, or replace it with --overwrite");
    scoresde::io::require_writable_file(options_.sampling.out / name);
  }
}

std::size_t EditRun::rows_of_task() const {
  const std::size_t images = input_.images.extents().samples;
  if (options_.task() == EditTask::interpolate) return images - 1;
  if (images > 0) return images;
  return options_.sampling.classes.name == "all" ? label_classes_ : 1;
}

void EditRun::operator()(const BatchSampler& editor, double t_max, double t_min) {
  report_setup(editor);
  catch_stop_signals();
  const double start = seconds_now();
  edit_all(editor, t_max, t_min);
  const std::size_t finished = results_.size() / input_.shape.size() / options_.results;
  if (finished > 0) {
    const auto count = static_cast<double>(finished * options_.results);
    const double seconds = seconds_now() - start;
    std::printf("nfe         %.1f network evaluations per result\n",
                static_cast<double>(editor.evaluations()) / count);
    std::printf("time        %.1f s, %.2f s per result\n", seconds, seconds / count);
    std::fflush(stdout);
    write(finished);
  }
  if (finished < rows_)
    std::cout << "stopped by a signal, " << stop_signal_name() << ", after " << finished << " of "
              << rows_ << " rows\n";
}

void EditRun::edit_all(const BatchSampler& editor, double t_max, double t_min) {
  SamplingProgress progress(results(), t_max, t_min);
  const std::size_t dim = input_.shape.size();
  while (results_.size() < results() * dim && !stop_requested()) {
    const std::size_t first = results_.size() / dim;
    const std::size_t count = std::min(editor.batch, results() - first);
    progress.begin_batch(first, count);
    const scoresde::Noise noise{.seed = options_.sampling.seed,
                                .first_sample = static_cast<std::uint32_t>(first)};
    const auto x = editor.sample({count, noise, classes_from(first, count), progress});
    if (progress.stopped()) break;
    results_.insert(results_.end(), x.data(), x.data() + x.size());
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
}

std::vector<std::span<const float>> EditRun::row(std::size_t r) const {
  const std::size_t dim = input_.shape.size();
  std::vector<std::span<const float>> images;
  if (input_.images.size() > 0) images.push_back(input_.images[r]);
  if (input_.measurement) images.push_back(input_.measurement->seen[r]);
  for (std::size_t k = r * options_.results; k < (r + 1) * options_.results; ++k)
    images.emplace_back(results_.data() + k * dim, dim);
  if (options_.task() == EditTask::interpolate) images.push_back(input_.images[r + 1]);
  return images;
}

void EditRun::write(std::size_t rows) const {
  std::vector<float> all;
  for (std::size_t r = 0; r < rows; ++r)
    for (const auto image : row(r)) all.insert(all.end(), image.begin(), image.end());
  const auto [channels, height, width] = input_.shape;
  const scoresde::io::ImageGrid grid{.channels = channels,
                                     .height = height,
                                     .width = width,
                                     .columns = row(0).size(),
                                     .centered = network_.centered};
  const auto& out = options_.sampling.out;
  scoresde::io::write_image_grid(out / "edit.png", grid, all);
  const std::size_t count = rows * options_.results;
  std::vector<float> images(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(
                                                                     count * input_.shape.size()));
  if (network_.centered)
    for (float& value : images) value = (value + 1) / 2;
  const std::array<std::size_t, 4> shape{count, channels, height, width};
  scoresde::io::write_npy(out / "edit.npy", std::span<const float>(images),
                          std::span<const std::size_t>(shape));
  std::cout << "results     " << (out / "edit.png").string() << ", " << (out / "edit.npy").string()
            << std::endl;
}

}  // namespace programs
