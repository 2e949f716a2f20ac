// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;
using Catch::Contains;
using test::TemporaryFolder;
using test::tiny_images;
using test::tiny_trainer;

namespace {

Metadata tiny_configuration() {
  return run_configuration(test::tiny_network(), VpSde{}, test::tiny_training());
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
bool same_bits(const TrainingState<T>& a, const TrainingState<T>& b) {
  bool same_tracks = a.tracks.size() == b.tracks.size();
  for (std::size_t j = 0; same_tracks && j < a.tracks.size(); ++j)
    same_tracks = same_bits(a.tracks[j], b.tracks[j]);
  return same_tracks && a.step == b.step && same_bits(a.parameters, b.parameters) &&
         same_bits(a.average, b.average) && same_bits(a.first_moment, b.first_moment) &&
         same_bits(a.second_moment, b.second_moment);
}

template <class Trainer>
void train(Trainer& trainer, std::uint64_t steps) {
  using T = typename Trainer::Scalar;
  for (std::uint64_t i = 0; i < steps; ++i) {
    const auto images = tiny_images<T>(4, trainer.step_count());
    trainer.step(images);
  }
}

/// A table of three small parameters and a state with distinct values.
nn::ParameterTable small_table() {
  nn::ParameterTable table;
  table.add("all_modules.0.weight", {2, 3}, nn::constant(0));
  table.add("all_modules.0.bias", {2}, nn::constant(0));
  table.add("all_modules.1.weight", {1, 2, 1, 1}, nn::constant(0));
  return table;
}

template <class T>
TrainingState<T> small_state() {
  const nn::ParameterTable table = small_table();
  TrainingState<T> state = TrainingState<T>::start(std::vector<T>(table.size()));
  T value = T(0.1);
  for (auto* buffer :
       {&state.parameters, &state.average, &state.first_moment, &state.second_moment})
    for (const nn::Parameter& p : table.entries())
      for (std::size_t i = 0; i < p.size; ++i) (*buffer)[p.offset + i] = (value += T(1) / T(3));
  state.step = 1234567890123;
  return state;
}

const Metadata small_configuration{{"network.nf", "16"}, {"training.seed", "1"}};

/// A file written by save_checkpoint and changed by `edit`.
std::filesystem::path edited(const TemporaryFolder& folder,
                             const std::function<void(io::TensorFile&)>& edit) {
  const auto path = folder / "edited.safetensors";
  save_checkpoint(path, small_table(), small_state<float>(), small_configuration);
  io::TensorFile file = io::read_safetensors(path);
  edit(file);
  io::write_safetensors(path, file);
  return path;
}

std::string rejections(const std::filesystem::path& path) {
  try {
    (void)load_checkpoint<float>(path, small_table(), small_configuration);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a resumed run is bit-identical to an uninterrupted one") {
  const TemporaryFolder folder;
  const auto path = folder / "run.safetensors";
  auto whole = tiny_trainer<float>(4), first = tiny_trainer<float>(4),
       second = tiny_trainer<float>(4);
  train(whole, 6);
  train(first, 3);
  save_checkpoint(path, first.parameters(), first.state(), tiny_configuration());
  second.restore(load_checkpoint<float>(path, second.parameters(), tiny_configuration()));
  CHECK(second.step_count() == 3);
  CHECK(same_bits(second.state(), first.state()));
  train(second, 3);
  CHECK(same_bits(second.state(), whole.state()));
  CHECK_FALSE(same_bits(second.state(), first.state()));
}

TEST_CASE("a resumed run with two tracks and a decay is bit-identical to an uninterrupted one") {
  const TemporaryFolder folder;
  const auto path = folder / "run.safetensors";
  TrainingConfiguration training = test::tiny_training();
  training.ema_tracks = {ExponentialMovingAverage::power(0.05),
                         ExponentialMovingAverage::power(0.1)};
  training.optimizer.decay = {.first = 4, .updates = 3};
  const Metadata flat = run_configuration(test::tiny_network(), VpSde{}, training);
  auto whole = tiny_trainer<float>(4, training), first = tiny_trainer<float>(4, training),
       second = tiny_trainer<float>(4, training);
  train(whole, 7);
  train(first, 5);
  save_checkpoint(path, first.parameters(), first.state(), flat);
  const auto kept = load_checkpoint<float>(path, second.parameters(), flat);
  CHECK(same_bits(kept, first.state()));
  second.restore(kept);
  train(second, 2);
  CHECK(same_bits(second.state(), whole.state()));
  REQUIRE(whole.state().tracks.size() == 2);
  CHECK_FALSE(same_bits(whole.state().tracks[0], whole.state().tracks[1]));
  CHECK_FALSE(same_bits(whole.state().tracks[0], whole.state().parameters));

  // Sampling uses the average; the tracks are ignored.
  std::vector<float> weights(second.parameters().size());
  load_weights(path, second.parameters(), std::span<float>(weights));
  CHECK(same_bits(weights, first.state().average));
  auto plain = tiny_trainer<float>(4);
  CHECK_THROWS_WITH(plain.restore(kept), Contains("2 tracks of averages; there must be 0"));
  CHECK_THROWS_WITH(load_checkpoint<float>(path, plain.parameters(), tiny_configuration()),
                    Contains("training.ema_track_gammas"));
  CHECK_THROWS_WITH(save_checkpoint(path, plain.parameters(), kept, tiny_configuration()),
                    Contains("there must be 0"));
}

TEST_CASE("weights stored as float16 are rounded to 11 bits, and too large ones are rejected") {
  const TemporaryFolder folder;
  const nn::ParameterTable table = small_table();
  std::vector<float> weights(table.size()), read(table.size());
  for (const nn::Parameter& p : table.entries())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i)
      weights[i] = std::sin(float(i) + 1) / 3;
  const auto save = [&] {
    save_weights<float, io::Half>(folder / "half", table, std::span<const float>(weights),
                                  small_configuration, 5);
  };
  save();
  load_weights(folder / "half", table, std::span<float>(read));
  for (const nn::Parameter& p : table.entries())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      CHECK(read[i] != weights[i]);
      CHECK(read[i] == Approx(weights[i]).epsilon(0x1p-11).margin(0));
    }
  const io::TensorFile file = io::read_safetensors(folder / "half");
  CHECK(file.at("model.all_modules.0.bias").dtype == "F16");
  CHECK(read_step(folder / "half") == 5);
  weights[3] = 7e4f;
  CHECK_THROWS_WITH(save(), Contains("exceeds the range of float16"));
  CHECK(read_step(folder / "half") == 5);
}

TEMPLATE_TEST_CASE("a checkpoint preserves every bit of the state", "", float, double) {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  const auto state = small_state<TestType>();
  save_checkpoint(path, small_table(), state, small_configuration);
  CHECK(same_bits(load_checkpoint<TestType>(path, small_table(), small_configuration), state));
  CHECK(read_configuration(path) == small_configuration);
  CHECK(read_step(path) == 1234567890123);
  CHECK(folder.files() == 1);
}

TEST_CASE("tensors have score_sde's names under model, ema and the two moments") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  const auto state = small_state<float>();
  save_checkpoint(path, small_table(), state, small_configuration);
  const io::TensorFile file = io::read_safetensors(path);
  CHECK(file.tensors.size() == 12);
  const auto& weight = file.at("adam.second_moment.all_modules.1.weight");
  CHECK(weight.shape == std::vector<std::size_t>{1, 2, 1, 1});
  const std::size_t last = small_table().find("all_modules.1.weight").offset;
  CHECK(weight.as<float>() ==
        std::vector<float>{state.second_moment[last], state.second_moment[last + 1]});
  CHECK(file.at("model.all_modules.0.bias").as<float>()[0] ==
        state.parameters[small_table().find("all_modules.0.bias").offset]);
  CHECK(file.at("ema.all_modules.0.weight").as<float>()[0] == state.average[0]);
}

