// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/initial_weights.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;
using Catch::Contains;
using test::TemporaryFolder;

namespace {

nn::ParameterTable table_of(const nn::UNetConfig& network) {
  return nn::unet(network).parameters();
}

nn::UNetConfig with_classes() {
  nn::UNetConfig network = test::tiny_network();
  network.num_class_embeds = 3;
  return network;
}

/// A state with different parameters, average and moments.
TrainingState<float> trained_state(const nn::ParameterTable& table) {
  auto state = TrainingState<float>::start(initial_parameters<float>(table, 5));
  for (std::size_t i = 0; i < table.size(); ++i) {
    state.average[i] = 0.5f * state.parameters[i];
    state.first_moment[i] = 1;
  }
  state.step = 90;
  return state;
}

Metadata configuration_of(const nn::UNetConfig& network) {
  return run_configuration(network, VpSde{}, test::tiny_training());
}

}  // namespace

TEST_CASE("a run starts from the average of a checkpoint, or from exported weights") {
  const TemporaryFolder folder;
  const auto table = table_of(test::tiny_network());
  const auto state = trained_state(table);
  const auto configuration = configuration_of(test::tiny_network());
  save_checkpoint(folder / "run.safetensors", table, state, configuration);
  save_weights(folder / "half.safetensors", table, std::span<const float>(state.parameters),
               configuration, 90);
  save_weights<float, io::Half>(folder / "half16.safetensors", table,
                                std::span<const float>(state.parameters), configuration, 90);
  const auto usual = initial_parameters<float>(table, 6);
  const auto read = [&](const char* name) {
    const auto start = read_initial_weights(folder / name, table, std::span<const float>(usual));
    CHECK(start.initialized.empty());
    return start.weights;
  };
  CHECK(read("run.safetensors") == state.average);
  CHECK(read("half.safetensors") == state.parameters);
  const auto half = read("half16.safetensors");
  CHECK(half != state.parameters);
  for (std::size_t i = 0; i < table.size(); ++i)
    REQUIRE(half[i] == Approx(state.parameters[i]).epsilon(1e-3).margin(1e-7));
}

TEST_CASE("a class embedding that the file lacks keeps its initial values and is named") {
  const TemporaryFolder folder;
  const auto plain = table_of(test::tiny_network()), conditional = table_of(with_classes());
  const auto state = trained_state(plain);
  const auto path = folder / "run.safetensors";
  save_checkpoint(path, plain, state, configuration_of(test::tiny_network()));
  const auto usual = initial_parameters<float>(conditional, 6);
  const auto start = read_initial_weights(path, conditional, std::span<const float>(usual));
  CHECK(start.initialized == std::vector<std::string>{"class_embedding.weight"});
  REQUIRE(start.weights.size() == conditional.size());
  for (const nn::Parameter& p : conditional.entries()) {
    const bool embedding = p.name == class_embedding_tensor;
    const auto* const expected =
        embedding ? &usual[p.offset] : &state.average[plain.find(p.name).offset];
    INFO(p.name);
    CHECK(std::equal(expected, expected + p.size, &start.weights[p.offset]));
  }
}

TEST_CASE("initial weights of another network are rejected with every difference") {
  const TemporaryFolder folder;
  const auto plain = table_of(test::tiny_network()), conditional = table_of(with_classes());
  const auto rejects = [&](const nn::ParameterTable& table, const char* name, const auto& match) {
    const auto usual = initial_parameters<float>(table, 6);
    CHECK_THROWS_WITH(read_initial_weights(folder / name, table, std::span<const float>(usual)),
                      match);
  };
  save_checkpoint(folder / "classes.safetensors", conditional, trained_state(conditional),
                  configuration_of(with_classes()));
  rejects(plain, "classes.safetensors",
          Contains("classes.safetensors do not match the network") &&
              Contains("class_embedding.weight (3, 32) is not among the network's parameters"));

  save_checkpoint(folder / "plain.safetensors", plain, trained_state(plain),
                  configuration_of(test::tiny_network()));
  nn::UNetConfig wide = test::tiny_network();
  wide.nf = 16;
  rejects(table_of(wide), "plain.safetensors",
          Contains("all_modules.2.weight has shape (8, 1, 3, 3); the network has (16, 1, 3, 3)"));

  auto file = io::read_safetensors(folder / "plain.safetensors");
  file.tensors.erase("ema.all_modules.2.bias");
  io::write_safetensors(folder / "part.safetensors", file);
  rejects(plain, "part.safetensors", Contains("tensor ema.all_modules.2.bias (8) is missing"));
  file.metadata.erase("format");
  io::write_safetensors(folder / "other.safetensors", file);
  rejects(plain, "other.safetensors", Contains("its format is ''"));
}

TEST_CASE("initial weights that are not finite are rejected") {
  const TemporaryFolder folder;
  const auto table = table_of(test::tiny_network());
  auto state = trained_state(table);
  state.average[0] = std::numeric_limits<float>::quiet_NaN();
  save_checkpoint(folder / "run.safetensors", table, state, configuration_of(test::tiny_network()));
  const auto usual = initial_parameters<float>(table, 6);
  CHECK_THROWS_WITH(
      read_initial_weights(folder / "run.safetensors", table, std::span<const float>(usual)),
      Contains("holds a value that is not finite"));
}
