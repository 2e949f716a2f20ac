// SPDX-License-Identifier: MIT
/// cifar10_train --export-ema --ema-width: averages of other widths from the snapshots of a run.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/optim/ema.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/training_state.hpp>

#include "cli/weight_snapshots.hpp"
#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"
#include "programs/tiny_checkpoint.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

/// A run of 320 updates of 4 images whose weights move along known curves, with two tracks and a
/// snapshot every 20 updates.
class SyntheticRun {
 public:
  static constexpr std::uint64_t updates = 320, batch = 4, interval = 20;

  explicit SyntheticRun(const nn::UNetConfig& network = tiny_image_network())
      : graph_(nn::unet(network)), start_(graph_.parameters().size()) {
    nn::initialize(table(), std::span<float>(start_), 3);
    training_.ema_tracks = {ExponentialMovingAverage::power(0.05),
                            ExponentialMovingAverage::power(0.10)};
    configuration_ = run_configuration(network, VpSde{}, training_);
    configuration_["program.batch"] = std::to_string(batch);
  }

  [[nodiscard]] const nn::ParameterTable& table() const { return graph_.parameters(); }

  /// Writes the snapshots and the checkpoint; returns the averages of these widths at the end.
  std::vector<std::vector<double>> write(const std::filesystem::path& folder,
                                         const std::vector<double>& widths) const {
    std::filesystem::create_directories(folder);
    std::vector<std::vector<double>> averages(widths.size(), std::vector<double>(start_.size()));
    auto state = TrainingState<float>::start(start_, training_.ema_tracks.size());
    while (state.step < updates) {
      move(state, averages, widths);
      if (state.step % interval == 0)
        programs::write_weight_snapshots(folder, table(),
                                         programs::named_weights(state, training_.ema_tracks),
                                         configuration_, state.step, state.step * batch);
    }
    save_checkpoint(folder / "checkpoint.safetensors", table(), state, configuration_);
    return averages;
  }

 private:
  void move(TrainingState<float>& state, std::vector<std::vector<double>>& averages,
            const std::vector<double>& widths) const {
    const std::uint64_t n = ++state.step;
    const double t = static_cast<double>(n) / static_cast<double>(updates);
    std::vector<double> weights(start_.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto phase = static_cast<double>(i % 97);
      weights[i] = 0.1 * std::cos(phase) + start_[i] * std::exp(-3 * t) +
                   0.05 * std::sin((2 + 0.1 * phase) * t);
      state.parameters[i] = static_cast<float>(weights[i]);
    }
    for (std::size_t j = 0; j < state.tracks.size(); ++j)
      training_.ema_tracks[j].update(std::span<float>(state.tracks[j]),
                                     std::span<const float>(state.parameters), n);
    for (std::size_t j = 0; j < widths.size(); ++j)
      ExponentialMovingAverage::power(widths[j]).update(std::span<double>(averages[j]),
                                                        std::span<const double>(weights), n);
  }

  nn::Graph graph_;
  std::vector<float> start_;
  TrainingConfiguration training_{};
  Metadata configuration_;
};

Words export_of(const std::filesystem::path& run, const std::filesystem::path& file,
                const std::string& width) {
  return {"--out", run.string(), "--export-ema", file.string(), "--ema-width", width};
}

/// Of the parameters; files do not hold the elements between them.
double relative_error(const std::vector<float>& found, const std::vector<double>& expected,
                      const nn::ParameterTable& table) {
  double difference = 0, norm = 0;
  for (const nn::Parameter& p : table.entries())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      difference += (found[i] - expected[i]) * (found[i] - expected[i]);
      norm += expected[i] * expected[i];
    }
  return std::sqrt(difference / norm);
}

std::vector<float> weights_of(const std::filesystem::path& file, const nn::ParameterTable& table) {
  std::vector<float> weights(table.size());
  load_weights(file, table, std::span<float>(weights));
  return weights;
}

}  // namespace

