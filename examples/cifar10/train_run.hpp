// SPDX-License-Identifier: MIT
/// One run of cifar10_train: data, trainer, log, checkpoints and snapshots.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/cifar10.hpp>
#include <scoresde/io/minibatch.hpp>
#include <scoresde/nn/presets.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/train/checkpoint.hpp>
#include <scoresde/train/trainer.hpp>

#include "configuration.hpp"
#include "program.hpp"
#include "progress_bar.hpp"
#include "snapshot.hpp"
#include "train_log.hpp"
#include "train_options.hpp"

namespace cifar10 {

template <class S, class Loss>
class TrainRun {
  using Ops = scoresde::eigen::Ops<float>;

 public:
  TrainRun(const TrainOptions& options, const Preset& preset, S sde, const Loss& loss)
      : options_(options),
        preset_(preset),
        graph_(scoresde::nn::unet(preset.network)),
        images_(scoresde::io::read_cifar10(options.data, scoresde::io::Split::train)),
        stream_(images_,
                {.centered = preset.network.centered,
                 .random_flip = preset.random_flip,
                 .uniform_dequantization = preset.uniform_dequantization},
                options.seed),
        batch_(preset.batch_size * images_.dim()),
        labels_(preset.network.num_class_embeds > 0 ? preset.batch_size : 0),
        trainer_(graph_, std::move(sde), training_configuration(preset, loss, options.seed),
                 options.network_batch > 0 ? options.network_batch : preset.batch_size,
                 Ops(options.threads)) {}

  /// Trains until the iterations or minutes are used up or a signal comes, and saves.
  void operator()() {
    const auto checkpoint = options_.out / "checkpoint.safetensors";
    if (options_.resume) load(checkpoint);
    log_.emplace(options_.out / "train_log.csv", trainer_.step_count());
    seconds_before_ = log_->seconds();
    start_ = seconds_now();
    first_step_ = trainer_.step_count();
    report_setup();
    catch_stop_signals();
    ProgressBar bar("train");
    while (trainer_.step_count() < preset_.n_iters && !stop_requested() && !out_of_time()) {
      step();
      bar.show(fraction(), progress_text());
      const std::uint64_t n = trainer_.step_count();
      if (n % options_.checkpoint_every == 0) save(checkpoint);
      if (n % options_.log_every == 0) write_log_row();
      if (options_.snapshot_every > 0 && n % options_.snapshot_every == 0) snapshot();
    }
    save(checkpoint);
    bar.end_line();
    report_end(checkpoint);
  }

 private:
  void step() {
    const std::uint64_t first = trainer_.step_count() * preset_.batch_size;
    stream_.fill_batch<float>(first, batch_);
    stream_.fill_labels(first, labels_);
    const scoresde::StepReport report = trainer_.step(std::span<const float>(batch_), labels_);
    sum_.loss += report.loss;
    sum_.gradient_norm += report.gradient_norm;
    sum_.learning_rate = report.learning_rate;
    ++steps_in_sum_;
  }

  void write_log_row() {
    if (steps_in_sum_ == 0) return;
    const double count = static_cast<double>(steps_in_sum_);
    last_loss_ = sum_.loss / count;
    log_->write({.step = trainer_.step_count(),
                 .images = trainer_.step_count() * preset_.batch_size,
                 .seconds = seconds_before_ + seconds_now() - start_,
                 .loss = last_loss_,
                 .learning_rate = sum_.learning_rate,
                 .gradient_norm = sum_.gradient_norm / count});
    sum_ = {};
    steps_in_sum_ = 0;
  }

  /// The row comes first: what the checkpoint has seen is then in the log, and no mean spans it.
  void save(const std::filesystem::path& path) {
    write_log_row();
    scoresde::save_checkpoint(path, trainer_.parameters(), trainer_.state(), configuration());
  }

  void load(const std::filesystem::path& path) {
    trainer_.restore(
        scoresde::load_checkpoint<float>(path, trainer_.parameters(), configuration()));
  }

  [[nodiscard]] scoresde::nn::FlatConfig configuration() const {
    return checkpoint_configuration(preset_, trainer_.sde(), trainer_.configuration());
  }

