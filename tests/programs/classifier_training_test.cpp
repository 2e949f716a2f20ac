// SPDX-License-Identifier: MIT
/// cifar10_train with a classifier's preset: its files, and what does not go with it.
#include <algorithm>
#include <filesystem>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained_classifier.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/registry/classifier_configuration.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

TEST_CASE("cifar10_train trains a classifier, resumes it and exports its average", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto options = [&](const char* iterations) {
    return tiny_run(data, folder / "run") + Words{"--preset",          "cifar10_classifier_small",
                                                  "--network",         "nf=8",
                                                  "--network",         "attention_head_dim=8",
                                                  "--network",         "num_res_blocks=1",
                                                  "--network",         "ch_mult=1,1,1",
                                                  "--held-out-images", "20",
                                                  "--train-images",    "100",
                                                  "--iterations",      iterations};
  };
  const Outcome outcome =
      require_success(train_program, options("2") + Words{"--weights-every", "4"});
  CHECK(outcome.says("cross-entropy at all times"));
  CHECK_FALSE(std::filesystem::exists(folder / "run" / "snapshot_0000003.png"));
  const std::string held_out = text_of(folder / "run" / "held_out.csv");
  CHECK(std::count(held_out.begin(), held_out.end(), '\n') == 1 + 2 * 9);
  require_success(train_program, options("3") + Words{"--weights-every", "4", "--resume"});
  require_success(train_program, {"--out", (folder / "run").string(), "--export-ema",
                                  (folder / "classifier.safetensors").string()});
  const PretrainedClassifier<eigen::Ops<float>> classifier(folder / "classifier.safetensors");
  CHECK(classifier.classes() == 10);
  CHECK(classifier.config().encoder.nf == 8);
  CHECK(classifier.configuration().at("program.train_images") == "100");
  CHECK(classifier.configuration().at("program.random_shift") == "4");
  require_rejected(train_program, options("3") + Words{"--resume", "--random-shift", "3"},
                   {"program.random_shift", "'4'", "'3'"});
  require_rejected(train_program, options("3") + Words{"--resume", "--train-images", "99"},
                   {"program.train_images", "'100'", "'99'"});
  require_rejected(sample_program,
                   {"--checkpoint", (folder / "classifier.safetensors").string(), "--out",
                    (folder / "samples").string()},
                   {"training.loss", "cross_entropy"});
}

TEST_CASE("cifar10_train rejects what does not go with a classifier") {
  const TemporaryFolder data, folder;
  make_data(data);
  const Words usual =
      tiny_run(data, folder / "run") + Words{"--preset", "cifar10_classifier_small"};
  require_rejected(train_program, usual + Words{"--class-conditional"}, {"num_class_embeds is 10"});
  require_rejected(train_program, usual + Words{"--train-images", "60000"},
                   {"--train-images is 60000", "50000"});
  require_rejected(train_program, usual + Words{"--random-shift", "32"},
                   {"--random-shift is 32", "32x32", "at most 31 pixels"});
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}
