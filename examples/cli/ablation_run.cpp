// SPDX-License-Identifier: MIT
#include "cli/ablation_run.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/registry/preset_training.hpp>
#include <scoresde/registry/settings.hpp>
#include <scoresde/registry/usage_error.hpp>

#include "cli/exit_status.hpp"
#include "cli/kept_checkpoints.hpp"
#include "cli/progress_bar.hpp"
#include "cli/sample_progress.hpp"
#include "cli/stop_signals.hpp"
#include "cli/train_log.hpp"

namespace programs {
namespace {

constexpr const char* base_preset = "cifar10_small_ve_ncsnpp";

/// Training time of a turn.
constexpr double turn_minutes = 2;

/// The contents of ablation.json.
struct Kept {
  double minutes = 0;
  std::map<std::string, std::string> settings;
};

Kept read_settings(const std::filesystem::path& path) {
  const auto bytes = scoresde::io::read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  try {
    const auto json = nlohmann::json::parse(text);
    return {json.at("minutes").get<double>(),
            json.at("settings").get<std::map<std::string, std::string>>()};
  } catch (const nlohmann::json::exception& failure) {
    throw scoresde::Error(
        scoresde::text("--resume: ", path.string(),
                       " does not hold the settings of an ablation: ", failure.what()));
  }
}

std::vector<scoresde::Ablation> networks_of(const scoresde::nn::Preset& base) {
  auto networks = scoresde::as_usage([&] { return scoresde::ablations(base); });
  for (scoresde::Ablation& one : networks)  // the time alone ends a training
    one.preset.n_iters = std::numeric_limits<std::uint64_t>::max();
  return networks;
}

std::size_t parameters_of(const scoresde::Ablation& network) {
  return scoresde::graph_of(network.preset).parameters().trainable_size();
}

}  // namespace

void resolve_ablation_options(const CommandLine& line, TrainOptions& o) {
  using scoresde::require_usage;
  for (const char* name :
       {"--iterations", "--decay-images", "--ema-tracks", "--weights-every", "--held-out",
        "--init-weights", "--schedule", "--log-format", "--gradient-shards"})
    require_usage(!line.given(name), name,
                  " cannot be combined with --ablation, which trains every network for --minutes");
  require_usage(o.minutes > 0,
                "--minutes is missing: the training time of each network of --ablation");
  require_usage(o.held_out_images > 1, "--held-out-images is ", o.held_out_images,
                "; with --ablation it must be at least 2, for standard errors");
  for (const std::string& change : o.network)
    for (const std::string_view field : scoresde::ablated_fields)
      require_usage(!change.starts_with(std::string(field) + '='), "--network: ", change,
                    " is of a field that --ablation changes; --preset chooses its base");
  if (!line.given("--preset")) o.preset = base_preset;
  if (!line.given("--snapshot-every")) o.snapshot_every = 0;
}

AblationRun::AblationRun(const TrainOptions& options, const scoresde::nn::Preset& base,
                         const AblationEngine& engine)
    : options_(options), engine_(engine), networks_(networks_of(base)), lock_(options.out) {
  check_folder();
}

void AblationRun::operator()() {
  std::vector<scoresde::nn::Preset> presets;
  for (const scoresde::Ablation& one : networks_) presets.push_back(one.preset);
  engine_.check(options_, presets);
  report_setup();
  write_settings();
  catch_stop_signals();
  const double turns = std::ceil(options_.minutes / turn_minutes);
  for (double turn = 1; turn <= turns && !stop_requested(); ++turn)
    take_turns(options_.minutes * turn / turns);
  if (const auto found = results()) return write_results(*found);
  std::cout << "stopped by a signal, " << stop_signal_name() << "; " << options_.out.string()
            << " is saved; continue with the same options and --resume\n";
}

std::map<std::string, std::string> AblationRun::settings() const {
  using scoresde::text;
  const scoresde::nn::Preset& base = networks_.front().preset;
  std::string changes;
  for (const std::string& change : options_.network)
    changes += (changes.empty() ? "" : " ") + change;
  return {{"--preset", base.name},
          {"--network", changes},
          {"--class-conditional", scoresde::truth_text(options_.class_conditional)},
          {"--label-dropout", scoresde::number_text(base.label_dropout)},
          {"--train-images", text(options_.train_images)},
          {"--batch", text(base.batch_size)},
          {"--lr", scoresde::number_text(base.lr)},
          {"--seed", text(options_.seed)}};
}

void AblationRun::check_folder() const {
  using scoresde::require;
  const auto& out = options_.out;
  const bool holds_ablation = std::filesystem::exists(out / ablation_file);
  require(!options_.resume || holds_ablation, "--resume: ", out.string(), " holds no ",
          ablation_file, " of an ablation to continue");
  require(options_.resume || !holds_ablation, "--out: ", out.string(),
          " holds an ablation already; continue it with --resume or choose another folder");
  if (options_.resume) return check_settings();
  std::vector<std::filesystem::path> folders{out};
  for (const scoresde::Ablation& one : networks_) folders.push_back(folder(one));
  for (const auto& each : folders) {
    auto left = file_of_a_run(each);
    if (std::filesystem::exists(each / "checkpoint.safetensors")) left = "checkpoint.safetensors";
    require(!left, "--out: ", each.string(), " holds ", left.value_or(""),
            " of another run; choose another folder for the ablation");
  }
}

void AblationRun::check_settings() const {
  const Kept kept = read_settings(options_.out / ablation_file);
  require_same_settings(kept.settings, settings());
  scoresde::require(options_.minutes >= kept.minutes, "--minutes is ", options_.minutes,
                    "; networks in --out may have trained for ", kept.minutes,
                    " minutes already, and it must be at least that");
}

void AblationRun::write_settings() const {
  const nlohmann::ordered_json json{{"minutes", options_.minutes}, {"settings", settings()}};
  scoresde::io::write_file_atomically(options_.out / ablation_file,
                                      std::string_view(json.dump(1) + '\n'));
}

std::filesystem::path AblationRun::folder(const scoresde::Ablation& network) const {
  std::string name = network.name();
  std::replace(name.begin(), name.end(), '=', '_');
  return options_.out / name;
}

TrainOptions AblationRun::options_of(const scoresde::Ablation& network) const {
  TrainOptions options = options_;
  options.out = folder(network);
  options.resume = std::filesystem::exists(options.out / "checkpoint.safetensors");
  options.ablated = network.name();
  options.minutes = 0;
  return options;
}

AblationRun::Trained AblationRun::trained(const scoresde::Ablation& network) const {
  const auto checkpoint = folder(network) / "checkpoint.safetensors";
  if (!std::filesystem::exists(checkpoint)) return {};
  const std::uint64_t step = scoresde::read_step(checkpoint);
  return {step, seconds_at(folder(network) / "train_log.csv", step)};
}

void AblationRun::report_setup() const {
  const double each = 60 * options_.minutes;
  std::vector<Trained> now;
  for (const scoresde::Ablation& one : networks_) now.push_back(trained(one));
  double left = 0;
  std::cout << "ablation    " << networks_.front().preset.name << ", " << networks_.size()
            << " networks, trained in turns for " << clock_text(each) << " each\n";
  for (std::size_t k = 0; k < now.size(); ++k) {
    left += std::max(0.0, each - now[k].seconds);
    std::cout << "network     " << networks_[k].name() << ", " << parameters_of(networks_[k])
              << " parameters, " << now[k].step << " steps done in " << clock_text(now[k].seconds)
              << '\n';
  }
  std::cout << "seed        " << options_.seed << '\n'
            << "time        " << clock_text(each * static_cast<double>(networks_.size()))
            << " of training in all, " << clock_text(left)
            << " of it left; checkpoints and held-out losses take more\n"
            << "out         " << options_.out.string() << std::endl;
}

void AblationRun::take_turns(double minutes) const {
  for (const scoresde::Ablation& one : networks_) {
    if (stop_requested()) return;
    if (trained(one).seconds >= 60 * minutes) continue;
    TrainOptions options = options_of(one);
    options.training_minutes = minutes;
    const RunLock lock(options.out);
    try {
      engine_.train(options, one.preset);
    } catch (const scoresde::Error& failure) {
      throw scoresde::Error(scoresde::text("ablation, ", one.name(), ": ", failure.what()));
    }
  }
}

std::optional<std::vector<AblationResult>> AblationRun::results() const {
  std::vector<AblationResult> all, rates;
  ProgressBar bar("held-out losses");
  for (const scoresde::Ablation& one : networks_) {
    if (stop_requested()) return std::nullopt;
    const auto losses = engine_.held_out(options_of(one), one.preset);
    if (!losses) return std::nullopt;
    const Trained now = trained(one);
    const std::uint64_t images = now.step * one.preset.batch_size;
    AblationResult result{one.name(), one.field, one.value,   parameters_of(one),
                          now.step,   images,    now.seconds, losses->front()};
    all.push_back(result);
    for (std::size_t j = 0; j < one.preset.ema_rates.size(); ++j) {
      result.field = "ema_rate";
      result.value = scoresde::number_text(one.preset.ema_rates[j]);
      result.name = result.field + '=' + result.value;
      result.levels = losses->at(j + 1);
      rates.push_back(result);
    }
    bar.show(static_cast<double>(all.size()) / static_cast<double>(networks_.size()), one.name());
  }
  all.insert(all.end(), rates.begin(), rates.end());
  return all;
}

void AblationRun::write_results(const std::vector<AblationResult>& results) const {
  const std::string text = ablation_text(results, networks_.front().preset.ema_rate);
  scoresde::io::write_file_atomically(options_.out / "ablation.csv",
                                      std::string_view(ablation_csv(results)));
  scoresde::io::write_file_atomically(options_.out / "ablation.txt", std::string_view(text));
  std::cout << text << "done; " << (options_.out / "ablation.csv").string()
            << " has the losses by noise level\n";
}

}  // namespace programs
