// SPDX-License-Identifier: MIT
/// A run of cifar10_train that skips steps whose loss is not finite: NaN images, through the parts
/// of the program that do not depend on the data set.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>

#include "cli/train_run.hpp"
#include "programs/program_runner.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;
using namespace scoresde::test;
using Catch::Contains;

namespace {

/// Trains a tiny network; the images of some steps hold a NaN.
class NanTraining final : public programs::Training {
 public:
  explicit NanTraining(std::uint32_t skip_limit, std::set<std::uint64_t> steps)
      : trainer_(tiny_trainer<float>(4, with(skip_limit))), nan_steps_(std::move(steps)) {}

  void step() override {
    auto images = tiny_images<float>(4, trainer_.step_count());
    if (nan_steps_.contains(trainer_.step_count()))
      images[7] = std::numeric_limits<float>::quiet_NaN();
    trainer_.step(images);
  }
  std::uint64_t step_count() const override { return trainer_.step_count(); }
  std::vector<StepReport> reports() override { return trainer_.reports(); }
  std::size_t reports_kept() const override { return 1; }
  TrainingState<float> state() override { return trainer_.state(); }
  void restore(const TrainingState<float>& state) override { trainer_.restore(state); }
  const nn::ParameterTable& parameters() const override { return trainer_.parameters(); }
  Metadata configuration() const override {
    return run_configuration(tiny_network(), VpSde{}, trainer_.configuration());
  }
  const std::vector<ExponentialMovingAverage>& ema_tracks() const override {
    return trainer_.configuration().ema_tracks;
  }
  std::size_t images() const override { return 4; }
  std::size_t network_batch() const override { return 4; }
  std::size_t workspace_bytes() const override { return 0; }
  std::string device_text() const override { return "CPU"; }
  void snapshot(const std::filesystem::path&) override {}

 private:
  static TrainingConfiguration with(std::uint32_t skip_limit) {
    TrainingConfiguration configuration = tiny_training();
    configuration.skip_limit = skip_limit;
    return configuration;
  }

  TinyTrainer<float> trainer_;
  std::set<std::uint64_t> nan_steps_;
};

/// Runs until step 8, with a checkpoint every two steps.
void run(const std::filesystem::path& out, std::uint32_t skip_limit,
         const std::set<std::uint64_t>& nan_steps) {
  std::filesystem::create_directories(out);
  programs::TrainOptions options;
  options.out = out;
  options.log_every = options.checkpoint_every = 2;
  options.snapshot_every = 0;
  nn::Preset preset = nn::preset("cifar10_small");
  preset.n_iters = 8;
  preset.batch_size = 4;
  NanTraining training(skip_limit, nan_steps);
  programs::TrainRun(options, preset, training)();
}

}  // namespace

TEST_CASE("a run skips steps on NaN images, counts them in its log and ends at its last step") {
  const TemporaryFolder folder;
  run(folder.path(), 2, {0, 4, 5});
  CHECK(read_step(folder / "checkpoint.safetensors") == 8);
  std::ifstream stream(folder / "train_log.csv");
  std::string row;
  std::vector<std::string> skipped;
  std::getline(stream, row);
  CHECK(row == "step,images,seconds,loss,learning_rate,gradient_norm,skipped");
  while (std::getline(stream, row)) {
    const bool all = row.starts_with("6,");  // no step of this row was finite
    CHECK((row.find(",nan,") != std::string::npos) == all);
    skipped.push_back(row.substr(row.rfind(',') + 1));
  }
  CHECK(skipped == std::vector<std::string>{"1", "0", "2", "0"});
}

TEST_CASE("a run ends after more skipped steps than its limit and keeps its last good checkpoint") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(run(folder.path(), 2, {5, 6, 7}),
                    Contains("at step 7") && Contains("as in 2 steps before it") &&
                        Contains("holds the last good state, of step 4"));
  CHECK(read_step(folder / "checkpoint.safetensors") == 4);
  const TemporaryFolder other;
  CHECK_THROWS_WITH(run(other.path(), 0, {3}),
                    Contains("at step 3") && Contains("the last good state, of step 2"));
}

TEST_CASE("a checkpoint is saved where the step that checks it is skipped", "[slow]") {
  const TemporaryFolder with, without;
  run(with.path(), 1, {8});  // the step after the last checkpoint
  run(without.path(), 1, {});
  CHECK(text_of(with / "checkpoint.safetensors") == text_of(without / "checkpoint.safetensors"));
}
