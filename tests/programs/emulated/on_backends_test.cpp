// SPDX-License-Identifier: MIT
/// The CIFAR-10 programs on a GPU, emulated on the host, compared with the CPU: runs that change
/// the backend, and the same samples from the same seed.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/io/npy.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/registry/presets.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "cli/edit_options.hpp"
#include "cli/sample_options.hpp"
#include "cli/train_options.hpp"
#include "engine/engine.hpp"
#include "programs/made_up_data.hpp"
#include "programs/program_runner.hpp"
#include "support/catch.hpp"
#include "support/png_file.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using test::TemporaryFolder;
using test::text_of;

namespace {

/// A network of a few thousand parameters for CIFAR-10 images.
nn::Preset tiny_preset(std::uint64_t iterations, const char* name = "cifar10_small") {
  nn::Preset preset = nn::preset(name);
  preset.network.nf = 4;
  preset.network.ch_mult = {1, 2};
  preset.network.num_res_blocks = 1;
  preset.network.attn_resolutions = {};
  preset.batch_size = 4;
  preset.warmup = 2;
  preset.n_iters = iterations;
  return preset;
}

programs::TrainOptions train_options(const TemporaryFolder& data, const std::filesystem::path& out,
                                     const char* precision = "fp32") {
  programs::TrainOptions options;
  options.data = data.path();
  options.out = out;
  options.network_batch = 2;
  options.log_every = 1;
  options.checkpoint_every = 100;
  options.snapshot_every = 0;
  options.snapshot_steps = 1;
  options.resume = std::filesystem::exists(out / "checkpoint.safetensors");
  options.backend.precision = precision;
  options.backend.threads = 2;
  return options;
}

/// The largest difference of two images of the same name, in 1/255.
int most_levels_apart(const std::filesystem::path& first, const std::filesystem::path& second,
                      const char* name) {
  const auto a = test::read_png(first / name), b = test::read_png(second / name);
  REQUIRE(a.pixels.size() == b.pixels.size());
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, std::abs(int(a.pixels[i]) - int(b.pixels[i])));
  return most;
}

/// Columns "loss" of a log, by step.
std::map<int, double> losses(const std::filesystem::path& run) {
  std::ifstream stream(run / "train_log.csv");
  std::string line;
  std::getline(stream, line);
  std::map<int, double> found;
  while (std::getline(stream, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream fields(line);
    double step = 0, images = 0, seconds = 0, loss = 0;
    fields >> step >> images >> seconds >> loss;
    found[int(step)] = loss;
  }
  return found;
}

/// ‖a − b‖/‖b‖ over all tensors of a family.
double distance(const std::filesystem::path& a, const std::filesystem::path& b,
                const std::string& family) {
  const auto found = io::read_safetensors(a), wanted = io::read_safetensors(b);
  double error = 0, size = 0;
  for (const auto& [name, tensor] : wanted.tensors) {
    if (!name.starts_with(family)) continue;
    const auto x = found.at(name).as<float>(), y = tensor.as<float>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      error += std::pow(double(x[i]) - double(y[i]), 2);
      size += std::pow(double(y[i]), 2);
    }
  }
  REQUIRE(size > 0);
  return std::sqrt(error / size);
}

/// A configuration with every path of the network, for color images.
nn::UNetConfig small_network(std::size_t classes = 0) {
  nn::UNetConfig config = small::every_path();
  config.num_channels = 3;
  config.num_class_embeds = classes;
  return config;
}

programs::SampleOptions sample_options(const std::filesystem::path& checkpoint,
                                       const std::filesystem::path& out) {
  programs::SampleOptions options;
  options.checkpoint = checkpoint;
  options.out = out;
  options.overwrite = true;
  options.samples = 3;
  options.batch = 2;
  options.classes.name = "none";
  options.backend.precision = "fp32";
  options.backend.threads = 2;
  return options;
}

SamplerChoice solver(const std::string& name, std::size_t steps = 4) {
  SamplerChoice choice;
  choice.solver = name;
  choice.steps = steps;
  if (steps == 0) choice.rtol = choice.atol = 0.05;
  return choice;
}

