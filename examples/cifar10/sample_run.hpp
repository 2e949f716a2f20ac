// SPDX-License-Identifier: MIT
/// One run of cifar10_sample: weights, sampler, pictures and the files that keep them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/nn/network.hpp>
#include <scoresde/nn/score_network.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/checkpoint.hpp>
#if __has_include(<scoresde/xtensor/npy.hpp>)
#include <scoresde/xtensor/npy.hpp>
#define CIFAR10_WRITES_NPY 1
#else
#define CIFAR10_WRITES_NPY 0
#endif

#include "chosen_model.hpp"
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
  void end_line() { bar_.end_line(); }

 private:
  ProgressBar bar_{"sample"};
  double pictures_, t_max_, t_min_, first_ = 0, count_ = 0;
};

template <class S, class Convention>
class SampleRun {
  using Ops = scoresde::eigen::Ops<float>;

 public:
  SampleRun(const SampleOptions& options, const scoresde::nn::FlatConfig& configuration, S sde,
            Convention convention)
      : options_(options),
        configuration_(configuration),
        network_config_(scoresde::network_of(configuration)),
        sde_(std::move(sde)),
        convention_(convention),
        batch_(std::min(options.batch, options.samples)),
        network_(scoresde::nn::unet(network_config_), batch_ * options.classes.evaluations(),
                 scoresde::nn::Mode::inference, Ops(options.threads)),
        weights_(network_.parameters().size()),
        class_of_(options.classes, network_.classes(), options.columns) {
    scoresde::detail::require(network_config_.centered || !options.dynamic_threshold,
                              "--dynamic-threshold is for networks of data in [-1, 1]; this one "
                              "was trained on [0, 1]");
    scoresde::load_weights(options.checkpoint, network_.parameters(), std::span<float>(weights_));
    network_.freeze(weights_);
  }

  template <class Sampler>
  void operator()(const Sampler& sampler) {
    report_setup();
    const double start = seconds_now();
    using Score = scoresde::nn::ScoreNetwork<Ops, S, Convention>;
    ChosenModel<Score, S> model(Score(network_, weights_, sde_, convention_), sde_, options_,
                                network_config_.centered);
    draw(sampler, model);
    evaluations_ = model.evaluations();
    report_end(seconds_now() - start);
    write();
  }

 private:
  using State = scoresde::HostState<float>;

  template <class Sampler, class Model>
  void draw(const Sampler& sampler, Model& model) {
    const std::size_t dim = network_.input_shape().size();
    SamplingProgress progress(options_.samples, sde_.t_max(), options_.sampler.eps);
    pictures_.reserve(options_.samples * dim);
    for (std::size_t first = 0; first < options_.samples; first += batch_) {
      State x({std::min(batch_, options_.samples - first), dim});
      model.set_classes(classes_from(first, x.extents().samples));
      progress.begin_batch(first, x.extents().samples);
      const scoresde::Noise noise{
          .seed = options_.seed,
          .first_sample = options_.first_sample + static_cast<std::uint32_t>(first)};
      sampler.sample(model, x, noise, progress);
      pictures_.insert(pictures_.end(), x.data(), x.data() + x.size());
    }
    progress.end_line();
    if (network_config_.centered)
      for (float& value : pictures_) value = (value + 1) / 2;
  }

  /// What the network is told of pictures first, first + 1, …: nothing where it is told none.
  std::span<const std::uint32_t> classes_from(std::size_t first, std::size_t count) {
    if (network_.classes() == 0) return {};
    for (std::size_t k = first; k < first + count; ++k)
      classes_.push_back(class_of_(options_.first_sample + k));
    return std::span<const std::uint32_t>(classes_).subspan(first, count);
  }

  /// Pictures are in [0, 1] here, and not clipped but in the PNG.
  void write() const {
    const auto shape = network_.input_shape();
    const std::span<const float> values(pictures_);
    const std::vector<std::size_t> extents{options_.samples, shape.c, shape.h, shape.w};
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
    const scoresde::io::ImageGrid grid{
        .height = shape.h, .width = shape.w, .columns = options_.columns, .centered = false};
    scoresde::io::write_image_grid(options_.out / "samples.png", grid, values);
    std::cout << "pictures    " << (options_.out / "samples.png").string() << std::endl;
  }

  void report_setup() const {
    const std::string classes = describe(options_.classes, network_.classes());
    std::cout << "checkpoint  " << options_.checkpoint.string() << '\n'
              << "preset      " << preset_name() << " (" << weights_.size() << " parameters, "
              << configuration_.at("sde.name") << " SDE)\n"
              << "sampler     " << sampler_text() << '\n'
              << (classes.empty() ? "" : "classes     " + classes + '\n') << "seed        "
              << options_.seed << ", pictures " << options_.first_sample << " to "
              << options_.first_sample + options_.samples - 1 << '\n'
              << "device      CPU, " << network_.ops().threads() << " threads, float32, batches of "
              << batch_ << " in " << network_.workspace_bytes() / (1 << 20) << " MiB of workspace"
              << std::endl;
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
  scoresde::nn::UNetConfig network_config_;
  S sde_;
  Convention convention_;
  std::size_t batch_;  ///< pictures drawn at a time
  scoresde::nn::Network<Ops> network_;
  std::vector<float> weights_;
  PictureClasses class_of_;
  std::vector<std::uint32_t> classes_;  ///< of the pictures, where the network is told them
  std::vector<float> pictures_;
  std::size_t evaluations_ = 0;
};

}  // namespace cifar10