TEST_CASE("weights for sampling are the average, from a run's checkpoint and from an export") {
  const TemporaryFolder folder;
  const auto state = small_state<double>();
  save_checkpoint(folder / "run.safetensors", small_table(), state, small_configuration);
  save_weights(folder / "weights.safetensors", small_table(),
               std::span<const double>(state.average), small_configuration, state.step);
  const std::size_t size = small_table().size();
  std::vector<float> expected(state.average.begin(), state.average.end()), run(size),
      exported(size);
  load_weights(folder / "run.safetensors", small_table(), std::span<float>(run));
  load_weights(folder / "weights.safetensors", small_table(), std::span<float>(exported));
  CHECK(run == expected);
  CHECK(exported == expected);
  std::vector<double> promoted(size);
  load_weights(folder / "weights.safetensors", small_table(), std::span<double>(promoted));
  CHECK(promoted[3] == double(expected[3]));
  const io::TensorFile file = io::read_safetensors(folder / "weights.safetensors");
  CHECK(file.tensors.size() == 3);
  CHECK(file.at("model.all_modules.0.bias").dtype == "F32");
  CHECK(read_configuration(folder / "weights.safetensors") == small_configuration);
  CHECK(read_step(folder / "weights.safetensors") == state.step);
}

TEST_CASE("a checkpoint of another configuration is rejected with every difference") {
  const TemporaryFolder folder;
  const auto path = folder / "a.safetensors";
  save_checkpoint(path, small_table(), small_state<float>(), small_configuration);
  Metadata other{{"network.nf", "32"}, {"sde.name", "ve"}};
  CHECK_THROWS_WITH(load_checkpoint<float>(path, small_table(), other),
                    Contains("a.safetensors does not match this run") &&
                        Contains("network.nf is '16' in the file; the run has '32'") &&
                        Contains("sde.name is absent from the file; the run has 've'") &&
                        Contains("training.seed is '1' in the file; the run has none"));
}

