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
#include <scoresde/score/thresholding.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/checkpoint.hpp>
#if __has_include(<scoresde/xtensor/npy.hpp>)
#include <scoresde/xtensor/npy.hpp>
#define CIFAR10_WRITES_NPY 1
#else
#define CIFAR10_WRITES_NPY 0
#endif

#include "progress_bar.hpp"
#include "sample_options.hpp"

namespace cifar10 {

/// An observer: shows how far all pictures are, by the time that the batch has come down to.
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
    const double part = std::clamp((t_max_ - step.time.t_next) / (t_max_ - t_min_), 0.0, 1.0);
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

/// The network's score, its prediction of the picture kept in range where that was asked for: one
/// type, so that every sampler is compiled once.
template <class Network, class S>
class ChosenModel {
 public:
  ChosenModel(Network network, const S& sde, const SampleOptions& options, bool centered)
      : network_(std::move(network)),
        clipped_(network_, sde, scoresde::DataRange{centered ? -1.0 : 0.0, 1.0}),
        thresholded_(network_, sde, {.quantile = options.dynamic_threshold.value_or(1)}),
        clips_(options.clip_denoised),
        thresholds_(options.dynamic_threshold.has_value()) {}
  ChosenModel(const ChosenModel&) = delete;
  ChosenModel& operator=(const ChosenModel&) = delete;

  [[nodiscard]] scoresde::ScoreForm score_form(double t) const {
    return clips_ || thresholds_ ? clipped_.score_form(t) : network_.score_form(t);
  }
  /// At one time, or at a time per sample.
  template <class X, class Times>
  requires requires(Network& network, const X& x, const Times& t, X& output) {
    network.evaluate(x, t, output);
  }
  void evaluate(const X& x, const Times& t, X& output) {
    if (clips_)
      clipped_.evaluate(x, t, output);
    else if (thresholds_)
      thresholded_.evaluate(x, t, output);
    else
      network_.evaluate(x, t, output);
  }

 private:
  Network network_;
  scoresde::ClippedDenoiser<Network, S> clipped_;
  scoresde::DynamicallyThresholdedDenoiser<Network, S> thresholded_;
  bool clips_, thresholds_;
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
        network_(scoresde::nn::unet(network_config_), std::min(options.batch, options.samples),
                 scoresde::nn::Mode::inference, Ops(options.threads)),
        weights_(network_.parameters().size()) {
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
    for (std::size_t first = 0; first < options_.samples; first += network_.batch()) {
      State x({std::min(network_.batch(), options_.samples - first), dim});
      progress.begin_batch(first, x.extents().samples);
      const scoresde::Noise noise{
          .seed = options_.seed,
          .first_sample = options_.first_sample + static_cast<std::uint32_t>(first)};
      const scoresde::SamplerStatistics done = sampler.sample(model, x, noise, progress);
      evaluations_ += done.nfe * x.extents().samples;
      pictures_.insert(pictures_.end(), x.data(), x.data() + x.size());
    }
    progress.end_line();
    if (network_config_.centered)
      for (float& value : pictures_) value = (value + 1) / 2;
  }

  /// Pictures are in [0, 1] here, and not clipped but in the PNG.
  void write() const {
    const auto shape = network_.input_shape();
    const std::span<const float> values(pictures_);
    const std::vector<std::size_t> extents{options_.samples, shape.c, shape.h, shape.w};
    scoresde::io::TensorFile file;
    file.set("samples", extents, values);
    file.metadata = {{"seed", std::to_string(options_.seed)},
                     {"first_sample", std::to_string(options_.first_sample)},
                     {"sampler", sampler_text()},
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
    std::cout << "checkpoint  " << options_.checkpoint.string() << '\n'
              << "preset      " << preset_name() << " (" << weights_.size() << " parameters, "
              << configuration_.at("sde.name") << " SDE)\n"
              << "sampler     " << sampler_text() << '\n'
              << "seed        " << options_.seed << ", pictures " << options_.first_sample << " to "
              << options_.first_sample + options_.samples - 1 << '\n'
              << "device      CPU, " << network_.ops().threads() << " threads, float32, batches of "
              << network_.batch() << " in " << network_.workspace_bytes() / (1 << 20)
              << " MiB of workspace" << std::endl;
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
  scoresde::nn::Network<Ops> network_;
  std::vector<float> weights_;
  std::vector<float> pictures_;
  std::size_t evaluations_ = 0;
};

}  // namespace cifar10