TEST_CASE("averages of other widths are computed from the snapshots of a run, and sampled",
          "[slow]") {
  const TemporaryFolder folder;
  const SyntheticRun run;
  const std::vector<double> widths{0.05, 0.075, 0.15};
  const auto expected = run.write(folder / "run", widths);
  const auto file = folder / "average.safetensors";
  for (const bool with_checkpoint : {true, false}) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const Outcome outcome = require_success(
          train_program, export_of(folder / "run", file, std::to_string(widths[i])));
      INFO(outcome.text);
      CHECK(outcome.says("after 1280 images"));
      CHECK(outcome.says(with_checkpoint ? "32 stored ones of 2 tracks, 2 of them in the checkpoint"
                                         : "32 stored ones of 2 tracks, 0 of them"));
      CHECK(outcome.says("residual"));
      const double error = relative_error(weights_of(file, run.table()), expected[i], run.table());
      std::cout << "cifar10_train --ema-width " << widths[i] << ": error " << error << '\n';
      // The track at the end of the run is in the checkpoint as float32; others are float16. The
      // last width is beyond those of the tracks.
      CHECK(error < (with_checkpoint && i == 0 ? 1e-6 : i < 2 ? 5e-4 : 1e-3));
      CHECK(error > 0);
      const Metadata kept = read_configuration(file);
      CHECK(kept.at("post_hoc_ema.images") == "1280");
      CHECK(std::stod(kept.at("post_hoc_ema.sigma_rel")) == widths[i]);
      CHECK(std::stod(kept.at("post_hoc_ema.relative_residual")) < 0.02);
      CHECK_FALSE(kept.contains("snapshot.average"));
      CHECK(read_step(file) == SyntheticRun::updates);
    }
    std::filesystem::remove(folder / "run" / "checkpoint.safetensors");
  }
  require_success(sample_program,
                  {"--checkpoint", file.string(), "--out", (folder / "samples").string(),
                   "--samples", "1", "--steps", "2"});
  CHECK(std::filesystem::exists(folder / "samples" / "samples.png"));
}

TEST_CASE("cifar10_train --ema-images ends the profile at a snapshot, whose track is returned",
          "[slow]") {
  const TemporaryFolder folder;
  const SyntheticRun run;
  (void)run.write(folder / "run", {});
  const auto file = folder / "average.safetensors";
  const Outcome outcome = require_success(
      train_program, export_of(folder / "run", file, "0.1") + Words{"--ema-images", "640"});
  CHECK(outcome.says("16 stored ones of 2 tracks, 0 of them"));
  CHECK(outcome.says("holds the average of sigma_rel 0.1 after 640 images"));
  const auto track =
      weights_of(folder / "run" / "weights_0000000640_ema_0.1.safetensors", run.table());
  CHECK(relative_error(weights_of(file, run.table()), {track.begin(), track.end()}, run.table()) <
        1e-6);
  CHECK(read_step(file) == 160);
  // An end between snapshots, where no stored profile ends.
  const Outcome between = require_success(
      train_program, export_of(folder / "run", file, "0.1") + Words{"--ema-images", "600"});
  CHECK(between.says("note"));
  require_rejected(train_program,
                   export_of(folder / "run", file, "0.1") + Words{"--ema-images", "1300"},
                   {"--ema-images is 1300; it must be at most 1280"});
}