TEST_CASE("tensors that are missing, unexpected or of another shape are all listed") {
  const TemporaryFolder folder;
  const auto path = edited(folder, [](io::TensorFile& file) {
    file.tensors.erase("ema.all_modules.0.bias");
    const std::vector<float> values(6);
    file.set<float>("model.all_modules.0.weight", {3, 2}, values);
    file.set<float>("model.all_modules.9.weight", {6}, values);
    file.set<float>("sigmas", {6}, values);
  });
  const std::string text = rejections(path);
  CHECK_THAT(text, Contains("ema.all_modules.0.bias (2) is missing"));
  CHECK_THAT(text, Contains("model.all_modules.0.weight has shape (3, 2); the network has (2, 3)"));
  CHECK_THAT(text, Contains("model.all_modules.9.weight (6) is not among"));
  CHECK_THAT(text, Contains("sigmas (6) is not among"));
}

TEST_CASE("tensors of another type, nonfinite values and an invalid step are rejected") {
  const TemporaryFolder folder;
  CHECK_THAT(rejections(edited(folder,
                               [](io::TensorFile& file) {
                                 const std::vector<double> values(2);
                                 file.set<double>("model.all_modules.0.bias", {2}, values);
                               })),
             Contains("model.all_modules.0.bias is of type F64; it must be F32"));
  CHECK_THAT(rejections(edited(
                 folder,
                 [](io::TensorFile& file) {
                   const std::vector<float> values{1, std::numeric_limits<float>::quiet_NaN()};
                   file.set<float>("ema.all_modules.0.bias", {2}, values);
                 })),
             Contains("ema.all_modules.0.bias holds a value that is not finite"));
  CHECK_THAT(
      rejections(edited(folder, [](io::TensorFile& file) { file.metadata["step"] = "12a"; })),
      Contains("step is '12a'"));
  CHECK_THAT(rejections(edited(folder, [](io::TensorFile& file) { file.metadata.erase("step"); })),
             Contains("no step"));
  CHECK_THROWS_WITH(load_checkpoint<double>(edited(folder, [](io::TensorFile&) {}), small_table(),
                                            small_configuration),
                    Contains("of type F32; it must be F64"));
}

TEST_CASE(
    "weights that are integers, of another network or incomplete are rejected and leave the buffer "
    "unchanged") {
  const TemporaryFolder folder;
  std::vector<float> weights(small_table().size(), 7.0f);
  const auto integers = edited(folder, [](io::TensorFile& file) {
    const std::vector<std::int32_t> values(2);
    file.set<std::int32_t>("ema.all_modules.0.bias", {2}, values);
    file.tensors.erase("ema.all_modules.1.weight");
  });
  CHECK_THROWS_WITH(load_weights(integers, small_table(), std::span<float>(weights)),
                    Contains("is of type I32") && Contains("all_modules.1.weight (1, 2, 1, 1)"));
  CHECK(weights == std::vector<float>(weights.size(), 7.0f));
  std::vector<float> short_buffer(9);
  CHECK_THROWS_WITH(load_weights(integers, small_table(), std::span<float>(short_buffer)),
                    Contains("holds 9 scalars"));
  nn::ParameterTable other;
  other.add("all_modules.5.W", {10}, nn::constant(0));
  weights.resize(other.size());
  CHECK_THROWS_WITH(
      load_weights(edited(folder, [](io::TensorFile&) {}), other, std::span<float>(weights)),
      Contains("ema.all_modules.5.W (10) is missing") && Contains("is not among"));
}

