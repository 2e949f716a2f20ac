// SPDX-License-Identifier: MIT
/// cifar10_train --init-weights: new runs that start from the weights of others.
#include <filesystem>
#include <string>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>

#include "programs/cifar10_programs.hpp"
#include "programs/made_up_data.hpp"

using namespace scoresde;
using namespace scoresde::test;

namespace {

const Words smaller{"--network",   "nf=8",      "--network",
                    "ch_mult=1,2", "--network", "attn_resolutions="};

Words words_of(const TemporaryFolder& data, const std::filesystem::path& out) {
  return tiny_run(data, out) + smaller + Words{"--iterations", "1"};
}

/// Whether the second file's weights are the first one's averages, where that has them. The first
/// update of a warm-up has the rate 0.
bool starts_from(const std::filesystem::path& first, const std::filesystem::path& second) {
  const auto from = io::read_safetensors(first), to = io::read_safetensors(second);
  for (const auto& [name, tensor] : from.tensors)
    if (name.starts_with("ema.") &&
        to.at("model." + name.substr(4)).as<float>() != tensor.as<float>())
      return false;
  return true;
}

}  // namespace

TEST_CASE("a run starts from the averages of another SDE's run, and names them when resumed",
          "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto first = folder / "first" / "checkpoint.safetensors";
  require_success(train_program, tiny_run(data, folder / "first") + smaller +
                                     Words{"--iterations", "4", "--lr", "0.01"});
  const auto out = folder / "second";
  const Words edm = words_of(data, out) + Words{"--preset", "cifar10_small_edm"};
  const Outcome outcome =
      require_success(train_program, edm + Words{"--init-weights", first.string()});
  CHECK(outcome.says("weights     of " + first.string() + ", step 4"));
  CHECK_FALSE(outcome.says("is not in the file"));
  CHECK(starts_from(first, out / "checkpoint.safetensors"));
  CHECK(read_step(out / "checkpoint.safetensors") == 1);
  const auto record = [&] {
    return read_configuration(out / "checkpoint.safetensors").at("program.init_weights");
  };
  CHECK(record().starts_with("checkpoint.safetensors sha256:"));
  const std::string before = record();
  require_success(train_program, edm + Words{"--resume", "--iterations", "2"});
  CHECK(read_step(out / "checkpoint.safetensors") == 2);
  CHECK(record() == before);
}

TEST_CASE("a class-conditional run starts from an unconditional network", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto first = folder / "first" / "checkpoint.safetensors";
  require_success(train_program, words_of(data, folder / "first"));
  const Outcome outcome = require_success(
      train_program, words_of(data, folder / "second") +
                         Words{"--class-conditional", "--init-weights", first.string()});
  CHECK(outcome.says("class_embedding.weight is not in the file: new"));
  CHECK(outcome.says("num_class_embeds is 0 in the file and 10 in this run"));
  CHECK(starts_from(first, folder / "second" / "checkpoint.safetensors"));
  require_rejected(
      train_program,
      words_of(data, folder / "third") +
          Words{"--init-weights", (folder / "second" / "checkpoint.safetensors").string()},
      {"--init-weights", "class_embedding.weight (10,", "is not among"});
}

TEST_CASE("weights that do not fit a new run are rejected before it writes", "[slow]") {
  const TemporaryFolder data, folder;
  make_data(data);
  const auto first = folder / "first" / "checkpoint.safetensors";
  require_success(train_program, words_of(data, folder / "first"));
  const auto out = folder / "second";
  const auto rejects = [&](const Words& more, const Words& words) {
    require_rejected(train_program, words_of(data, out) + more, words);
    CHECK_FALSE(std::filesystem::exists(out / "checkpoint.safetensors"));
  };
  rejects({"--init-weights", first.string(), "--network", "nf=16"},
          {"--init-weights", "has shape", "the network has"});
  rejects({"--init-weights", (folder / "none").string()}, {"--init-weights", "does not exist"});
  rejects({"--init-weights", folder.path().string()}, {"--init-weights", "is a folder"});
  rejects({"--init-weights", data.path().string() + "/test_batch.bin"}, {"--init-weights"});
  rejects({"--init-weights", first.string(), "--resume"}, {"--init-weights", "--resume"});
}
