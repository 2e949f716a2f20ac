// SPDX-License-Identifier: MIT
/// One run of cifar10_train on any backend: log, checkpoints, snapshots and the time it may take.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_names.hpp>

#include "configuration.hpp"
#include "held_out.hpp"
#include "kept_checkpoints.hpp"
#include "progress_bar.hpp"
#include "stop_signals.hpp"
#include "train_log.hpp"
#include "train_options.hpp"
#include "weight_snapshots.hpp"

namespace cifar10 {

/// The images that networks train on, and what a preset does to them.
[[nodiscard]] inline scoresde::data::ImageSet training_images(const TrainOptions& options) {
  return scoresde::data::read_cifar10(options.data, scoresde::data::Split::train);
}
[[nodiscard]] inline scoresde::data::ImageTransform image_transform(const Preset& preset) {
  return {.centered = preset.network.centered,
          .random_flip = preset.random_flip,
          .uniform_dequantization = preset.uniform_dequantization};
}
/// Images differentiated at a time.
[[nodiscard]] inline std::size_t network_batch(const TrainOptions& options, const Preset& preset) {
  return options.network_batch > 0 ? options.network_batch : preset.batch_size;
}

/// `Training` is HostTraining or DeviceTraining: trainer(); step(), of which reports() tells once
/// there are reports_kept or earlier; snapshot(path); device_text().
template <class Training>
class TrainRun {
 public:
  TrainRun(const TrainOptions& options, const Preset& preset, Training& training)
      : options_(options), preset_(preset), training_(training) {}

  /// Trains until the iterations or minutes are used up or a signal comes, and saves.
  void operator()() {
    if (options_.resume) load(checkpoint());
    if (options_.held_out) return print_held_out();
    log_.emplace(options_.out / "train_log.csv", steps());
    seconds_before_ = log_->seconds();
    start_ = saved_ = seconds_now();
    first_step_ = steps();
    report_setup();
    catch_stop_signals();
    try {
      train();
    } catch (const scoresde::Error& failure) {
      throw scoresde::Error(scoresde::text(failure.what(), last_good_text()));
    }
    report_end();
  }

 private:
  void train() {
    if (options_.weights_every > 0) {
      held_out_log_.emplace(options_.out / "held_out.csv", first_step_);
      // Reads the test images and allocates now, not at the first snapshot.
      if constexpr (requires { training_.held_out(); }) static_cast<void>(training_.held_out());
    }
    if (options_.decay_images > 0) save();  // a run that is killed keeps the decay
    if (weights_due()) store_weights();     // a stop may have come in between
    ProgressBar bar("train");
    while (steps() < preset_.n_iters && !stop_requested() && !out_of_time()) {
      step();
      bar.show(fraction(), progress_text());
      const std::uint64_t n = steps();
      if (n % options_.checkpoint_every == 0 || is_kept(n) || checkpoint_is_old() || weights_due())
        save();
      if (n % options_.log_every == 0) write_log_row();
      if (options_.snapshot_every > 0 && n % options_.snapshot_every == 0) snapshot();
      if (weights_due()) store_weights();
    }
    if (saved_step_ != steps()) save();
  }

  [[nodiscard]] std::filesystem::path checkpoint() const {
    return options_.out / "checkpoint.safetensors";
  }
  [[nodiscard]] bool is_kept(std::uint64_t step) const {
    return options_.keep_every > 0 && step > 0 && step % options_.keep_every == 0;
  }
  [[nodiscard]] std::uint64_t steps() const { return training_.trainer().step_count(); }

  void step() {
    training_.step();
    if (++unreported_ == Training::reports_kept) take_reports();
  }

  /// Adds what the steps say of themselves to the row; a device is waited for.
  void take_reports() {
    for (const scoresde::StepReport& report : training_.reports()) {
      sum_.loss += report.loss;
      sum_.gradient_norm += report.gradient_norm;
      sum_.learning_rate = report.learning_rate;
      ++steps_in_sum_;
    }
    unreported_ = 0;
  }

