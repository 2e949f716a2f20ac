// SPDX-License-Identifier: MIT
/// One run of cifar10_sample on any backend: pictures, and the files that keep them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/unet_config.hpp>
#include <scoresde/noise/noise.hpp>
#include <scoresde/sampler/observer.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/configuration.hpp>
#if __has_include(<scoresde/xtensor/npy.hpp>)
#include <scoresde/xtensor/npy.hpp>
#define CIFAR10_WRITES_NPY 1
#else
#define CIFAR10_WRITES_NPY 0
#endif

#include "class_choice.hpp"
#include "progress_bar.hpp"
#include "sample_options.hpp"

namespace cifar10 {

/// An observer: shows how far all pictures are, by steps, or where their number is not known by the
/// time that the batch has come down to.
class SamplingProgress {
 public:
  SamplingProgress(std::size_t pictures, double t_max, double t_min)
      : pictures_(static_cast<double>(pictures)), t_max_(t_max), t_min_(t_min) {}

  void begin_batch(std::size_t first, std::size_t count) {
    first_ = static_cast<double>(first);
    count_ = static_cast<double>(count);
  }
  template <class X>
  void on_step(const scoresde::ObservedStep& step, const X&) {
    const double part = step.steps > 0
                            ? static_cast<double>(step.index + 1) / static_cast<double>(step.steps)
                            : std::clamp((t_max_ - step.time.t_next) / (t_max_ - t_min_), 0.0, 1.0);
    const double done = (first_ + count_ * part) / pictures_;
    char text[96];
    std::snprintf(text, sizeof text, "pictures %.0f to %.0f of %.0f  t %.3f  nfe %zu", first_ + 1,
                  first_ + count_, pictures_, step.time.t_next, step.nfe);
    bar_.show(done, text);
  }
  /// A batch without steps that can be watched.
  void on_batch(std::size_t nfe) {
    char text[96];
    std::snprintf(text, sizeof text, "pictures %.0f to %.0f of %.0f  nfe %zu", first_ + 1,
                  first_ + count_, pictures_, nfe);
    bar_.show((first_ + count_) / pictures_, text);
  }
  void end_line() { bar_.end_line(); }

 private:
  ProgressBar bar_{"sample"};
  double pictures_, t_max_, t_min_, first_ = 0, count_ = 0;
};

/// `Sampling` is HostSampling or DeviceSampling: batch(), evaluations(), parameters(),
/// device_text(). `draw(count, noise, classes, progress)` returns up to batch() pictures.
class SampleRun {
 public:
  SampleRun(const SampleOptions& options, const scoresde::nn::FlatConfig& configuration)
      : options_(options),
        configuration_(configuration),
        network_(scoresde::network_of(configuration)),
        class_of_(options.classes, network_.num_class_embeds, options.columns) {
    scoresde::detail::require(network_.centered || !options.dynamic_threshold,
                              "--dynamic-threshold is for networks of data in [-1, 1]; this one "
                              "was trained on [0, 1]");
  }

  template <class Sampling, class Draw>
  void operator()(const Sampling& sampling, double t_max, Draw&& draw) {
    report_setup(sampling.parameters(), sampling.device_text());
    const double start = seconds_now();
    draw_all(sampling.batch(), t_max, draw);
    evaluations_ = sampling.evaluations();
    report_end(seconds_now() - start);
    write();
  }

 private:
  template <class Draw>
  void draw_all(std::size_t batch, double t_max, Draw& draw) {
    SamplingProgress progress(options_.samples, t_max, options_.sampler.eps);
    for (std::size_t first = 0; first < options_.samples; first += batch) {
      const std::size_t count = std::min(batch, options_.samples - first);
      progress.begin_batch(first, count);
      const scoresde::Noise noise{
          .seed = options_.seed,
          .first_sample = options_.first_sample + static_cast<std::uint32_t>(first)};
      const scoresde::HostState<float> x = draw(count, noise, classes_from(first, count), progress);
      pictures_.insert(pictures_.end(), x.data(), x.data() + x.size());
    }
    progress.end_line();
    if (network_.centered)
      for (float& value : pictures_) value = (value + 1) / 2;
  }

  /// What the network is told of pictures first, first + 1, …: nothing where it is told none.
  std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count) {
    if (network_.num_class_embeds == 0) return {};
    for (std::size_t k = first; k < first + count; ++k)
      classes_.push_back(class_of_(options_.first_sample + k));
    return std::span<const std::uint32_t>(classes_).subspan(first, count);
  }

  /// Pictures are in [0, 1] here, and not clipped but in the PNG.
  void write() const {
    const std::span<const float> values(pictures_);
    const std::vector<std::size_t> extents{options_.samples, network_.num_channels,
                                           network_.height(), network_.width()};
    scoresde::io::TensorFile file;
    file.set("samples", extents, values);
    if (!classes_.empty())
      file.set("classes", {options_.samples}, std::span<const std::uint32_t>(classes_));
    file.metadata = {{"seed", std::to_string(options_.seed)},
                     {"first_sample", std::to_string(options_.first_sample)},
                     {"sampler", sampler_text()},
                     {"class", options_.classes.name},
                     {"guidance", scoresde::detail::text(options_.classes.guidance)},
                     {"nfe", nfe_text()},
                     {"preset", preset_name()}};
    scoresde::io::write_safetensors(options_.out / "samples.safetensors", file);
#if CIFAR10_WRITES_NPY
    scoresde::xtensor_backend::write_npy(options_.out / "samples.npy", values,
                                         std::span<const std::size_t>(extents));
#endif
    const scoresde::io::ImageGrid grid{.height = network_.height(),
                                       .width = network_.width(),
                                       .columns = options_.columns,
                                       .centered = false};
    scoresde::io::write_image_grid(options_.out / "samples.png", grid, values);
    std::cout << "pictures    " << (options_.out / "samples.png").string() << std::endl;
  }

  void report_setup(std::size_t parameters, const std::string& device) const {
    const std::string classes = describe(options_.classes, network_.num_class_embeds);
    std::cout << "checkpoint  " << options_.checkpoint.string() << '\n'
              << "preset      " << preset_name() << " (" << parameters << " parameters, "
              << configuration_.at("sde.name") << " SDE)\n"
              << "sampler     " << sampler_text() << '\n'
              << (classes.empty() ? "" : "classes     " + classes + '\n') << "seed        "
              << options_.seed << ", pictures " << options_.first_sample << " to "
              << options_.first_sample + options_.samples - 1 << '\n'
              << "device      " << device << std::endl;
  }

  void report_end(double seconds) const {
    std::printf("nfe         %s network evaluations per picture\n", nfe_text().c_str());
    std::printf("time        %.1f s, %.2f s per picture\n", seconds,
                seconds / static_cast<double>(options_.samples));
    std::fflush(stdout);
  }

  /// Evaluations of the network for each picture; batches of adaptive solvers differ.
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
      words += ", dynamic threshold " + scoresde::detail::text(*options_.dynamic_threshold);
    return words;
  }

  [[nodiscard]] std::string preset_name() const {
    const auto found = configuration_.find("program.preset");
    return found == configuration_.end() ? "none" : found->second;
  }

  SampleOptions options_;
  scoresde::nn::FlatConfig configuration_;
  scoresde::nn::UNetConfig network_;
  PictureClasses class_of_;
  std::vector<std::uint32_t> classes_;  ///< of the pictures, where the network is told them
  std::vector<float> pictures_;
  std::size_t evaluations_ = 0;
};

}  // namespace cifar10
