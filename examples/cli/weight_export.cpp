// SPDX-License-Identifier: MIT
#include "cli/weight_export.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/checkpoint_replacement.hpp>
#include <scoresde/error.hpp>
#include <scoresde/io/atomic_file.hpp>
#include <scoresde/nn/graph/parameters.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/optim/post_hoc_ema.hpp>
#include <scoresde/registry/classifier_configuration.hpp>
#include <scoresde/registry/metadata.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/settings.hpp>

#include "cli/progress_bar.hpp"

namespace programs {
namespace {

using scoresde::EmaProfile;
using scoresde::Metadata;
using scoresde::require;

/// An average that a run has stored: a snapshot, or a track of its checkpoint.
struct StoredAverage {
  EmaProfile profile;  ///< ends at a number of updates
  std::filesystem::path file;
  std::optional<std::size_t> track{};  ///< of the checkpoint
};

/// The averages with power-function profiles that a run has stored.
struct StoredAverages {
  std::vector<StoredAverage> all;            ///< by end
  Metadata configuration;                    ///< of the run
  std::filesystem::path configuration_file;  ///< where it was read
  double batch = 0;                          ///< images per update
};

/// The settings without those of a single file, and `constant` without those that begin in a
/// resumed run.
Metadata run_settings(Metadata settings, bool constant) {
  std::erase_if(settings, [&](const auto& entry) {
    const std::string& key = entry.first;
    return key.starts_with("snapshot.") || key.starts_with("post_hoc_ema.") ||
           (constant && key.starts_with("training.decay_"));
  });
  return settings;
}

/// The images after this number of updates.
std::uint64_t images_at(double updates, const StoredAverages& run) {
  return static_cast<std::uint64_t>(std::llround(updates * run.batch));
}

/// Throws Error for a snapshot that differs from the run in a setting.
void require_same_run(const std::filesystem::path& file, const Metadata& found,
                      const StoredAverages& run) {
  const Metadata ours = run_settings(run.configuration, true), theirs = run_settings(found, true);
  const auto value = [](const Metadata& settings, const std::string& key) {
    const auto at = settings.find(key);
    return at == settings.end() ? std::string("absent") : "'" + at->second + "'";
  };
  std::set<std::string> keys;
  for (const Metadata* settings : {&ours, &theirs})
    for (const auto& [key, text] : *settings) keys.insert(key);
  for (const std::string& key : keys)
    require(value(ours, key) == value(theirs, key), "--out: ", file.string(),
            " is of another run than ", run.configuration_file.string(), ": its ", key, " is ",
            value(theirs, key), "; it must be ", value(ours, key));
}

/// Adds the snapshot if it is an average with a power-function profile.
void add_snapshot(const std::filesystem::path& file, StoredAverages& run) {
  const Metadata found = scoresde::read_configuration(file);
  if (const auto average = found.find("snapshot.average");
      average == found.end() || average->second != "power")
    return;
  if (run.configuration.empty()) {
    run.configuration = run_settings(found, false);
    run.configuration_file = file;
  }
  require_same_run(file, found, run);
  const auto updates = static_cast<double>(scoresde::read_step(file));
  try {
    const EmaProfile profile{scoresde::number_setting<double>(found, "snapshot.gamma"), updates};
    profile.validate();
    const auto images = scoresde::number_setting<std::uint64_t>(found, "snapshot.images");
    require(images > 0, "configuration: snapshot.images is 0; it must be at least 1");
    run.batch = static_cast<double>(images) / updates;
    run.all.push_back({profile, file});
  } catch (const scoresde::Error& failure) {
    throw scoresde::Error(scoresde::text("--out: ", file.string(), ": ", failure.what()));
  }
}

/// Adds the tracks of a checkpoint, of float32, in place of snapshots of the same averages.
void add_tracks(const std::filesystem::path& checkpoint, StoredAverages& run) {
  const auto updates = static_cast<double>(scoresde::read_step(checkpoint));
  const auto tracks = scoresde::ema_tracks_of(run.configuration);
  for (std::size_t j = 0; updates > 0 && j < tracks.size(); ++j) {
    if (tracks[j].schedule != scoresde::EmaSchedule::power) continue;
    const StoredAverage track{{tracks[j].gamma, updates}, checkpoint, j};
    const auto same = std::find_if(run.all.begin(), run.all.end(), [&](const StoredAverage& other) {
      return other.profile == track.profile;
    });
    if (same == run.all.end())
      run.all.push_back(track);
    else
      *same = track;
  }
}

/// The snapshots of weights in a folder, by name.
std::vector<std::filesystem::path> snapshots_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("weights_") && name.ends_with(".safetensors"))
      files.push_back(entry.path());
  }
  require(!failure, "--out: ", folder.string(), " cannot be read: ", failure.message());
  std::sort(files.begin(), files.end());
  return files;
}