  void snapshot() {
    if (!snapshot_)
      snapshot_.emplace(graph_, trainer_.sde(), trainer_.convention(), options_.snapshot_steps,
                        preset_.network.centered, Ops(options_.threads));
    char name[48];
    std::snprintf(name, sizeof name, "snapshot_%07llu.png",
                  static_cast<unsigned long long>(trainer_.step_count()));
    snapshot_->write(options_.out / name, trainer_.state().average, options_.seed);
  }

  [[nodiscard]] double minutes() const { return (seconds_now() - start_) / 60; }
  [[nodiscard]] bool out_of_time() const {
    return options_.minutes > 0 && minutes() >= options_.minutes;
  }
  [[nodiscard]] double fraction() const {
    const double by_steps = static_cast<double>(trainer_.step_count() - first_step_) /
                            static_cast<double>(preset_.n_iters - first_step_);
    return options_.minutes > 0 ? std::min(1.0, std::max(by_steps, minutes() / options_.minutes))
                                : by_steps;
  }

  [[nodiscard]] std::string progress_text() const {
    const double images =
        static_cast<double>((trainer_.step_count() - first_step_) * preset_.batch_size);
    const double loss =
        steps_in_sum_ > 0 ? sum_.loss / static_cast<double>(steps_in_sum_) : last_loss_;
    char text[96];
    std::snprintf(text, sizeof text, "step %llu  %.1f images/s  loss %.4f",
                  static_cast<unsigned long long>(trainer_.step_count()), images / (60 * minutes()),
                  loss);
    return text;
  }

  [[nodiscard]] std::string loss_text() const {
    if (preset_.sde == "karras") return "Karras's loss";
    return preset_.continuous ? "continuous time"
                              : std::to_string(preset_.num_scales) + " discrete levels";
  }

  [[nodiscard]] std::string classes_text() const {
    if (labels_.empty()) return "";
    return scoresde::detail::text("classes     ", preset_.network.num_class_embeds,
                                  ", kept from the network at a rate of ", preset_.label_dropout,
                                  '\n');
  }

  void report_setup() const {
    std::cout << "preset      " << preset_.name << " (" << trainer_.parameters().size()
              << " parameters, " << preset_.sde << " SDE, " << loss_text() << ")\n"
              << "data        " << options_.data.string() << ", " << images_.size() << " pictures\n"
              << classes_text() << "batch       " << preset_.batch_size << ", differentiated "
              << trainer_.network().batch() << " at a time in "
              << trainer_.network().workspace_bytes() / (1 << 20) << " MiB of workspace\n"
              << "seed        " << options_.seed << '\n'
              << "device      CPU, " << trainer_.network().ops().threads() << " threads, float32\n"
              << "steps       " << first_step_ << " done, " << preset_.n_iters << " in all"
              << (options_.minutes > 0 ? ", or as many as the minutes given allow\n" : "\n")
              << "out         " << options_.out.string() << std::endl;
  }

  void report_end(const std::filesystem::path& checkpoint) const {
    std::cout << (stop_requested() ? "stopped by a signal" : "done") << " after "
              << trainer_.step_count() << " steps; " << checkpoint.string() << " is saved\n";
    if (trainer_.step_count() < preset_.n_iters)
      std::cout << "continue with the same options and --resume\n";
  }

  TrainOptions options_;
  Preset preset_;
  scoresde::nn::Graph graph_;
  scoresde::io::ImageSet images_;
  scoresde::io::ImageStream stream_;
  std::vector<float> batch_;
  std::vector<std::uint32_t> labels_;  ///< of the batch, where the network is told them
  scoresde::Trainer<Ops, S, Loss> trainer_;
  std::optional<TrainLog> log_;
  std::optional<Snapshot<Ops, S, typename Loss::template Convention<S>>> snapshot_;
  scoresde::StepReport sum_{};
  std::uint64_t steps_in_sum_ = 0, first_step_ = 0;
  double last_loss_ = 0, seconds_before_ = 0, start_ = 0;
};

}  // namespace cifar10
