// SPDX-License-Identifier: MIT
#include <filesystem>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/checkpoint_replacement.hpp>
#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_checkpoints.hpp"

using namespace scoresde;
using Catch::Contains;

TEST_CASE("the checkpoints of runs are distinguished from weights and from other files") {
  const test::TemporaryFolder folder;
  const auto graph = nn::unet(test::tiny_config());
  const auto& table = graph.parameters();
  const std::vector<float> weights(table.size());
  const auto run = folder / "run.safetensors", alone = folder / "weights.safetensors";
  save_checkpoint(run, table, TrainingState<float>::start(weights), describe(VeSde{}));
  save_weights<float>(alone, table, weights, describe(VeSde{}), 3);
  std::filesystem::create_symlink(run, folder / "link");
  CHECK(holds_training_state(run));
  CHECK(holds_training_state(folder / "link"));
  CHECK(holds_training_state(test::tiny_checkpoints() / "tiny.pth"));
  CHECK_FALSE(holds_training_state(alone));
  CHECK_FALSE(holds_training_state(test::tiny_checkpoints() / "tensors.pth"));
  CHECK_FALSE(holds_training_state(folder.write("text", "no checkpoint at all")));
  CHECK_FALSE(holds_training_state(folder.path()));
  CHECK_FALSE(holds_training_state(folder / "none"));
  CHECK_NOTHROW(require_replaceable("--out", alone));
  CHECK_NOTHROW(require_replaceable("--out", test::tiny_checkpoints() / "tensors.pth"));
  CHECK_NOTHROW(require_replaceable("--out", folder / "none"));
  CHECK_NOTHROW(require_replaceable("--out", folder.write("empty", "")));
  CHECK_THROWS_WITH(require_replaceable("--out", folder / "text"),
                    Contains("--out: ") && Contains("text exists and does not hold weights alone"));
  auto about = describe(VeSde{});
  about["snapshot.average"] = "none";
  const auto snapshot = folder / "weights_0000000020_raw.safetensors";
  save_weights<float>(snapshot, table, weights, about, 3);
  CHECK_FALSE(holds_training_state(snapshot));
  CHECK_THROWS_WITH(require_replaceable("--export-ema", snapshot),
                    Contains("--export-ema: ") && Contains("raw.safetensors is a snapshot of a") &&
                        Contains("--overwrite"));
  CHECK_THROWS_WITH(require_replaceable("--out", folder / "link"),
                    Contains("--out: ") && Contains("link is the checkpoint of a training run") &&
                        Contains("--overwrite"));
}

TEST_CASE("a long list of differences begins with the shapes and states how many are omitted") {
  detail::Differences differences;
  CHECK_NOTHROW(differences.reject("it does not match:"));
  for (int i = 0; i < 1000; ++i) differences.add("tensor ", i, " is missing");
  differences.add_first("tensor a has shape (3, 3)");
  std::string message;
  try {
    differences.reject("it does not match:");
  } catch (const Error& failure) {
    message = failure.what();
  }
  CHECK(message.starts_with(
      "it does not match:\n  tensor a has shape (3, 3)\n  tensor 0 is missing"));
  CHECK(message.ends_with("\n  tensor 22 is missing\n  and 977 more"));
}