SamplerChoice pc(const std::string& predictor, const std::string& corrector) {
  SamplerChoice choice = solver("pc");
  choice.predictor = predictor;
  choice.corrector = corrector;
  return choice;
}

/// Samples on both backends; returns the distance between their samples.
double difference(const TemporaryFolder& folder, programs::SampleOptions options,
                  const SamplerChoice& choice) {
  options.sampler = choice;
  resolve_defaults(options.sampler, {});
  const auto configuration = read_configuration(options.checkpoint);
  for (const char* out : {"host", "device"}) std::filesystem::create_directories(folder / out);
  options.out = folder / "host";
  programs::sample_on_host(options, configuration);
  options.out = folder / "device";
  programs::sample_on_device(options, configuration);
  const auto found = folder / "device" / "samples.safetensors",
             wanted = folder / "host" / "samples.safetensors";
  CHECK(io::read_safetensors(found).metadata.at("sampler") ==
        io::read_safetensors(wanted).metadata.at("sampler"));
  CHECK(io::read_safetensors(found).at("samples").shape ==
        io::read_safetensors(wanted).at("samples").shape);
  CHECK(std::filesystem::exists(folder / "device" / "samples.png"));
  return distance(found, wanted, "samples");
}

std::string nfe(const std::filesystem::path& out) {
  return io::read_safetensors(out / "samples.safetensors").metadata.at("nfe");
}

}  // namespace

TEST_CASE(
    "a run continues from the device on the CPU and back, and resumes bit-identically on the "
    "device",
    "[slow]") {
  const TemporaryFolder data, folder;
  test::make_data(data);
  const auto host = folder / "host", mixed = folder / "mixed", whole = folder / "whole",
             parts = folder / "parts", eager = folder / "eager";
  const auto file = [](const std::filesystem::path& run) { return run / "checkpoint.safetensors"; };
  programs::train_on_host(train_options(data, host), tiny_preset(4));
  auto with_snapshot = train_options(data, mixed);
  with_snapshot.snapshot_every = 2;
  programs::train_on_device(with_snapshot, tiny_preset(2));
  CHECK(losses(mixed).size() == 2);
  programs::train_on_host(train_options(data, mixed), tiny_preset(3));
  programs::train_on_device(train_options(data, mixed), tiny_preset(4));
  const auto found = losses(mixed), wanted = losses(host);
  REQUIRE(found.size() == 4);
  for (const auto& [step, loss] : wanted) CHECK(found.at(step) == Approx(loss).epsilon(1e-4));
  for (const char* family : {"model.", "ema.", "adam.first_moment.", "adam.second_moment."})
    CHECK(distance(file(mixed), file(host), family) < 2e-3);
  CHECK(read_configuration(file(mixed)) == read_configuration(file(host)));
  CHECK(std::filesystem::exists(mixed / "snapshot_0000002.png"));

  programs::train_on_device(train_options(data, whole, "bf16"), tiny_preset(4));
  programs::train_on_device(train_options(data, parts, "bf16"), tiny_preset(2));
  programs::train_on_device(train_options(data, parts, "bf16"), tiny_preset(4));
  CHECK(text_of(file(parts)) == text_of(file(whole)));
  CHECK(losses(parts) == losses(whole));
  auto without_graphs = train_options(data, eager, "bf16");
  without_graphs.backend.no_graph = true;
  without_graphs.log_every = 3;
  programs::train_on_device(without_graphs, tiny_preset(4));
  CHECK(text_of(file(eager)) == text_of(file(whole)));
  const auto each = losses(whole);
  CHECK(losses(eager).at(3) == Approx((each.at(1) + each.at(2) + each.at(3)) / 3).epsilon(1e-7));
}