  void write_log_row() {
    take_reports();
    if (steps_in_sum_ == 0) return;
    const double count = static_cast<double>(steps_in_sum_);
    last_loss_ = sum_.loss / count;
    log_->write({.step = steps(),
                 .images = images_seen(),
                 .seconds = seconds_before_ + seconds_now() - start_,
                 .loss = last_loss_,
                 .learning_rate = sum_.learning_rate,
                 .gradient_norm = sum_.gradient_norm / count});
    sum_ = {};
    steps_in_sum_ = 0;
  }

  /// The row comes first: what the checkpoint has seen is then in the log, and no mean spans it.
  void save() {
    write_log_row();
    auto& trainer = training_.trainer();
    const scoresde::TrainingState<float> state = trainer.state();
    require_good(state);
    // The numbered one first: a run that is killed in between computes this step again.
    if (is_kept(state.step))
      scoresde::save_checkpoint(options_.out / numbered_checkpoint(state.step),
                                trainer.parameters(), state, configuration());
    scoresde::save_checkpoint(checkpoint(), trainer.parameters(), state, configuration());
    saved_step_ = state.step;
    saved_ = seconds_now();
    if (is_kept(state.step)) keep_newest(options_.out, options_.keep);
  }

  /// Takes one step from the state, which shows that its loss is finite, and puts the state back: a
  /// state that a step has ruined is never saved over a good one. Throws Error as the step does,
  /// and for a state that holds numbers which are not finite.
  void require_good(const scoresde::TrainingState<float>& state) {
    for (const auto* buffer :
         {&state.parameters, &state.average, &state.first_moment, &state.second_moment})
      scoresde::require(
          std::all_of(buffer->begin(), buffer->end(), [](float x) { return std::isfinite(x); }),
          "training: after step ", state.step,
          " weights, averages or moments are not all finite; a smaller --lr may help");
    training_.step();
    (void)training_.reports();
    training_.trainer().restore(state);
  }

  void load(const std::filesystem::path& path) {
    auto& trainer = training_.trainer();
    auto wanted = configuration();
    if (options_.decay_images > 0)  // begins with this call: the file does not know it
      std::erase_if(wanted, [](const auto& entry) {
        return entry.first == "training.decay_first" || entry.first == "training.decay_updates";
      });
    trainer.restore(scoresde::load_checkpoint<float>(path, trainer.parameters(), wanted));
    saved_step_ = steps();
  }

  /// Where a run that has failed left off.
  [[nodiscard]] std::string last_good_text() const {
    if (!saved_step_) return "; no checkpoint had been saved";
    return scoresde::text("; ", checkpoint().string(), " holds the last good state, of step ",
                          *saved_step_);
  }

  [[nodiscard]] std::uint64_t images_seen() const { return steps() * preset_.batch_size; }
  [[nodiscard]] bool checkpoint_is_old() const {
    return options_.checkpoint_minutes > 0 &&
           seconds_now() - saved_ >= 60 * options_.checkpoint_minutes;
  }

  /// Whether the last step passed a multiple of weights_every.
  [[nodiscard]] bool weights_due() const {
    const std::uint64_t every = options_.weights_every;
    return every > 0 && steps() > 0 &&
           images_seen() / every != (images_seen() - preset_.batch_size) / every;
  }

  /// Snapshots of the weights and their held-out losses. The checkpoint of this step is saved
  /// before, so that a run stopped in between does the rest when it resumes.
  void store_weights() {
    auto& trainer = training_.trainer();
    const auto& state = trainer.state();
    const auto all = named_weights(state, trainer.configuration());
    write_weight_snapshots(options_.out, trainer.parameters(), all, configuration(), steps(),
                           images_seen());
    if (held_out_log_->holds(steps())) return;
    if (const auto rows = held_out_rows(all)) held_out_log_->write(steps(), *rows);
  }

  /// Nothing if a signal came meanwhile.
  [[nodiscard]] std::optional<std::string> held_out_rows(const std::vector<NamedWeights>& all) {
    std::string rows;
    if constexpr (requires { training_.held_out(); })
      for (const NamedWeights& one : all) {
        const auto levels = training_.held_out().evaluate(one.weights);
        if (!levels) return std::nullopt;
        for (const HeldOutLevel& level : *levels)
          rows += HeldOutLog::row(steps(), images_seen(), one.name, level);
      }
    return rows;
  }

