// SPDX-License-Identifier: MIT
#include "cli/train_run.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/initial_weights.hpp>
#include <scoresde/error.hpp>
#include <scoresde/registry/names.hpp>
#include <scoresde/registry/run_names.hpp>
#include <scoresde/sde/sde_kind.hpp>

#include "cli/forecast.hpp"
#include "cli/kept_checkpoints.hpp"
#include "cli/progress_bar.hpp"
#include "cli/rate_schedule.hpp"
#include "cli/resource_check.hpp"
#include "cli/stop_signals.hpp"

namespace programs {

void TrainRun::operator()() {
  if (options_.resume) load(checkpoint());
  if (!options_.init_weights.empty()) start_from_weights();
  require_same_start();
  if (options_.held_out) return writes() ? print_held_out() : void();
  if (writes()) {
    require_space_for_checkpoints(options_, files());
    log_.emplace(options_.log.empty() ? options_.out / log_name(LogFormat::csv) : options_.log,
                 steps());
    seconds_before_ = log_->seconds();
  }
  start_ = saved_ = seconds_now();
  first_step_ = steps();
  catch_stop_signals(options_.ranks->several());
  report_setup();
  if (options_.resume && writes())
    for (const auto& [old, name] : set_later_aside(options_.out, first_step_))
      std::cout << "renamed     " << old << " to " << name << ", since the run goes on at step "
                << first_step_ << std::endl;
  try {
    untimed(&TrainRun::report_time);
    train();
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(scoresde::text(failure.what(), last_good_text()));
  }
  report_end();
}

void TrainRun::train() {
  if (options_.weights_every > 0 && writes()) {
    held_out_log_.emplace(options_.out / "held_out.csv", first_step_);
    // Reads the test images and allocates now, not at the first snapshot.
    training_.prepare_held_out();
  }
  if (options_.decay_images > 0) untimed(&TrainRun::save);  // a killed run keeps the decay
  // A stop may have prevented these.
  if (snapshot_due() && !std::filesystem::exists(snapshot_path())) untimed(&TrainRun::snapshot);
  if (weights_due()) untimed(&TrainRun::store_weights);
  ProgressBar bar(options_.ablated.empty() ? "train" : options_.ablated);
  for (agree(); steps() < preset_.n_iters && !ends(); agree()) {
    step();
    if (!notices_.empty()) {
      bar.end_line();
      std::cout << std::exchange(notices_, {}) << std::flush;
    }
    bar.show(fraction(), progress_text());
    const std::uint64_t n = steps();
    if (n % options_.checkpoint_every == 0 || is_kept(n) || checkpoint_is_old() || weights_due())
      untimed(&TrainRun::save);
    if (n % options_.log_every == 0) write_log_row();
    if (snapshot_due()) untimed(&TrainRun::snapshot);
    if (weights_due()) untimed(&TrainRun::store_weights);
  }
  if (saved_step_ != steps()) save();
}

void TrainRun::require_same_start() {
  if (!options_.ranks->several()) return;
  const scoresde::TrainingState<float> state = training_.state();
  double sum = 0;
  for (std::size_t i = 0; i < state.parameters.size(); ++i)
    sum += static_cast<double>(1 + i % 97) * static_cast<double>(state.parameters[i]);
  const std::array<double, 3> own{static_cast<double>(state.step),
                                  static_cast<double>(training_.images()), sum};
  std::array<double, 3> first = own;
  options_.ranks->broadcast(std::span<double>(first));
  scoresde::require(own == first, "ranks: rank ", options_.ranks->rank(), " starts at step ",
                    own[0], " with ", own[1], " images and weights of checksum ", own[2],
                    "; it must start as rank 0, at step ", first[0], " with ", first[1], " and ",
                    first[2], ": --data and --out must be the same files for all");
}

void TrainRun::agree() {
  Ranks& ranks = *options_.ranks;
  if (!ranks.several()) return;
  // Two decisions of the first rank, then the signal of each.
  std::vector<double> values(2);
  if (ranks.is_first()) values = {double(out_of_time()), double(is_time_to_save())};
  values.resize(2 + ranks.size());
  values[2 + ranks.rank()] = stop_signal();
  ranks.all_reduce(std::span<double>(values));
  const auto signal =
      std::find_if(values.begin() + 2, values.end(), [](double number) { return number != 0; });
  agreed_ = {values[0] != 0, values[1] != 0, signal != values.end()};
  if (agreed_.stops) request_stop(static_cast<int>(*signal));
}

bool TrainRun::ends() const {
  if (options_.ranks->several()) return agreed_.stops || agreed_.out_of_time;
  return stop_requested() || out_of_time();
}

void TrainRun::untimed(void (TrainRun::*work)()) {
  take_reports();  // the time of steps in progress is training time
  const double begin = seconds_now();
  (this->*work)();
  untimed_ += seconds_now() - begin;
}

std::filesystem::path TrainRun::checkpoint() const {
  return options_.out / "checkpoint.safetensors";
}

bool TrainRun::is_kept(std::uint64_t step) const {
  return options_.keep_every > 0 && step > 0 && step % options_.keep_every == 0;
}

std::uint64_t TrainRun::steps() const { return training_.step_count(); }

void TrainRun::step() {
  training_.step();
  if (++unreported_ == training_.reports_kept()) take_reports();
}

void TrainRun::take_reports() {
  const auto reports = training_.reports();
  std::uint64_t step = steps() - reports.size();
  for (const scoresde::StepReport& report : reports) {
    ++step;
    if (!report.finite) {
      note_skipped(step, report);
      continue;
    }
    sum_.loss += report.loss;
    sum_.gradient_norm += report.gradient_norm;
    sum_.learning_rate = report.learning_rate;
    ++steps_in_sum_;
  }
  unreported_ = 0;
}

void TrainRun::note_skipped(std::uint64_t step, const scoresde::StepReport& report) {
  sum_.learning_rate = report.learning_rate;
  ++skipped_in_row_;
  ++skipped_;
  notices_ += scoresde::text("step ", step, " is skipped: the loss is ", report.loss,
                             " and the gradient's norm ", report.gradient_norm, '\n');
}

void TrainRun::write_log_row() {
  take_reports();
  if (steps_in_sum_ + skipped_in_row_ == 0) return;
  const double count = static_cast<double>(steps_in_sum_);
  const auto mean = [&](double sum) {
    return steps_in_sum_ > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
  };
  last_loss_ = mean(sum_.loss);
  if (writes())
    log_->write({.step = steps(),
                 .images = images_seen(),
                 .seconds = training_seconds(),
                 .loss = last_loss_,
                 .learning_rate = sum_.learning_rate,
                 .gradient_norm = mean(sum_.gradient_norm),
                 .skipped = skipped_in_row_});
  sum_ = {};
  steps_in_sum_ = skipped_in_row_ = 0;
}

void TrainRun::save() {
  write_log_row();
  const scoresde::TrainingState<float> state = training_.state();
  require_good(state);
  if (!writes()) {
    saved_step_ = state.step;
    saved_to_ = checkpoint();
    return;
  }
  // The numbered one first: a run killed in between repeats this step.
  if (is_kept(state.step)) save_to(options_.out / numbered_checkpoint(state.step), state);
  save_to(checkpoint(), state);
  saved_ = seconds_now();
  if (is_kept(state.step)) keep_newest(options_.out, options_.keep, state.step);
}

void TrainRun::save_to(const std::filesystem::path& path,
                       const scoresde::TrainingState<float>& state) {
  scoresde::save_checkpoint(path, training_.parameters(), state, configuration());
  saved_step_ = state.step;
  saved_to_ = path;
}

void TrainRun::require_good(const scoresde::TrainingState<float>& state) {
  for (const auto* buffer :
       {&state.parameters, &state.average, &state.first_moment, &state.second_moment})
    scoresde::require(
        std::all_of(buffer->begin(), buffer->end(), [](float x) { return std::isfinite(x); }),
        "training: after step ", state.step,
        " weights, averages or moments are not all finite; a smaller --lr may help");
  do {
    training_.step();
  } while (!training_.reports().back().finite);
  training_.restore(state);
}

void TrainRun::load(const std::filesystem::path& path) {
  auto wanted = configuration();
  if (options_.decay_images > 0)  // begins with this call and is not in the file yet
    std::erase_if(wanted, [](const auto& entry) {
      return entry.first == "training.decay_first" || entry.first == "training.decay_updates";
    });
  training_.restore(scoresde::load_checkpoint<float>(path, training_.parameters(), wanted));
  saved_step_ = steps();
  saved_to_ = path;
}

void TrainRun::start_from_weights() {
  const auto usual = training_.state();
  auto start = scoresde::read_initial_weights<float>(options_.init_weights, training_.parameters(),
                                                     usual.parameters);
  training_.restore(
      scoresde::TrainingState<float>::start(std::move(start.weights), usual.tracks.size()));
}

std::string TrainRun::last_good_text() const {
  if (!saved_step_) return "; no checkpoint had been saved";
  return scoresde::text("; ", saved_to_.string(), " holds the last good state, of step ",
                        *saved_step_);
}

std::uint64_t TrainRun::images_seen() const { return steps() * preset_.batch_size; }

bool TrainRun::checkpoint_is_old() const {
  return options_.ranks->several() ? agreed_.checkpoint_is_old : is_time_to_save();
}

bool TrainRun::is_time_to_save() const {
  return options_.checkpoint_minutes > 0 &&
         seconds_now() - saved_ >= 60 * options_.checkpoint_minutes;
}

bool TrainRun::weights_due() const {
  const std::uint64_t every = options_.weights_every;
  return every > 0 && steps() > 0 &&
         images_seen() / every != (images_seen() - preset_.batch_size) / every;
}

void TrainRun::store_weights() {
  if (!writes()) return;  // the first rank evaluates the held-out losses, for which the others wait
  const scoresde::TrainingState<float> state = training_.state();
  const auto all = named_weights(state, training_.ema_tracks());
  write_weight_snapshots(options_.out, training_.parameters(), all, configuration(), steps(),
                         images_seen());
  if (held_out_log_->holds(steps())) return;
  if (const auto rows = held_out_rows(all)) held_out_log_->write(steps(), *rows);
}

std::optional<std::string> TrainRun::held_out_rows(const std::vector<NamedWeights>& all) {
  std::string rows;
  if (!training_.has_held_out()) return rows;
  for (const NamedWeights& one : all) {
    const auto levels = training_.held_out(one.weights);
    if (!levels) return std::nullopt;
    for (const HeldOutLevel& level : *levels)
      rows += HeldOutLog::row(steps(), images_seen(), one.name, level);
  }
  return rows;
}

void TrainRun::print_held_out() {
  const scoresde::TrainingState<float> state = training_.state();
  std::cout << HeldOutLog::header << '\n'
            << held_out_rows(named_weights(state, training_.ema_tracks())).value_or("")
            << std::flush;
}

scoresde::Metadata TrainRun::configuration() const {
  auto configuration = training_.configuration();
  add_program_settings(options_, configuration);
  return configuration;
}

bool TrainRun::snapshot_due() const {
  return options_.snapshot_every > 0 && steps() > 0 && steps() % options_.snapshot_every == 0;
}

std::filesystem::path TrainRun::snapshot_path() const {
  char name[48];
  std::snprintf(name, sizeof name, "snapshot_%07llu.png", static_cast<unsigned long long>(steps()));
  return options_.out / name;
}

void TrainRun::snapshot() {
  if (writes()) training_.snapshot(snapshot_path());
}

double TrainRun::minutes() const { return (seconds_now() - start_) / 60; }

double TrainRun::training_seconds() const {
  return seconds_before_ + seconds_now() - start_ - untimed_;
}

bool TrainRun::out_of_time() const {
  const double limit = 60 * options_.training_minutes;
  return (options_.minutes > 0 && minutes() >= options_.minutes) ||
         (limit > 0 && training_seconds() >= limit);
}

double TrainRun::fraction() const {
  if (const double limit = 60 * options_.training_minutes; limit > 0)
    return std::clamp((training_seconds() - seconds_before_) / (limit - seconds_before_), 0.0, 1.0);
  const double by_steps = static_cast<double>(steps() - first_step_) /
                          static_cast<double>(preset_.n_iters - first_step_);
  return options_.minutes > 0 ? std::min(1.0, std::max(by_steps, minutes() / options_.minutes))
                              : by_steps;
}

std::string TrainRun::progress_text() const {
  const double images = static_cast<double>((steps() - first_step_) * preset_.batch_size);
  const double loss =
      steps_in_sum_ > 0 ? sum_.loss / static_cast<double>(steps_in_sum_) : last_loss_;
  char text[96];
  std::snprintf(text, sizeof text, "step %llu  %.1f images/s  loss %.4f",
                static_cast<unsigned long long>(steps()), images / (60 * minutes()), loss);
  return text;
}

std::string TrainRun::loss_text() const {
  if (preset_.classifier)
    return preset_.noised ? "cross-entropy at all times" : "cross-entropy of clean images";
  if (preset_.sde == scoresde::SdeKind::edm) return "EDM loss";
  return preset_.continuous ? "continuous time"
                            : std::to_string(preset_.num_scales) + " discrete levels";
}

std::string TrainRun::classes_text() const {
  if (preset_.network.num_class_embeds == 0) return "";
  return scoresde::text("classes     ", preset_.network.num_class_embeds, ", label dropout ",
                        preset_.label_dropout, '\n');
}

std::string TrainRun::ranks_text() const {
  const std::size_t ranks = options_.ranks->size(), shards = options_.gradient_shards;
  std::string line;
  if (ranks > 1)
    line = scoresde::text("ranks       ", ranks, ", each with ", preset_.batch_size / ranks,
                          " images of a batch\n");
  if (shards > 0)
    line += scoresde::text("shards      ", shards, ", of ", preset_.batch_size / shards,
                           " images, added in a tree\n");
  return line;
}

void TrainRun::report_setup() const {
  if (!options_.ablated.empty()) return;
  std::cout << "preset      " << preset_.name << " (" << training_.parameters().count()
            << " parameters, " << scoresde::name_of(preset_.sde) << " SDE, " << loss_text() << ")\n"
            << "data        " << options_.data.string() << ", " << training_.images() << " images\n"
            << classes_text() << options_.init_weights_text << ranks_text() << "batch       "
            << preset_.batch_size << ", differentiated " << training_.network_batch()
            << " at a time in " << training_.workspace_bytes() / (1 << 20) << " MiB of workspace\n"
            << memory_text() << disk_text(options_, files()) << "seed        " << options_.seed
            << '\n'
            << "device      " << training_.device_text() << '\n'
            << "rate        " << rate_text(preset_) << '\n'
            << "steps       " << first_step_ << " done, " << preset_.n_iters << " in all"
            << (options_.minutes > 0 ? ", or as many as the minutes given allow\n" : "\n")
            << "out         " << options_.out.string() << std::endl;
}

void TrainRun::report_time() {
  const std::uint64_t left = preset_.n_iters - std::min(preset_.n_iters, first_step_);
  const bool brief = left < 100 || (options_.minutes > 0 && options_.minutes < 1);
  if (!options_.ablated.empty() || brief) return;  // a brief run needs no forecast
  if (options_.ranks->several()) return;           // ranks would disagree on the number of steps
  const scoresde::TrainingState<float> state = training_.state();
  // The first steps on a device allocate, build plans and capture a graph.
  const int warm_up = training_.reports_kept() > 1 ? 2 : 1, most = 20;
  double begin = 0;
  int timed = -warm_up;
  for (; timed < most && !stop_requested(); ++timed) {
    if (timed == 0) begin = seconds_now();
    if (timed > 0 && seconds_now() - begin > 1) break;
    training_.step();
    static_cast<void>(training_.reports());
  }
  const double seconds = seconds_now() - begin;
  training_.restore(state);
  if (timed > 0)
    std::cout << time_text(seconds / timed, left, preset_.batch_size, options_.minutes)
              << std::flush;
}

RunFiles TrainRun::files() const {
  return files_of_run(options_, preset_, training_.parameters().count(),
                      training_.ema_tracks().size(), steps());
}

std::string TrainRun::memory_text() const {
  const double bytes = training_.memory_bytes();
  return bytes > 0 ? "memory      about " + size_text(bytes) + " in all\n" : "";
}

void TrainRun::report_end() const {
  if (!options_.ablated.empty()) return;
  std::cout << (stop_requested() ? "stopped by a signal, " + stop_signal_name() + "," : "done")
            << " after " << steps() << " steps; " << checkpoint().string() << " is saved\n";
  if (skipped_ > 0)
    std::cout << skipped_ << " steps were skipped, since their loss or gradient was not finite\n";
  if (steps() < preset_.n_iters) std::cout << "continue with the same options and --resume\n";
}

}  // namespace programs