StoredAverages stored_averages(const std::filesystem::path& folder) {
  StoredAverages run;
  const auto checkpoint = folder / "checkpoint.safetensors";
  const auto snapshots = snapshots_in(folder);
  if (std::filesystem::exists(checkpoint)) {
    run.configuration = run_settings(scoresde::read_configuration(checkpoint), false);
    run.configuration_file = checkpoint;
  }
  for (const auto& file : snapshots) add_snapshot(file, run);
  require(!run.all.empty(), "--ema-width: ", folder.string(),
          " holds no snapshots of averages with power-function profiles; a run writes them with "
          "--ema-tracks and --weights-every");
  if (scoresde::holds_training_state(checkpoint)) add_tracks(checkpoint, run);
  const auto key = [](const StoredAverage& a) { return std::pair(a.profile.end, a.profile.gamma); };
  std::stable_sort(run.all.begin(), run.all.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
  for (std::size_t i = 1; i < run.all.size(); ++i)
    require(run.all[i].profile != run.all[i - 1].profile, "--out: ", run.all[i - 1].file.string(),
            " and ", run.all[i].file.string(), " hold the same average, of gamma ",
            run.all[i].profile.gamma, " after ", images_at(run.all[i].profile.end, run),
            " images; there must be one file of each");
  return run;
}

/// The number of updates at which the wanted profile ends. Throws Error for one after all of the
/// stored averages.
double wanted_end(const TrainOptions& options, const StoredAverages& run) {
  const double last = run.all.back().profile.end;
  if (options.ema_images == 0) return last;
  const double end = std::round(static_cast<double>(options.ema_images) / run.batch);
  require(end <= last, "--ema-images is ", options.ema_images, "; it must be at most ",
          images_at(last, run), ", the images of the last stored average in ",
          options.out.string());
  return std::max(1.0, end);
}

/// Keeps the averages up to the first end at or after the wanted one; later ones hardly contribute.
void drop_later(double end, std::vector<StoredAverage>& all) {
  const auto first = std::find_if(all.begin(), all.end(),
                                  [&](const StoredAverage& a) { return a.profile.end >= end; });
  const double last = first->profile.end;
  std::erase_if(all, [&](const StoredAverage& a) { return a.profile.end > last; });
}

std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

void report(const scoresde::PostHocEma& fit, const EmaProfile& wanted, const StoredAverages& run) {
  std::set<double> tracks;
  std::size_t of_checkpoint = 0;
  for (const StoredAverage& average : run.all) {
    tracks.insert(average.profile.gamma);
    of_checkpoint += average.track ? 1 : 0;
  }
  std::cout << "sigma_rel   " << four_digits(scoresde::ema_sigma_rel(wanted.gamma)) << ", gamma "
            << four_digits(wanted.gamma) << ", after " << images_at(wanted.end, run) << " images\n"
            << "averages    " << run.all.size() << " stored ones of " << tracks.size()
            << (tracks.size() == 1 ? " track, " : " tracks, ") << of_checkpoint
            << " of them in the checkpoint\n"
            << "residual    " << four_digits(fit.relative_residual) << " of the profile\n"
            << "rounding    that of the snapshots to float16, times "
            << four_digits(fit.error_gain()) << '\n';
  if (fit.relative_residual > 0.1)
    std::cout << "note        the stored averages determine this one poorly: a width between those "
                 "of the tracks, the images of a snapshot, and more snapshots lower the residual\n";
  std::cout << std::flush;
}

/// The combination of the stored averages, which are read one after another.
scoresde::WeightCombination combined(const scoresde::PostHocEma& fit, const StoredAverages& run,
                                     const scoresde::nn::ParameterTable& table) {
  std::vector<std::vector<float>> tracks;
  for (const StoredAverage& average : run.all)
    if (average.track && tracks.empty())
      tracks = scoresde::load_checkpoint<float>(average.file, table,
                                                scoresde::read_configuration(average.file))
                   .tracks;
  scoresde::WeightCombination sum(table.size());
  std::vector<float> weights(table.size());
  ProgressBar bar("export");
  for (std::size_t i = 0; i < run.all.size(); ++i) {
    const StoredAverage& average = run.all[i];
    if (!average.track) scoresde::load_weights(average.file, table, std::span<float>(weights));
    sum.add(fit.coefficients[i],
            std::span<const float>(average.track ? tracks[*average.track] : weights));
    bar.show(static_cast<double>(i + 1) / static_cast<double>(run.all.size()),
             average.file.filename().string());
  }
  return sum;
}

void export_average_of_width(const TrainOptions& options) {
  StoredAverages run = stored_averages(options.out);
  scoresde::io::require_writable_file(options.export_ema);
  const auto wanted = EmaProfile::of_width(options.ema_width, wanted_end(options, run));
  drop_later(wanted.end, run.all);
  std::vector<EmaProfile> profiles;
  for (const StoredAverage& average : run.all) profiles.push_back(average.profile);
  const scoresde::PostHocEma fit = scoresde::post_hoc_ema(profiles, wanted);
  report(fit, wanted, run);
  const auto graph = scoresde::graph_of(run.configuration);
  const auto sum = combined(fit, run, graph.parameters());
  const std::uint64_t images = images_at(wanted.end, run);
  Metadata configuration = run.configuration;
  configuration["post_hoc_ema.sigma_rel"] = scoresde::number_text(options.ema_width);
  configuration["post_hoc_ema.gamma"] = scoresde::number_text(wanted.gamma);
  configuration["post_hoc_ema.images"] = scoresde::number_text(images);
  configuration["post_hoc_ema.averages"] = scoresde::number_text(run.all.size());
  configuration["post_hoc_ema.relative_residual"] = scoresde::number_text(fit.relative_residual);
  scoresde::save_weights(options.export_ema, graph.parameters(), sum.sum(), configuration,
                         static_cast<std::uint64_t>(wanted.end));
  std::cout << options.export_ema.string() << " holds the average of sigma_rel "
            << four_digits(options.ema_width) << " after " << images << " images, "
            << std::filesystem::file_size(options.export_ema) << " bytes\n";
}

void export_average_of_checkpoint(const TrainOptions& options) {
  const auto checkpoint = options.out / "checkpoint.safetensors";
  const auto configuration = scoresde::read_configuration(checkpoint);
  scoresde::io::require_writable_file(options.export_ema);
  const auto graph = scoresde::graph_of(configuration);
  std::vector<float> weights(graph.parameters().size());
  scoresde::load_weights(checkpoint, graph.parameters(), std::span<float>(weights));
  const std::uint64_t step = scoresde::read_step(checkpoint);
  scoresde::save_weights(options.export_ema, graph.parameters(), std::span<const float>(weights),
                         configuration, step);
  std::cout << options.export_ema.string() << " holds the EMA weights of step " << step << ", "
            << std::filesystem::file_size(options.export_ema) << " bytes\n";
}

}  // namespace

void export_ema(const TrainOptions& options) {
  if (!options.overwrite) scoresde::require_replaceable("--export-ema", options.export_ema);
  if (options.ema_width > 0)
    export_average_of_width(options);
  else
    export_average_of_checkpoint(options);
}

}  // namespace programs
