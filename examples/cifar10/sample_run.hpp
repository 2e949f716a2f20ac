// SPDX-License-Identifier: MIT
/// One run of cifar10_sample on any backend: samples, and the files that keep them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/image_grid.hpp>
#include <scoresde/nn/networks/unet_config.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/observer/observer.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/state/host_state.hpp>

#include "class_choice.hpp"
#include "progress_bar.hpp"
#include "resource_check.hpp"
#include "sample_options.hpp"
#include "sample_settings.hpp"
#include "sample_store.hpp"
#include "stop_signals.hpp"

namespace cifar10 {

/// An observer: shows how far all samples are, by steps, or where their number is not known by the
/// time that the batch has come down to.
class SamplingProgress {
 public:
  SamplingProgress(std::size_t samples, double t_max, double t_min)
      : samples_(static_cast<double>(samples)), t_max_(t_max), t_min_(t_min) {}

  void begin_batch(std::size_t first, std::size_t count) {
    first_ = static_cast<double>(first);
    count_ = static_cast<double>(count);
  }
  /// Ends the batch where a signal has requested a stop.
  template <class X>
  scoresde::StepAction on_step(const scoresde::ObservedStep& step, const X&) {
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
  /// A batch without steps that can be watched.
  void on_batch(std::size_t nfe) {
    char text[96];
    std::snprintf(text, sizeof text, "samples %.0f to %.0f of %.0f  nfe %zu", first_ + 1,
                  first_ + count_, samples_, nfe);
    bar_.show((first_ + count_) / samples_, text);
  }
  /// Whether the batch was ended before its time.
  [[nodiscard]] bool stopped() const { return stopped_; }
  void end_line() { bar_.end_line(); }

 private:
  ProgressBar bar_{"sample", 10};
  bool stopped_ = false;
  double samples_, t_max_, t_min_, first_ = 0, count_ = 0;
};

/// `Sampling` is HostSampling or DeviceSampling: batch(), evaluations(), parameters(),
/// device_text(). `draw(count, noise, classes, progress)` returns up to batch() samples.
class SampleRun {
 public:
  /// Throws Error for what does not fit together: thresholds and data, an unfinished run in the
  /// folder and no --resume, --resume and no unfinished run or one of other settings.
  SampleRun(const SampleOptions& options, const scoresde::Metadata& configuration)
      : options_(options),
        configuration_(configuration),
        network_(scoresde::network_of(configuration)),
        class_of_(options.classes, network_.num_class_embeds, options.columns) {
    using scoresde::require;
    require(network_.centered || !options.dynamic_threshold,
            "--dynamic-threshold is for networks of data in [-1, 1]; this one was trained on "
            "[0, 1]");
    const auto kept = options_.out / progress_name;
    const bool unfinished = std::filesystem::exists(kept);
    require(unfinished || !options_.resume, "--resume: ", options_.out.string(),
            " holds no unfinished run to continue");
    require(!unfinished || options_.resume, "--out: ", options_.out.string(),
            " holds an unfinished run; continue it with --resume, remove ", progress_name,
            " in it, or choose another folder");
    const auto each = options_.out / "images";
    require(!options_.each_png || options_.resume || !std::filesystem::exists(each) ||
                std::filesystem::is_empty(each),
            "--png: ", each.string(), " holds files already; choose another --out");
    progress_.settings = sample_settings(options_);
    if (!unfinished) return;
    const SampleProgress found = read_progress(kept);
    require_same_settings(found, progress_.settings);
    progress_ = found;
  }

  template <class Sampling, class Draw>
  void operator()(const Sampling& sampling, double t_max, Draw&& draw) {
    const SampleLayout layout{options_.samples, network_.num_channels, network_.height(),
                              network_.width(), network_.num_class_embeds > 0};
    const auto there = static_cast<double>(progress_.samples * layout.image_bytes());
    require_disk_space(options_.out, 2 * static_cast<double>(layout.all_bytes()) - there,
                       "fewer --samples need less");
    report_setup(sampling.parameters(), sampling.device_text());
    SampleStore store(options_.out, layout, metadata(), progress_);
    catch_stop_signals();
    const double start = seconds_now();
    draw_all(store, sampling, t_max, draw);
    evaluations_ = store.evaluations();
    if (store.samples() < options_.samples) return report_stop(store);
    report_end(seconds_now() - start);
    store.finish(nfe_text(), options_.columns,
                 [&](std::size_t k) { return class_of_(options_.first_sample + k); });
    std::cout << "samples     " << (options_.out / "samples.png").string() << std::endl;
  }