  void print_held_out() {
    auto& trainer = training_.trainer();
    const auto& state = trainer.state();
    std::cout << HeldOutLog::header << '\n'
              << held_out_rows(named_weights(state, trainer.configuration())).value_or("")
              << std::flush;
  }

  [[nodiscard]] scoresde::Metadata configuration() const {
    const auto& trainer = training_.trainer();
    return checkpoint_configuration(preset_, trainer.sde(), trainer.configuration());
  }

  void snapshot() {
    char name[48];
    std::snprintf(name, sizeof name, "snapshot_%07llu.png",
                  static_cast<unsigned long long>(steps()));
    training_.snapshot(options_.out / name);
  }

  [[nodiscard]] double minutes() const { return (seconds_now() - start_) / 60; }
  [[nodiscard]] bool out_of_time() const {
    return options_.minutes > 0 && minutes() >= options_.minutes;
  }
  [[nodiscard]] double fraction() const {
    const double by_steps = static_cast<double>(steps() - first_step_) /
                            static_cast<double>(preset_.n_iters - first_step_);
    return options_.minutes > 0 ? std::min(1.0, std::max(by_steps, minutes() / options_.minutes))
                                : by_steps;
  }

  [[nodiscard]] std::string progress_text() const {
    const double images = static_cast<double>((steps() - first_step_) * preset_.batch_size);
    const double loss =
        steps_in_sum_ > 0 ? sum_.loss / static_cast<double>(steps_in_sum_) : last_loss_;
    char text[96];
    std::snprintf(text, sizeof text, "step %llu  %.1f images/s  loss %.4f",
                  static_cast<unsigned long long>(steps()), images / (60 * minutes()), loss);
    return text;
  }

  [[nodiscard]] std::string loss_text() const {
    if (preset_.sde == scoresde::SdeKind::edm) return "Karras's loss";
    return preset_.continuous ? "continuous time"
                              : std::to_string(preset_.num_scales) + " discrete levels";
  }

  [[nodiscard]] std::string classes_text() const {
    if (preset_.network.num_class_embeds == 0) return "";
    return scoresde::text("classes     ", preset_.network.num_class_embeds,
                          ", kept from the network at a rate of ", preset_.label_dropout, '\n');
  }

  void report_setup() const {
    const auto& trainer = training_.trainer();
    std::cout << "preset      " << preset_.name << " (" << trainer.parameters().size()
              << " parameters, " << scoresde::name_of(preset_.sde) << " SDE, " << loss_text()
              << ")\n"
              << "data        " << options_.data.string() << ", " << training_.samples()
              << " pictures\n"
              << classes_text() << "batch       " << preset_.batch_size << ", differentiated "
              << trainer.network().batch() << " at a time in "
              << trainer.network().workspace_bytes() / (1 << 20) << " MiB of workspace\n"
              << "seed        " << options_.seed << '\n'
              << "device      " << training_.device_text() << '\n'
              << "steps       " << first_step_ << " done, " << preset_.n_iters << " in all"
              << (options_.minutes > 0 ? ", or as many as the minutes given allow\n" : "\n")
              << "out         " << options_.out.string() << std::endl;
  }

  void report_end() const {
    std::cout << (stop_requested() ? "stopped by a signal, " + stop_signal_name() + "," : "done")
              << " after " << steps() << " steps; " << checkpoint().string() << " is saved\n";
    if (steps() < preset_.n_iters) std::cout << "continue with the same options and --resume\n";
  }

  TrainOptions options_;
  Preset preset_;
  Training& training_;
  std::optional<TrainLog> log_;
  std::optional<HeldOutLog> held_out_log_;
  scoresde::StepReport sum_{};
  std::size_t unreported_ = 0;
  std::uint64_t steps_in_sum_ = 0, first_step_ = 0;
  std::optional<std::uint64_t> saved_step_;  ///< of the checkpoint
  double last_loss_ = 0, seconds_before_ = 0, start_ = 0, saved_ = 0;
};

}  // namespace cifar10
