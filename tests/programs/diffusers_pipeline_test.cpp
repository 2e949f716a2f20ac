// SPDX-License-Identifier: MIT
/// A converted pipeline of diffusers, compared with DDIM runs of diffusers:
/// tests/golden/make_diffusers_pipelines.py.
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/diffusers_checkpoint.hpp>
#include <scoresde/checkpoint/diffusers_config.hpp>
#include <scoresde/corrector/no_corrector.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/safetensors.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/predictor/ddim.hpp>
#include <scoresde/registry/chain_settings.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "tools/network_file.hpp"

using namespace scoresde;
using nlohmann::json;

namespace {

io::TensorFile golden_runs() {
  return io::read_safetensors(std::filesystem::path(SCORESDE_SOURCE_DIR) /
                              "tests/golden/checkpoints/diffusers_pipelines.safetensors");
}

/// The script's weights under the names of diffusers.
io::TensorFile weights_of(const nn::UNetConfig& config) {
  const auto graph = nn::unet(config);
  const std::vector<float> zeros(graph.parameters().size());
  io::TensorFile file = diffusers_weights<float>(config, graph.parameters(), zeros);
  std::size_t k = 0;
  for (auto& [name, tensor] : file.tensors) {
    const bool bias = name.ends_with("bias"), scale = tensor.shape.size() == 1 && !bias;
    std::size_t size = 1;
    for (const std::size_t extent : tensor.shape) size *= extent;
    std::vector<float> values(size);
    for (std::size_t e = 0; e < size; ++e) {
      const double v = (double((131 * k + 29 * e) % 2001) - 1000) / 512;
      values[e] = float(bias    ? v / 16
                        : scale ? 1 + v / 8
                                : v / std::sqrt(double(size / tensor.shape[0])));
    }
    tensor = io::TensorFile::Tensor::of<float>(tensor.shape, values);
    ++k;
  }
  return file;
}

/// A pipeline folder as diffusers writes it.
void write_pipeline(const test::TemporaryFolder& folder, const std::string& config,
                    const std::string& scheduler) {
  std::filesystem::create_directories(folder / "unet");
  std::filesystem::create_directories(folder / "scheduler");
  folder.write("model_index.json", R"({"unet": ["diffusers", "UNet2DModel"]})");
  folder.write("scheduler/scheduler_config.json", scheduler);
  folder.write("unet/config.json", config);
  io::write_safetensors(folder / "unet/diffusion_pytorch_model.safetensors",
                        weights_of(network_of_diffusers(config)));
}

/// The levels that DDIM visits, and the data at the end.
TimeGrid grid_of(const DdpmSde& sde, const std::string& spacing, std::size_t steps) {
  if (spacing == "trailing") return level_grid(sde, steps);
  const std::size_t levels = std::size_t(std::lround(1 / sde.t_min())), stride = levels / steps;
  std::vector<double> times;
  for (std::size_t k = steps; k-- > 0;) times.push_back(sde.training_time(k * stride));
  times.push_back(0);
  return TimeGrid(times);
}

/// The result of a run from `start` with a checkpoint's SDE and convention.
std::vector<double> ddim(const std::filesystem::path& checkpoint, const std::string& spacing,
                         std::size_t steps, const io::TensorFile::Tensor& start) {
  const auto configuration = read_configuration(checkpoint);
  nn::Network<eigen::Ops<double>> network(nn::unet(network_of(configuration)), start.shape[0],
                                          nn::Mode::inference);
  std::vector<double> weights(network.parameters().size());
  load_weights<double>(checkpoint, network.parameters(), weights);
  const auto values = start.as<double>();
  HostState<double> x({start.shape[0], values.size() / start.shape[0]});
  std::copy(values.begin(), values.end(), x.data());
  visit_score(configuration, [&]<class S, class C>(const S& sde, const C& convention) {
    if constexpr (std::same_as<S, DdpmSde>) {
      nn::ScoreNetwork<eigen::Ops<double>, S, C> model(network, weights, sde, convention);
      const PredictorCorrector sampler(sde, Ddim{}, NoCorrector{}, grid_of(sde, spacing, steps));
      Workspace<HostState<double>, decltype(sampler)::buffers> work(x);
      sampler.integrate(model, x, Noise{}, work);
    } else {
      FAIL("the checkpoint's SDE is not a chain");
    }
  });
  return {x.data(), x.data() + x.size()};
}

/// Largest difference relative to the largest value.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
    size = std::max(size, std::abs(b[i]));
  }
  return largest / size;
}

}  // namespace

TEST_CASE("converted pipelines with every kind of betas and prediction agree with diffusers",
          "[golden][slow]") {
  const io::TensorFile golden = golden_runs();
  const std::string& config = golden.metadata.at("config");
  std::size_t compared = 0;
  for (const auto& run : json::parse(golden.metadata.at("cases"))) {
    const auto name = run.at("name").get<std::string>();
    INFO(name);
    const test::TemporaryFolder folder;
    write_pipeline(folder, config, run.at("scheduler"));
    const auto file =
        convert::read_network(folder.path(), convert::Format::diffusers, {}, convert::Keep::all);
    const auto checkpoint = folder / "w.safetensors";
    convert::write_network(checkpoint, convert::Format::scoresde, file, convert::Keep::all);
    const auto end = ddim(checkpoint, run.at("spacing"), run.at("steps"), golden.at("start"));
    const double exact = difference(end, golden.at(name + ".end").as<double>());
    const double as_used = difference(end, golden.at(name + ".end_float32").as<double>());
    UNSCOPED_INFO(name << ": float64 " << exact << ", float32 " << as_used);
    CHECK(exact < 1e-10);   // 2e-12 measured
    CHECK(as_used < 1e-4);  // with diffusers in float32: 8e-6
    ++compared;
  }
  CHECK(compared == 9);
}

TEST_CASE("a DDPM of diffusers without a scheduler becomes DDPM's chain") {
  const std::string config = golden_runs().metadata.at("config");
  const test::TemporaryFolder folder;
  write_pipeline(folder, config, "{}");
  std::filesystem::remove_all(folder / "scheduler");
  const auto read = [&](const Metadata& given) {
    return convert::read_network(folder.path(), convert::Format::diffusers, given,
                                 convert::Keep::all);
  };
  const auto file = read({});
  CHECK(beta_list_of(file.configuration) == BetaList{});
  CHECK(file.configuration.at("training.loss") == "discrete");
  CHECK(file.configuration.at("program.predictor") == "ancestral");
  REQUIRE(file.notes.size() == 1);
  CHECK_THAT(file.notes[0], Catch::Contains("no scheduler_config.json"));
  const auto velocity = read({{"training.prediction", "velocity"}, {"sde.beta_last", "0.03"}});
  CHECK(prediction_of(velocity.configuration) == PredictionType::velocity);
  CHECK(beta_list_of(velocity.configuration).last == 0.03);
  const auto continuous = read({{"sde.name", "vp"},
                                {"sde.beta_min", "0.1"},
                                {"sde.beta_max", "20"},
                                {"sde.t_min", "0.001"}});
  CHECK_FALSE(continuous.configuration.contains("training.loss"));
  CHECK_THROWS_WITH(read({{"sde.beta_mx", "1"}}), Catch::Contains("sde.beta_mx"));
}