TEST_CASE("exported weights and other files are rejected as checkpoints of a run") {
  const TemporaryFolder folder;
  const auto state = small_state<float>();
  const auto path = folder / "w.safetensors";
  save_weights(path, small_table(), std::span<const float>(state.average), small_configuration, 3);
  CHECK_THAT(rejections(path), Contains("format is 'scoresde weights'"));
  io::TensorFile foreign;
  foreign.set<float>("x", {10}, std::span<const float>(state.average).first(10));
  io::write_safetensors(path, foreign);
  CHECK_THROWS_WITH(read_configuration(path), Contains("its format is ''"));
  CHECK_THAT(rejections(path), Contains("format is ''") && Contains("tensor x (10)"));
}

TEST_CASE("truncated and missing checkpoints are rejected by name") {
  const TemporaryFolder folder;
  const auto path = edited(folder, [](io::TensorFile&) {});
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  CHECK_THAT(rejections(path), Contains("edited.safetensors"));
  CHECK(rejections(path) != "accepted");
  std::filesystem::resize_file(path, 4);
  CHECK_THAT(rejections(path), Contains("4 bytes"));
  CHECK_THAT(rejections(folder / "none.safetensors"), Contains("does not exist"));
}

TEST_CASE("a checkpoint that cannot be written leaves the old one intact") {
  const TemporaryFolder folder;
  const auto inner = folder / "inner";
  std::filesystem::create_directory(inner);
  const auto path = inner / "a.safetensors";
  const auto state = small_state<float>();
  save_checkpoint(path, small_table(), state, small_configuration);
  auto later = state;
  later.step += 1;
  CHECK_THROWS_WITH(save_checkpoint(folder / "absent" / "a.safetensors", small_table(), later,
                                    small_configuration),
                    Contains("absent"));
  // Where not even root can write, and over a folder.
  CHECK_THROWS_WITH(
      save_checkpoint("/proc/a.safetensors", small_table(), later, small_configuration),
      Contains("/proc/a.safetensors cannot be created"));
  CHECK_THROWS_WITH(save_checkpoint(inner, small_table(), later, small_configuration),
                    Contains("is a directory; only a regular file is replaced"));
  CHECK(folder.files() == 1);
  // A setting with a reserved name is rejected before anything is written.
  CHECK_THROWS_WITH(save_checkpoint(path, small_table(), later, {{"step", "1"}}),
                    Contains("must not be named step"));
  later.average.pop_back();
  CHECK_THROWS_AS(save_checkpoint(path, small_table(), later, small_configuration), Error);
  if (::geteuid() != 0) {  // root may write everywhere
    later = state;
    std::filesystem::permissions(
        inner, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    CHECK_THROWS_WITH(save_checkpoint(path, small_table(), later, small_configuration),
                      Contains("cannot be created"));
    std::filesystem::permissions(inner, std::filesystem::perms::owner_all);
  }
  CHECK(same_bits(load_checkpoint<float>(path, small_table(), small_configuration), state));
}

TEST_CASE("a checkpoint is written with the first name of its SDE and resumes under every name") {
  const TemporaryFolder folder;
  const auto path = folder / "run.safetensors";
  Metadata karras = small_configuration;
  karras["sde.name"] = karras["training.loss"] = "karras";
  Metadata edm = karras;
  edm["sde.name"] = edm["training.loss"] = "edm";
  save_checkpoint(path, small_table(), small_state<float>(), edm);
  CHECK(read_configuration(path) == karras);
  CHECK_NOTHROW((void)load_checkpoint<float>(path, small_table(), edm));
  io::TensorFile file = io::read_safetensors(path);
  file.metadata["sde.name"] = "edm";
  io::write_safetensors(path, file);
  CHECK_NOTHROW((void)load_checkpoint<float>(path, small_table(), karras));
}