 private:
  template <class Sampling, class Draw>
  void draw_all(SampleStore& store, const Sampling& sampling, double t_max, Draw& draw) {
    SamplingProgress progress(options_.samples, t_max, options_.sampler.eps);
    const std::size_t before = store.evaluations();
    while (store.samples() < options_.samples && !stop_requested()) {
      const std::size_t first = store.samples();
      const std::size_t count = std::min(sampling.batch(), options_.samples - first);
      progress.begin_batch(first, count);
      const scoresde::Noise noise{
          .seed = options_.seed,
          .first_sample = options_.first_sample + static_cast<std::uint32_t>(first)};
      scoresde::HostState<float> x = draw(count, noise, classes_from(first, count), progress);
      if (progress.stopped()) break;  // half-way: a resumed run begins the batch again
      const std::span<float> images(x.data(), x.size());
      if (network_.centered)
        for (float& value : images) value = (value + 1) / 2;
      if (options_.each_png) write_each(first, images);
      store.append(images, before + sampling.evaluations());
    }
    progress.end_line();
  }

  /// Classes of samples first, first + 1, …; none for an unconditional network.
  std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count) {
    classes_.clear();
    for (std::size_t k = first; network_.num_class_embeds > 0 && k < first + count; ++k)
      classes_.push_back(class_of_(options_.first_sample + k));
    return classes_;
  }

  /// images/0000064.png is sample 64 of the seed.
  void write_each(std::size_t first, std::span<const float> images) const {
    const auto folder = options_.out / "images";
    std::filesystem::create_directories(folder);
    const std::size_t dim = network_.num_channels * network_.height() * network_.width();
    const scoresde::io::ImageGrid one{.height = network_.height(),
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

  [[nodiscard]] Metadata metadata() const {
    return {{"seed", std::to_string(options_.seed)},
            {"first_sample", std::to_string(options_.first_sample)},
            {"sampler", sampler_text()},
            {"class", options_.classes.name},
            {"guidance", scoresde::text(options_.classes.guidance)},
            {"preset", preset_name()}};
  }

  void report_setup(std::size_t parameters, const std::string& device) const {
    const std::string classes = describe(options_.classes, network_.num_class_embeds);
    for (const std::string& note : options_.notes) std::cout << "name        " << note << '\n';
    std::cout << "checkpoint  " << options_.checkpoint.string() << '\n'
              << "preset      " << preset_name() << " (" << parameters << " parameters, "
              << configuration_.at("sde.name") << " SDE)\n"
              << "sampler     " << sampler_text() << '\n'
              << (classes.empty() ? "" : "classes     " + classes + '\n') << "seed        "
              << options_.seed << ", samples " << options_.first_sample << " to "
              << options_.first_sample + options_.samples - 1 << '\n'
              << "device      " << device << std::endl;
    if (progress_.samples > 0)
      std::cout << "resumed     " << progress_.samples << " samples are there already" << std::endl;
  }

  void report_end(double seconds) const {
    const auto sampled = static_cast<double>(options_.samples - progress_.samples);
    std::printf("nfe         %s network evaluations per sample\n", nfe_text().c_str());
    std::printf("time        %.1f s, %.2f s per sample\n", seconds,
                seconds / std::max(1.0, sampled));
    std::fflush(stdout);
  }

  /// What is there stays for --resume.
  void report_stop(SampleStore& store) const {
    store.keep();
    if (store.samples() > 0) store.write_partial_grid(options_.columns);
    std::cout << "stopped by a signal, " << stop_signal_name() << ", after " << store.samples()
              << " of " << options_.samples << " samples"
              << (store.samples() > 0 ? "; continue with the same options and --resume\n" : "\n");
  }

  /// Evaluations of the network for each sample; batches of adaptive solvers differ.
  [[nodiscard]] std::string nfe_text() const {
    const bool whole = evaluations_ % options_.samples == 0;
    char text[32];
    std::snprintf(text, sizeof text, whole ? "%.0f" : "%.1f",
                  static_cast<double>(evaluations_) / static_cast<double>(options_.samples));
    return text;
  }

  [[nodiscard]] std::string sampler_text() const {
    std::string words = describe(options_.sampler);
    if (options_.clip_denoised) words += ", denoised clipped";
    if (options_.dynamic_threshold)
      words += ", dynamic threshold " + scoresde::text(*options_.dynamic_threshold);
    return words;
  }

  [[nodiscard]] std::string preset_name() const {
    const auto found = configuration_.find("program.preset");
    return found == configuration_.end() ? "none" : found->second;
  }

  SampleOptions options_;
  scoresde::Metadata configuration_;
  scoresde::nn::UNetConfig network_;
  SampleClasses class_of_;
  SampleProgress progress_;             ///< where the run begins
  std::vector<std::uint32_t> classes_;  ///< of the batch, where the network is conditional
  std::size_t evaluations_ = 0;
};

}  // namespace cifar10