TEST_CASE(
    "cifar10_train --ema-width rejects folders without snapshots, broken files and those of other "
    "runs") {
  const TemporaryFolder folder;
  const auto file = folder / "average.safetensors";
  const auto rejected = [&](const char* name, const Words& words) {
    require_rejected(train_program, export_of(folder / name, file, "0.07"), words);
    CHECK_FALSE(std::filesystem::exists(file));
  };
  rejected("none", {"--out", "none", "cannot be read"});
  std::filesystem::create_directory(folder / "empty");
  rejected("empty", {"holds no snapshots", "--ema-tracks", "--weights-every"});

  const SyntheticRun run;
  (void)run.write(folder / "run", {});
  const auto snapshot = folder / "run" / "weights_0000000960_ema_0.05.safetensors";
  std::filesystem::copy(folder / "run" / "weights_0000000960_raw.safetensors",
                        folder / "empty" / "weights_0000000960_raw.safetensors");
  rejected("empty", {"holds no snapshots"});

  const auto copy = folder / "run" / "weights_copy.safetensors";
  std::filesystem::copy(snapshot, copy);
  rejected("run", {"weights_copy.safetensors", "hold the same average", "after 960 images"});
  std::filesystem::resize_file(copy, std::filesystem::file_size(copy) - 5);
  rejected("run", {"weights_copy.safetensors", "must be ordered and within"});
  std::filesystem::remove(copy);

  auto wider = tiny_image_network();
  wider.nf = 16;
  const SyntheticRun other(wider);
  (void)other.write(folder / "other", {});
  std::filesystem::copy(folder / "other" / snapshot.filename(), copy);
  rejected("run",
           {"weights_copy.safetensors", "another run", "network.nf is '16'; it must be '8'"});
  std::filesystem::remove(copy);

  const auto checkpoint = folder / "run" / "checkpoint.safetensors";
  std::filesystem::resize_file(checkpoint, 1000);
  rejected("run", {"checkpoint.safetensors"});
  std::filesystem::remove(checkpoint);
  require_rejected(train_program, export_of(folder / "run", snapshot, "0.07"),
                   {"--export-ema", "is a snapshot of a training run's weights"});
  require_success(train_program, export_of(folder / "run", file, "0.07"));
}

TEST_CASE("cifar10_train --ema-width and --ema-images are checked on the command line") {
  const TemporaryFolder folder;
  const std::string out = (folder / "run").string(), file = (folder / "file").string();
  const auto rejected = [&](const Words& options, const std::string& word) {
    const Outcome outcome = run(train_program, Words{"--out", out} + options);
    INFO(outcome.text);
    CHECK(outcome.status == 2);
    CHECK(outcome.says(word));
  };
  rejected({"--ema-width", "0.07"}, "--export-ema");
  rejected({"--export-ema", file, "--ema-images", "5"}, "--ema-width");
  rejected({"--export-ema", file, "--ema-width", "0.3"}, "at most 0.2886");
  rejected({"--export-ema", file, "--ema-width", "0"}, "above 0");
  rejected({"--export-ema", file, "--ema-width", "0.07", "--ema-images", "0"}, "--ema-images");
}

TEST_CASE("the average of a run of cifar10_train is computed from its snapshots and checkpoint",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  require_success(train_program, tiny_run(data, folder / "run") +
                                     Words{"--iterations", "5", "--network", "nf=8", "--network",
                                           "ch_mult=1,2", "--network", "attn_resolutions=",
                                           "--ema-tracks", "0.05,0.1", "--weights-every", "4",
                                           "--held-out-images", "2", "--snapshot-every", "0"});
  const auto file = folder / "average.safetensors";
  const Outcome outcome = require_success(train_program, export_of(folder / "run", file, "0.05"));
  CHECK(outcome.says("6 stored ones of 2 tracks, 2 of them in the checkpoint"));
  CHECK(outcome.says("after 10 images"));
  const auto checkpoint = folder / "run" / "checkpoint.safetensors";
  const auto configuration = read_configuration(checkpoint);
  const nn::Graph graph = nn::unet(network_of(configuration));
  const auto state = load_checkpoint<float>(checkpoint, graph.parameters(), configuration);
  const auto found = weights_of(file, graph.parameters());
  CHECK(relative_error(found, {state.tracks[0].begin(), state.tracks[0].end()},
                       graph.parameters()) < 1e-6);
  require_success(train_program, export_of(folder / "run", file, "0.07"));
  CHECK(weights_of(file, graph.parameters()) != found);
  require_success(sample_program,
                  {"--checkpoint", file.string(), "--out", (folder / "samples").string(),
                   "--samples", "1", "--steps", "2"});
}