TEST_CASE("a classifier's run continues from the device on the CPU and back", "[slow]") {
  const TemporaryFolder data, folder;
  test::make_data(data);
  const auto host = folder / "host", mixed = folder / "mixed";
  const auto preset = [](std::uint64_t iterations) {
    nn::Preset preset = tiny_preset(iterations, "cifar10_classifier_small");
    preset.network.attention_head_dim = 4;
    return preset;
  };
  programs::train_on_host(train_options(data, host), preset(3));
  auto with_snapshot = train_options(data, mixed);
  with_snapshot.snapshot_every = 1;
  programs::train_on_device(with_snapshot, preset(1));
  CHECK_FALSE(std::filesystem::exists(mixed / "snapshot_0000001.png"));  // it has no samples
  programs::train_on_host(train_options(data, mixed), preset(2));
  programs::train_on_device(train_options(data, mixed), preset(3));
  const auto found = losses(mixed), wanted = losses(host);
  REQUIRE(found.size() == 3);
  for (const auto& [step, loss] : wanted) CHECK(found.at(step) == Approx(loss).epsilon(1e-4));
}

TEST_CASE("every kind of preset starts on the device as on the CPU", "[slow]") {
  const TemporaryFolder data, folder;
  test::make_data(data);
  const auto compare = [&](const nn::Preset& preset) {
    INFO(preset.name);
    const TemporaryFolder runs;
    auto on_host = train_options(data, runs / "host"),
         options = train_options(data, runs / "device");
    on_host.snapshot_every = options.snapshot_every = 1;
    programs::train_on_host(on_host, preset);
    programs::train_on_device(options, preset);
    CHECK(losses(runs / "device").at(1) == Approx(losses(runs / "host").at(1)).epsilon(1e-4));
    CHECK(most_levels_apart(runs / "host", runs / "device", "snapshot_0000001.png") <= 2);
  };
  for (const char* name : {"vp/cifar10_ddpmpp", "ve/cifar10_ncsnpp", "ve/cifar10_ncsnpp_continuous",
                           "subvp/cifar10_ddpmpp_continuous", "cifar10_small_karras"})
    compare(tiny_preset(1, name));
  compare(nn::class_conditional(tiny_preset(1), 10));
}

TEST_CASE("a run on the device stops in time and saves, and rejects invalid settings by name",
          "[slow]") {
  const TemporaryFolder data, folder;
  test::make_data(data);
  auto options = train_options(data, folder / "run");
  options.minutes = 1e-9;
  programs::train_on_device(options, tiny_preset(4));
  CHECK(read_step(folder / "run" / "checkpoint.safetensors") == 0);
  auto other = train_options(data, folder / "run");
  other.seed = 7;
  CHECK_THROWS_WITH(programs::train_on_device(other, tiny_preset(4)), Contains("training.seed"));
  auto elsewhere = train_options(data, folder / "none");
  elsewhere.backend.device = 3;
  CHECK_THROWS_WITH(programs::train_on_device(elsewhere, tiny_preset(4)), Contains("device is 3"));
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
}

TEST_CASE("both backends give the same samples for a seed, with every kind of sampler", "[slow]") {
  const TemporaryFolder folder;
  const auto path = small::weights_file<DenoisingScoreMatching>(folder, small_network(), VpSde{});
  auto options = sample_options(path, {});
  for (const auto& choice :
       {pc("ancestral", "langevin"), pc("none", "annealed_langevin"), solver("heun"),
        solver("dpm-solver++-2m"), solver("sde-dpm-solver++-2m"), solver("adaptive-sde", 0),
        solver("dopri5", 0)}) {
    INFO(describe(choice));
    CHECK(difference(folder, options, choice) < 2e-4);
    CHECK(nfe(folder / "device") == nfe(folder / "host"));
  }
  const auto with_graphs = [&](bool graphs, const char* precision) {
    options.out = folder / "device";
    options.sampler = pc("reverse_diffusion", "langevin");
    resolve_defaults(options.sampler, {});
    options.backend.no_graph = !graphs;
    options.backend.precision = precision;
    programs::sample_on_device(options, read_configuration(path));
    return text_of(folder / "device" / "samples.safetensors");
  };
  CHECK(with_graphs(true, "bf16") == with_graphs(false, "bf16"));
  CHECK(with_graphs(true, "bf16") != with_graphs(true, "fp32"));
}

