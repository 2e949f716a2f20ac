// SPDX-License-Identifier: MIT
#include "cli/sample_run.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>

#include <scoresde/error.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/resource_check.hpp"
#include "cli/sample_settings.hpp"
#include "cli/stop_signals.hpp"

namespace programs {

scoresde::StepAction SamplingProgress::show(const scoresde::ObservedStep& step) {
  const double part = step.steps > 0
                          ? static_cast<double>(step.index + 1) / static_cast<double>(step.steps)
                          : std::clamp((t_max_ - step.time.t_next) / (t_max_ - t_min_), 0.0, 1.0);
  const double done = (first_ + count_ * part) / samples_;
  char text[96];
  std::snprintf(text, sizeof text, "samples %.0f to %.0f of %.0f  t %.3f  nfe %zu", first_ + 1,
                first_ + count_, samples_, step.time.t_next, step.nfe);
  bar_.show(done, text);
  stopped_ = stop_requested();
  return stopped_ ? scoresde::StepAction::stop : scoresde::StepAction::proceed;
}

void SamplingProgress::on_batch(std::size_t nfe) {
  char text[96];
  std::snprintf(text, sizeof text, "samples %.0f to %.0f of %.0f  nfe %zu", first_ + 1,
                first_ + count_, samples_, nfe);
  bar_.show((first_ + count_) / samples_, text);
}

SampleRun::SampleRun(const SampleOptions& options, const scoresde::Metadata& configuration)
    : options_(options),
      configuration_(configuration),
      network_(scoresde::network_of(configuration)),
      class_of_(options.classes, network_.num_class_embeds, options.columns) {
  scoresde::require_usage(network_.centered || !options.dynamic_threshold,
                          "--dynamic-threshold is for networks of data in [-1, 1]; this one was "
                          "trained on [0, 1]");
  scoresde::require_usage(network_.num_channels <= scoresde::io::most_png_channels,
                          "--checkpoint: the network's images have ", network_.num_channels,
                          " channels; a PNG has 1 to ", scoresde::io::most_png_channels);
  if (writes()) check_folder();
}

void SampleRun::check_folder() {
  using scoresde::require;
  progress_ = starting_progress(options_.out, ImageStore::progress_name(SampleStore::name),
                                options_.resume, sample_settings(options_));
  const auto each = options_.out / "images";
  require(!options_.each_png || options_.resume || !std::filesystem::is_directory(each) ||
              std::filesystem::is_empty(each),
          "--png: ", each.string(), " holds files already; choose another --out");
  for (const char* name : SampleStore::finished_names)
    require(options_.resume || options_.overwrite || !std::filesystem::exists(options_.out / name),
            "--out: ", options_.out.string(), " holds finished samples, ", name,
            "; choose another folder, or replace them with --overwrite");
  SampleStore::require_writable(options_.out);
  require(
      !options_.each_png || !std::filesystem::exists(each) || std::filesystem::is_directory(each),
      "--png: ", each.string(), " is not a folder; remove it, or choose another --out");
}

void SampleRun::operator()(const BatchSampler& sampler, double t_max) {
  const SampleLayout layout{options_.samples, network_.num_channels, network_.height(),
                            network_.width(), network_.num_class_embeds > 0};
  if (writes()) {
    const auto there = static_cast<double>(progress_.samples * layout.image_bytes());
    require_disk_space(options_.out, 2 * static_cast<double>(layout.all_bytes()) - there,
                       "fewer --samples need less");
  }
  catch_stop_signals(options_.ranks->several());
  report_setup(sampler.parameters, sampler.device);
  std::optional<SampleStore> store;
  if (writes()) store.emplace(options_.out, layout, metadata(), progress_);
  const double start = seconds_now();
  sample_all(store ? &*store : nullptr, sampler, t_max);
  if (!store) return;
  evaluations_ = store->evaluations();
  if (store->samples() < options_.samples) return report_stop(*store);
  report_end(seconds_now() - start);
  store->finish(nfe_text(), options_.columns,
                [&](std::size_t k) { return class_of_(options_.first_sample + k); });
  std::cout << "samples     " << (options_.out / "samples.png").string() << std::endl;
}

void SampleRun::sample_all(SampleStore* store, const BatchSampler& sampler, double t_max) {
  SamplingProgress progress(options_.samples, t_max, options_.sampler.eps);
  double start = static_cast<double>(progress_.samples);
  options_.ranks->broadcast(std::span<double>(&start, 1));
  const std::size_t dim = network_.num_channels * network_.height() * network_.width();
  const std::size_t round = options_.ranks->size() * sampler.batch;
  std::vector<float> own;
  for (auto done = static_cast<std::size_t>(start); done < options_.samples; done += round) {
    own.assign(sampler.batch * dim, 0);
    const bool complete = sample_own(done, sampler, progress, own);
    const Round all = agree(complete, sampler.evaluations());
    if (!all.complete) break;  // a resumed run repeats the batches
    std::span<float> images = options_.ranks->gather(own);
    if (store == nullptr) continue;
    images = images.first(std::min(round, options_.samples - done) * dim);
    if (network_.centered)
      for (float& value : images) value = (value + 1) / 2;
    if (options_.each_png) write_each(done, images);
    store->append(images, progress_.evaluations + all.evaluations);
  }
  progress.end_line();
}

bool SampleRun::sample_own(std::size_t done, const BatchSampler& sampler,
                           SamplingProgress& progress, std::vector<float>& images) {
  if (stop_requested()) return false;
  const std::size_t first = done + options_.ranks->rank() * sampler.batch;
  if (first >= options_.samples) return true;
  const std::size_t count = std::min(sampler.batch, options_.samples - first);
  progress.begin_batch(first, count);
  const scoresde::Noise noise{
      .seed = options_.seed,
      .first_sample = options_.first_sample + static_cast<std::uint32_t>(first)};
  const scoresde::HostState<float> x =
      sampler.sample({count, noise, classes_from(first, count), progress});
  std::copy(x.data(), x.data() + x.size(), images.begin());
  return !progress.stopped();
}

SampleRun::Round SampleRun::agree(bool complete, std::size_t evaluations) const {
  std::vector<double> values(2 + options_.ranks->size());
  values[0] = complete ? 0 : 1;
  values[1] = static_cast<double>(evaluations);
  values[2 + options_.ranks->rank()] = stop_signal();
  options_.ranks->all_reduce(std::span<double>(values));
  const auto signal =
      std::find_if(values.begin() + 2, values.end(), [](double number) { return number != 0; });
  if (signal != values.end()) request_stop(static_cast<int>(*signal));
  return {values[0] == 0, static_cast<std::size_t>(values[1])};
}

/// Classes of samples first, first + 1, …; empty for an unconditional network.
std::span<const std::uint32_t> SampleRun::classes_from(std::size_t first, std::size_t count) {
  classes_.clear();
  for (std::size_t k = first; network_.num_class_embeds > 0 && k < first + count; ++k)
    classes_.push_back(class_of_(options_.first_sample + k));
  return classes_;
}

/// images/0000064.png is sample 64 of the seed.
void SampleRun::write_each(std::size_t first, std::span<const float> images) const {
  const auto folder = options_.out / "images";
  std::filesystem::create_directories(folder);
  const std::size_t dim = network_.num_channels * network_.height() * network_.width();
  const scoresde::io::ImageGrid one{.channels = network_.num_channels,
                                    .height = network_.height(),
                                    .width = network_.width(),
                                    .columns = 1,
                                    .padding = 0,
                                    .centered = false};
  for (std::size_t k = 0; k * dim < images.size(); ++k) {
    char name[32];
    std::snprintf(name, sizeof name, "%07zu.png", options_.first_sample + first + k);
    scoresde::io::write_image_grid(folder / name, one, images.subspan(k * dim, dim));
  }
}

Metadata SampleRun::metadata() const {
  return {{"seed", std::to_string(options_.seed)},
          {"first_sample", std::to_string(options_.first_sample)},
          {"sampler", sampler_text()},
          {"class", options_.classes.name},
          {"guidance", scoresde::text(options_.classes.guidance)},
          {"preset", preset_name()}};
}

void SampleRun::report_setup(std::size_t parameters, const std::string& device) const {
  const std::string classes = describe(options_.classes, network_.num_class_embeds);
  for (const std::string& note : options_.notes) std::cout << "name        " << note << '\n';
  std::cout << "checkpoint  " << options_.checkpoint.string() << '\n'
            << "preset      " << preset_name() << " (" << parameters << " parameters, "
            << configuration_.at("sde.name") << " SDE)\n"
            << (options_.sde_note.empty() ? "" : "sde         " + options_.sde_note + '\n')
            << "sampler     " << sampler_text() << '\n'
            << (classes.empty() ? "" : "classes     " + classes + '\n') << "seed        "
            << options_.seed << ", samples " << options_.first_sample << " to "
            << options_.first_sample + options_.samples - 1 << '\n'
            << "device      " << device << std::endl;
  if (const std::size_t ranks = options_.ranks->size(); ranks > 1)
    std::cout << "ranks       " << ranks << ", each with batches of its own" << std::endl;
  if (progress_.samples > 0)
    std::cout << "resumed     " << progress_.samples << " samples are finished already"
              << std::endl;
}

void SampleRun::report_end(double seconds) const {
  const auto sampled = static_cast<double>(options_.samples - progress_.samples);
  std::printf("nfe         %s network evaluations per sample\n", nfe_text().c_str());
  std::printf("time        %.1f s, %.2f s per sample\n", seconds, seconds / std::max(1.0, sampled));
  std::fflush(stdout);
}

/// Keeps the finished samples for --resume.
void SampleRun::report_stop(SampleStore& store) const {
  store.keep();
  if (store.samples() > 0) store.write_partial_grid({.columns = options_.columns});
  std::cout << "stopped by a signal, " << stop_signal_name() << ", after " << store.samples()
            << " of " << options_.samples << " samples"
            << (store.samples() > 0 ? "; continue with the same options and --resume\n" : "\n");
}

/// Evaluations of the network per sample; batches of adaptive solvers differ.
std::string SampleRun::nfe_text() const {
  const bool whole = evaluations_ % options_.samples == 0;
  char text[32];
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.1f",
                static_cast<double>(evaluations_) / static_cast<double>(options_.samples));
  return text;
}

std::string SampleRun::sampler_text() const {
  std::string words = describe(options_.sampler);
  if (options_.clip_denoised) words += ", denoised clipped";
  if (options_.dynamic_threshold)
    words += ", dynamic threshold " + scoresde::text(*options_.dynamic_threshold);
  return words;
}

std::string SampleRun::preset_name() const {
  const auto found = configuration_.find("program.preset");
  return found == configuration_.end() ? "none" : found->second;
}

}  // namespace programs
