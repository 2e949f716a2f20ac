// SPDX-License-Identifier: MIT
/// Checkpoints written by PyTorch in score_sde's layout, and invalid ones.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/checkpoint/detail/checkpoint_differences.hpp>
#include <scoresde/checkpoint/detail/score_sde_reader.hpp>
#include <scoresde/checkpoint/score_sde_checkpoint.hpp>
#include <scoresde/io/state_dict.hpp>
#include <scoresde/io/torch_file.hpp>
#include <scoresde/io/torch_writer.hpp>
#include <scoresde/nn/networks/unet.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_checkpoints.hpp"

namespace {

using scoresde::load_score_sde_run;
using scoresde::load_score_sde_weights;
using scoresde::ScoreSdeWeights;
using scoresde::TrainingState;
using scoresde::io::TorchFile;
using scoresde::nn::Parameter;
using scoresde::nn::ParameterTable;
using scoresde::test::TemporaryFolder;
using scoresde::test::tiny_checkpoints;
using scoresde::test::tiny_config;
using scoresde::test::tiny_values;

std::vector<float> read(const TorchFile& file, ScoreSdeWeights which,
                        const scoresde::nn::UNetConfig& config = tiny_config()) {
  const auto graph = scoresde::nn::unet(config);
  std::vector<float> weights(graph.parameters().size(), -1);
  CHECK(load_score_sde_weights<float>(file, config, graph.parameters(), which, weights) == 70);
  return weights;
}

double same(double value, const Parameter&) { return value; }
/// Parameters that are not trained have no average and no moments.
double averaged(double value, const Parameter& p) { return p.trainable ? value / 2 : value; }

/// Layout of a checkpoint; the tests change one member at a time.
struct Layout {
  std::string prefix = "module.";
  std::size_t left_out = 1000, doubled = 1000, averages = 1000, moved = 1000;
  bool misshapen = false, integers = false, infinite = false, more = false;
  double sigma_max = 1;
  enum class Step { integer, real, tensor, half, negative, pair, text, none };
  Step step = Step::integer;
  bool bare = false, averaged = true;
};

void write_step(scoresde::io::TorchWriter& out, Layout::Step step,
                const std::vector<float>& numbers) {
  using Step = Layout::Step;
  if (step == Step::none) return;
  out.text("step");
  if (step == Step::integer) out.integer(70);
  if (step == Step::real) out.real(70);
  if (step == Step::tensor) out.tensor<float>({}, std::span(numbers).first(1));
  if (step == Step::half) out.real(70.5);
  if (step == Step::negative) out.integer(-1);
  if (step == Step::pair) out.tensor<float>({2}, std::span(numbers).first(2));
  if (step == Step::text) out.text("seventy");
}

TorchFile written(const TemporaryFolder& folder, const ParameterTable& table,
                  const Layout& layout) {
  scoresde::io::TorchWriter out;
  std::vector<float> values(table.size(), layout.infinite ? INFINITY : 1);
  std::vector<std::int32_t> integers(table.size());
  const std::vector<double> sigmas(10, layout.sigma_max);
  const std::vector<float> numbers{70, 71};
  const auto put = [&](const Parameter& p) {
    auto shape = p.shape;
    if (layout.misshapen) shape.insert(shape.begin(), 1);
    if (layout.integers)
      out.tensor<std::int32_t>(shape, std::span(integers).first(p.size));
    else
      out.tensor<float>(shape, std::span(values).first(p.size));
  };
  if (!layout.bare) {
    out.open_dict();
    out.text("model");
  }
  out.open_ordered_dict();
  out.text(layout.prefix + "sigmas");
  out.tensor<double>({10}, sigmas);
  for (std::size_t i = 0; i < table.entries().size(); ++i) {
    const std::size_t at = i == layout.moved ? i + 1 : i == layout.moved + 1 ? i - 1 : i;
    for (int times = at == layout.left_out ? 0 : at == layout.doubled ? 2 : 1; times > 0; --times) {
      out.text(layout.prefix + table[at].name);
      put(table[at]);
    }
  }
  if (layout.more) {
    out.text("module.all_modules.99.weight");
    out.tensor<float>({2}, std::span(values).first(2));
  }
  out.close_dict();
  if (!layout.bare && layout.averaged) {
    out.text("ema");
    out.open_dict();
    out.text("shadow_params");
    out.open_list();
    for (std::size_t i = 0; i < table.entries().size() && i < layout.averages; ++i)
      if (table[i].trainable) put(table[i]);
    if (layout.more) out.tensor<float>({3}, std::span(values).first(3));
    out.close_list();
    out.close_dict();
  }
  if (!layout.bare) {
    write_step(out, layout.step, numbers);
    out.close_dict();
  }
  out.write(folder / "c.pth");
  return TorchFile::open(folder / "c.pth");
}

std::string rejections(const Layout& layout, const scoresde::nn::UNetConfig& config = tiny_config(),
                       ScoreSdeWeights which = ScoreSdeWeights::ema) {
  const TemporaryFolder folder;
  const auto graph = scoresde::nn::unet(config);
  const TorchFile file = written(folder, graph.parameters(), layout);
  std::vector<float> weights(graph.parameters().size(), -1);
  try {
    load_score_sde_weights<float>(file, config, graph.parameters(), which, weights);
  } catch (const scoresde::Error& failure) {
    CHECK(weights == std::vector<float>(weights.size(), -1));
    return failure.what();
  }
  return "";
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("model and averages are read exactly from both of PyTorch's formats") {
  const auto graph = scoresde::nn::unet(tiny_config());
  const auto model = tiny_values<float>(graph.parameters(), same);
  const auto average = tiny_values<float>(graph.parameters(), averaged);
  for (const char* name : {"tiny.pth", "tiny_legacy.pth"}) {
    INFO(name);
    const TorchFile file = TorchFile::open(tiny_checkpoints() / name);
    CHECK(read(file, ScoreSdeWeights::model) == model);
    CHECK(read(file, ScoreSdeWeights::ema) == average);
    CHECK(scoresde::score_sde_can_resume(file) ==
          (file.format() == scoresde::io::TorchFormat::zip));
  }
}

TEST_CASE("a run's state requires Adam's moments") {
  const auto config = tiny_config();
  const auto graph = scoresde::nn::unet(config);
  const auto& table = graph.parameters();
  const auto file = TorchFile::open(tiny_checkpoints() / "tiny.pth");
  const auto state = load_score_sde_run<double>(file, config, table);
  CHECK(state.step == 70);
  CHECK(state.parameters == tiny_values<double>(table, same));
  CHECK(state.average == tiny_values<double>(table, averaged));
  const auto first = [](double v, const Parameter& p) { return p.trainable ? v / 4 : 0; };
  const auto second = [](double v, const Parameter& p) {
    return p.trainable ? std::abs(v) / 8 + 1 : 0;
  };
  CHECK(state.first_moment == tiny_values<double>(table, first));
  CHECK(state.second_moment == tiny_values<double>(table, second));
  const auto legacy = TorchFile::open(tiny_checkpoints() / "tiny_legacy.pth");
  CHECK_THROWS_WITH(load_score_sde_run<double>(legacy, config, table),
                    Catch::Contains("optimizer") && Catch::Contains("empty after 70"));
}

TEST_CASE("a round trip is bit-identical, in float and double") {
  const TemporaryFolder folder;
  const auto config = tiny_config();
  const auto graph = scoresde::nn::unet(config);
  const auto& table = graph.parameters();
  const auto file = TorchFile::open(tiny_checkpoints() / "tiny.pth");
  const auto run = load_score_sde_run<float>(file, config, table);
  scoresde::save_score_sde_checkpoint(folder / "f.pth", config, table, run, {}, 0.999);
  CHECK(load_score_sde_run<float>(TorchFile::open(folder / "f.pth"), config, table) == run);
  auto exact = TrainingState<double>::start(
      tiny_values<double>(table, [](double v, const Parameter&) { return v * 1.1; }));
  exact.step = 7;
  scoresde::save_score_sde_checkpoint(folder / "d.pth", config, table, exact);
  const auto doubles = TorchFile::open(folder / "d.pth");
  CHECK_FALSE(scoresde::score_sde_can_resume(doubles));
  std::vector<double> weights(table.size());
  CHECK(load_score_sde_weights<double>(doubles, config, table, ScoreSdeWeights::ema, weights) == 7);
  CHECK(weights == exact.parameters);
  const auto model = scoresde::io::tensors_of(doubles, *doubles.root().find("model"));
  CHECK(model.at("module.sigmas").as<double>().front() == Approx(1).epsilon(1e-15));
  CHECK(model.at("module.sigmas").as<double>().back() == Approx(std::exp(-1.0)).epsilon(1e-15));
  CHECK(model.at("module.all_modules.0.W").shape == std::vector<std::size_t>{4});
  exact.average.pop_back();
  CHECK_THROWS_AS(scoresde::save_score_sde_checkpoint(folder / "d.pth", config, table, exact),
                  scoresde::Error);
}

TEST_CASE("networks that score_sde cannot express are not written, and every reason is listed") {
  const TemporaryFolder folder;
  const auto write = [&](const scoresde::nn::UNetConfig& config) {
    const auto graph = scoresde::nn::unet(config);
    const auto& table = graph.parameters();
    scoresde::save_score_sde_checkpoint(
        folder / "w.pth", config, table,
        TrainingState<float>::start(std::vector<float>(table.size())));
  };
  scoresde::nn::UNetConfig of_diffusers;
  of_diffusers.architecture = scoresde::nn::Architecture::ddpm;
  of_diffusers.image_size = 8;
  of_diffusers.image_width = 16;
  of_diffusers.nf = 8;
  of_diffusers.ch_mult = {1, 1};
  of_diffusers.block_out_channels = {8, 12};
  of_diffusers.num_res_blocks = 1;
  of_diffusers.attn_resolutions = {8};
  of_diffusers.attn_up_resolutions = {4};
  of_diffusers.attn_up = scoresde::nn::AttentionUp::every;
  of_diffusers.out_channels = 6;
  of_diffusers.attention_head_dim = 4;
  of_diffusers.norm_num_groups = 4;
  of_diffusers.attn_norm_num_groups = 2;
  of_diffusers.norm_eps = 1e-5;
  of_diffusers.num_class_embeds = 10;
  of_diffusers.resnet_time_scale_shift = scoresde::nn::TimeScaleShift::scale_shift;
  of_diffusers.time_embedding_dim = 16;
  of_diffusers.flip_sin_to_cos = true;
  of_diffusers.freq_shift = 0;
  of_diffusers.downsample_padding = 1;
  CHECK_THROWS_WITH(
      write(of_diffusers),
      Catch::Contains("score_sde cannot express this network") &&
          Catch::Contains("image_width = 16; it needs image_size or 0") &&
          Catch::Contains("out_channels = 6; it needs 0") &&
          Catch::Contains("block_out_channels = 8,12; it needs multiples of nf") &&
          Catch::Contains("attn_up_resolutions = 4; it needs attn_resolutions") &&
          Catch::Contains("attn_up = every; it needs once") &&
          Catch::Contains("attention_head_dim = 4; it needs 0, one head") &&
          Catch::Contains("norm_num_groups = 4; it needs 0") &&
          Catch::Contains("attn_norm_num_groups = 2; it needs 0") &&
          Catch::Contains("norm_eps = 1e-05; it needs 1e-06") &&
          Catch::Contains("num_class_embeds = 10; it needs 0") &&
          Catch::Contains("resnet_time_scale_shift = scale_shift; it needs default") &&
          Catch::Contains("time_embedding_dim = 16; it needs 0, 4 nf") &&
          Catch::Contains("flip_sin_to_cos = true; it needs false") &&
          Catch::Contains("freq_shift = 0; it needs 1") &&
          Catch::Contains("downsample_padding = 1; it needs 0"));
  auto without_middle = tiny_config();
  without_middle.middle = scoresde::nn::Middle::none;
  CHECK_THROWS_WITH(write(without_middle), Catch::Contains("middle = none; it needs attention"));
  CHECK_FALSE(std::filesystem::exists(folder / "w.pth"));
  auto the_same = tiny_config();  // other words for what score_sde has
  the_same.block_out_channels = {4, 8};
  the_same.out_channels = 3;
  the_same.attention_head_dim = 8;
  the_same.time_embedding_dim = 16;
  the_same.flip_sin_to_cos = true;  // of positional embeddings alone
  CHECK_NOTHROW(write(the_same));
}

TEST_CASE("the prefixes of wrapper modules are ignored") {
  for (const char* prefix :
       {"", "module.", "module.module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."}) {
    INFO(prefix);
    CHECK(rejections({.prefix = prefix}).empty());
  }
  CHECK_THAT(rejections({.prefix = "net."}), Catch::Contains("net.all_modules.0.W"));
}

TEST_CASE("sections that are not requested may be absent") {
  const auto config = tiny_config();
  constexpr auto model = ScoreSdeWeights::model;
  CHECK(rejections({.averaged = false}, config, model).empty());
  CHECK(rejections({.step = Layout::Step::none}).empty());
  CHECK(rejections({.step = Layout::Step::none, .averaged = false}, config, model).empty());
  CHECK(rejections({.moved = 8}, config, model).empty());
  CHECK_THAT(rejections({.averaged = false}), Catch::Contains("there is no 'ema'"));
  for (const char* prefix : {"", "module.", "_orig_mod."}) {
    CHECK(rejections({.prefix = prefix, .bare = true}, config, model).empty());
    CHECK_THAT(rejections({.prefix = prefix, .bare = true}), Catch::Contains("'ema'"));
  }
  const TemporaryFolder folder;
  const auto graph = scoresde::nn::unet(config);
  const auto& table = graph.parameters();
  const TorchFile bare = written(folder, table, {.bare = true});
  CHECK(scoresde::is_score_sde_checkpoint(bare));
  CHECK_FALSE(scoresde::score_sde_can_resume(bare));
  CHECK_FALSE(scoresde::score_sde_has_averages(bare));
  CHECK_FALSE(scoresde::is_score_sde_checkpoint(
      TorchFile::open(tiny_checkpoints() / "diffusers" / "diffusion_pytorch_model.bin")));
  CHECK_THROWS_WITH(load_score_sde_run<float>(written(folder, table, {.step = Layout::Step::none}),
                                              config, table),
                    Catch::Contains("'step'"));
}

TEST_CASE(
    "a step is an integer, an integral float or a tensor of one, and others are named in the "
    "error") {
  const TemporaryFolder folder;
  const auto graph = scoresde::nn::unet(tiny_config());
  using Step = Layout::Step;
  const auto step_of = [&](Step step) {
    return scoresde::score_sde_step(written(folder, graph.parameters(), {.step = step}));
  };
  for (const Step step : {Step::integer, Step::real, Step::tensor}) CHECK(step_of(step) == 70);
  CHECK_FALSE(step_of(Step::none).has_value());
  for (const auto& [step, words] :
       {std::pair(Step::half, "'step' is 70.5"), std::pair(Step::negative, "'step' is -1"),
        std::pair(Step::pair, "'step' is"), std::pair(Step::text, "'step' is a string")})
    CHECK_THROWS_WITH(step_of(step), Catch::Contains(words) && Catch::Contains("whole number"));
}

TEST_CASE("weights are read among foreign objects, in any order of names") {
  const auto config = tiny_config();
  const auto graph = scoresde::nn::unet(config);
  const auto& table = graph.parameters();
  const TorchFile file = TorchFile::open(tiny_checkpoints() / "tiny_foreign.pth");
  CHECK(read(file, ScoreSdeWeights::model) == tiny_values<float>(table, same));
  CHECK(scoresde::score_sde_step(file) == 70);
  std::vector<float> weights(table.size());
  CHECK_THROWS_WITH(
      load_score_sde_weights<float>(file, config, table, ScoreSdeWeights::ema, weights),
      Catch::Contains("'ema'"));
}

TEST_CASE("all missing, unexpected, misshapen, mistyped or infinite tensors are listed") {
  const auto graph = scoresde::nn::unet(tiny_config());
  const std::size_t count = graph.parameters().entries().size();
  const std::string missing = rejections({.left_out = 5, .averages = count - 2, .more = true});
  CHECK_THAT(missing, Catch::Contains("model: all_modules.3.weight (4, 3, 3, 3) is missing"));
  CHECK_THAT(missing, Catch::Contains("all_modules.99.weight (2) is not among"));
  CHECK_THAT(missing, Catch::Contains("shadow_params[" + std::to_string(count - 3) + "]"));
  CHECK_THAT(missing, Catch::Contains("all_modules.19.bias"));
  CHECK_THAT(rejections({.more = true}), Catch::Contains("beyond"));
  const std::size_t all = 2 * count - 1, shown = scoresde::detail::Differences::most;
  for (const std::string& each : {rejections({.misshapen = true}), rejections({.integers = true}),
                                  rejections({.infinite = true})}) {
    CHECK(lines(each) == shown + 1);
    CHECK_THAT(each, Catch::Contains("and " + std::to_string(all - shown) + " more"));
  }
  CHECK_THAT(rejections({.doubled = 7}), Catch::Contains("appears twice"));
  CHECK_THAT(rejections({.integers = true}), Catch::Contains("I32"));
}

TEST_CASE("averages are rejected if the model has another order") {
  CHECK_THAT(
      rejections({.moved = 8}),
      Catch::Contains("another order") && Catch::Contains("shadow_params is a list without names"));
}

TEST_CASE("noise levels must match those of a network that divides by them") {
  auto config = tiny_config();
  CHECK(rejections({.sigma_max = 2}, config).empty());  // conditioned on sigma itself
  config.embedding_type = scoresde::nn::EmbeddingType::positional;
  CHECK_THAT(rejections({}, config), Catch::Contains("sigmas has 10 levels from 1 to 1"));
  config.sigma_min = 1 - 1e-9;
  CHECK(rejections({}, config).empty());
}

TEST_CASE("a missing section of a checkpoint is named in the error") {
  const auto config = tiny_config();
  const auto graph = scoresde::nn::unet(config);
  const auto file =
      TorchFile::open(tiny_checkpoints() / "diffusers" / "diffusion_pytorch_model.bin");
  std::vector<float> weights(graph.parameters().size());
  CHECK_THROWS_WITH(load_score_sde_weights<float>(file, config, graph.parameters(),
                                                  ScoreSdeWeights::model, weights),
                    Catch::Contains("'model'"));
  weights.pop_back();
  CHECK_THROWS_WITH(load_score_sde_weights<float>(file, config, graph.parameters(),
                                                  ScoreSdeWeights::model, weights),
                    Catch::Contains("buffer"));
}