TEST_CASE("classes, guidance and EDM preconditioning give the CPU's samples on the device",
          "[slow]") {
  const TemporaryFolder folder;
  nn::UNetConfig config = small::every_path();
  config.num_class_embeds = 3;
  auto options =
      sample_options(small::weights_file<DenoisingScoreMatching>(folder, config, VpSde{}), {});
  options.classes.name = "all";
  options.columns = 1;
  CHECK(difference(folder, options, pc("ancestral", "none")) < 2e-4);
  const auto kept = io::read_safetensors(folder / "device" / "samples.safetensors");
  CHECK(kept.at("classes").as<std::uint32_t>() == std::vector<std::uint32_t>{0, 1, 2});
  options.classes.guidance = 1.5;
  options.classes.interval = {0.2, 5};
  CHECK(difference(folder, options, solver("heun")) < 2e-4);
  CHECK(nfe(folder / "device") == nfe(folder / "host"));
  options.classes = {};
  options.classes.name = "none";
  CHECK(difference(folder, options, solver("dopri5", 0)) < 2e-4);

  const TemporaryFolder karras;
  const auto path = small::weights_file<EdmLoss>(karras, small_network(), EdmSde{});
  CHECK(difference(karras, sample_options(path, {}), solver("karras-heun")) < 2e-4);
  for (const char* sde : {"vp", "ve"}) {
    INFO(sde);
    auto changed = sample_options(path, {});
    changed.sde = sde;
    CHECK(difference(karras, changed, pc("probability_flow", "langevin")) < 2e-4);
  }
}

namespace {

/// Edits of two images, with two results each, by a checkpoint.
programs::EditOptions edit_options(const TemporaryFolder& folder,
                                   const std::filesystem::path& checkpoint) {
  std::vector<float> images(2 * 3 * 64);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>(i % 13) / 13;
  const std::vector<std::size_t> shape{2, 3, 8, 8};
  io::write_npy(folder / "images.npy", std::span<const float>(images),
                std::span<const std::size_t>(shape));
  programs::EditOptions options;
  options.sampling = sample_options(checkpoint, folder / "host");
  options.sampling.sampler.solver = "pc";
  options.data = folder / "images.npy";
  options.results = 2;
  options.steps = 4;
  options.method = "known";
  return options;
}

/// Requires the same results of both backends.
void compare_edits(const TemporaryFolder& folder, programs::EditOptions options) {
  const auto configuration = read_configuration(options.sampling.checkpoint);
  const auto edited = [&](const char* out, const auto& edit) {
    options.sampling.out = folder / out;
    std::filesystem::create_directories(options.sampling.out);
    edit(options, configuration);
    return io::read_npy<float>(options.sampling.out / "edit.npy").values;
  };
  const auto host = edited("host", programs::edit_on_host);
  const auto device = edited("device", programs::edit_on_device);
  REQUIRE(device.size() == host.size());
  // The network is random, so codes and results are not in [0, 1].
  float largest = 1;
  for (const float value : host) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < host.size(); ++i)
    REQUIRE(device[i] == Approx(host[i]).margin(1e-4 * largest));
}

}  // namespace

TEST_CASE("edits with the network on the device equal the CPU's up to rounding", "[slow]") {
  const TemporaryFolder folder;
  auto options = edit_options(
      folder, small::weights_file<DenoisingScoreMatching>(folder, small_network(), VpSde{}));
  for (const char* task : {"inpaint", "interpolate"}) {
    options.task_name = task;
    compare_edits(folder, options);
  }
}

TEST_CASE("edits by the derivative of the network on the device equal the CPU's", "[slow]") {
  const TemporaryFolder folder;
  auto options =
      edit_options(folder, small::weights_file<EdmLoss>(folder, small_network(), EdmSde{}));
  options.task_name = "inpaint";
  options.noise = 0.1;
  options.particles = 2;
  for (const char* method : {"dps", "pigdm", "twisted_smc"}) {
    INFO(method);
    options.method = method;
    compare_edits(folder, options);
  }
}
