// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/io/image_grid.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/predictor/reverse_diffusion.hpp>
#include <scoresde/registry/run_configuration.hpp>
#include <scoresde/registry/sde_registry.hpp>
#include <scoresde/sampler/predictor_corrector.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Contains;
using test::TemporaryFolder;

namespace {

using Ops = eigen::Ops<float>;
static_assert(nn::ModelOps<Ops> && !nn::CapturableOps<Ops>);
static_assert(PerSampleScoreModel<PretrainedScore<Ops>, HostState<float>>);

bool same(const HostState<float>& a, const HostState<float>& b) {
  return std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
}

/// Compares the loaded model with one made step by step from the same file, at time t.
template <class Loss, class S>
void check_score(const nn::UNetConfig& config, const S& sde, double t) {
  const TemporaryFolder folder;
  const auto path = small::weights_file<Loss>(folder, config, sde);
  auto model = load_pretrained<Ops>(path, {.batch = 2});
  HostState<float> x = model.make_state(3);  // the last part is incomplete
  CHECK(x.extents() == Extents{3, 128});
  const auto normals = small::normals<float>(x.size(), 3);
  std::copy(normals.begin(), normals.end(), x.data());
  HostState<float> found(x.extents()), wanted(x.extents());
  model.evaluate(x, t, found);

  const Metadata configuration = read_configuration(path);
  nn::Network<Ops> network(nn::unet(network_of(configuration)), 2, nn::Mode::inference);
  std::vector<float> weights(network.parameters().size());
  load_weights(path, network.parameters(), std::span<float>(weights));
  visit_score(configuration, [&]<class T, class C>(const T& other, const C& convention) {
    nn::ScoreNetwork<Ops, T, C> score(network, weights, other, convention);
    score.evaluate(x, t, wanted);
    CHECK(model.score_form(t).output == score.score_form(t).output);
  });
  CHECK(same(found, wanted));
  CHECK(model.sde().template is<S>());
  CHECK(model.sde().marginal_prob(t).std == sde.marginal_prob(t).std);
}

}  // namespace

TEST_CASE("a checkpoint is loaded with its network, weights, SDE and conditioning") {
  nn::UNetConfig divided_by_sigma = small::every_path();
  divided_by_sigma.embedding_type = nn::EmbeddingType::fourier;
  divided_by_sigma.scale_by_sigma = true;
  check_score<DenoisingScoreMatching>(small::every_path(), VpSde{}, 0.3);
  check_score<DenoisingScoreMatching>(divided_by_sigma, VeSde{}, 0.3);
  check_score<EdmLoss>(small::every_path(), EdmSde{}, 2.0);
}

TEST_CASE("a training checkpoint is loaded with its average, and its network is differentiable") {
  const TemporaryFolder folder;
  const nn::UNetConfig config = small::every_path();
  const nn::Graph graph = nn::unet(config);
  auto state = TrainingState<float>::start(small::parameters<float>(graph, 1));
  for (float& value : state.parameters) value = -value;
  const auto path = folder / "checkpoint.safetensors";
  save_checkpoint(path, graph.parameters(), state,
                  run_configuration(config, VpSde{}, TrainingConfiguration{}));
  PretrainedNetwork<Ops> network(path, {.batch = 2, .mode = nn::Mode::differentiation});
  CHECK(std::equal(state.average.begin(), state.average.end(), network.parameters().begin()));
  CHECK(network.config() == config);
  CHECK(network.configuration() == read_configuration(path));
  auto score = network.score(VpSde{});
  const HostState<float> v({2, 128}, small::normals<float>(2 * 128, 4));
  HostState<float> product(v.extents());
  score.vjp(v, 0.4, v, product);
  CHECK_FALSE(same(product, v));
}

TEST_CASE("a checkpoint is sampled to an image in five statements") {
  const TemporaryFolder folder;
  nn::UNetConfig config = small::every_path();
  config.num_channels = 3;
  const auto checkpoint = small::weights_file<DenoisingScoreMatching>(folder, config, VpSde{});
  const auto image = folder / "samples.png";
  //! [sample]
  auto model = load_pretrained<eigen::Ops<float>>(checkpoint, {.batch = 4});
  const PredictorCorrector sampler{model.sde(), ReverseDiffusion{}, uniform_grid(model.sde(), 10)};
  auto x = model.make_state(4);
  sampler.sample(model, x, Noise{.seed = 42});
  io::write_image_grid(image, model.image_grid(), x);
  //! [sample]
  const io::ImageGrid grid = model.image_grid(2);
  CHECK(grid.channels == 3);
  CHECK((grid.height == 8 && grid.width == 8 && grid.columns == 2));
  CHECK(grid.centered == config.centered);
  CHECK(std::filesystem::file_size(image) > 0);
}

TEST_CASE("files that are not checkpoints of a known network and SDE are rejected") {
  const TemporaryFolder folder;
  const auto load = [](const std::filesystem::path& path) {
    static_cast<void>(load_pretrained<Ops>(path));
  };
  CHECK_THROWS_WITH(load(folder / "none"), Contains("none") && Contains("does not exist"));
  CHECK_THROWS_WITH(load(folder.write("text", "no checkpoint at all")), Contains("text"));
  const nn::UNetConfig config = small::every_path();
  nn::UNetConfig wider = config;
  wider.nf = 8;
  const nn::Graph graph = nn::unet(config);
  const auto weights = small::parameters<float>(graph, 1);
  const auto path = folder / "misshapen";
  save_weights(path, graph.parameters(), std::span<const float>(weights),
               run_configuration(wider, VpSde{}, TrainingConfiguration{}), 0);
  CHECK_THROWS_WITH(load(path), Contains("do not match") && Contains("all_modules.0"));
  CHECK_THROWS_WITH(load(small::weights_file<EdmLoss>(folder, config, VpSde{})),
                    Contains("was trained with the EDM loss under another SDE"));
  const auto fits = small::weights_file<DenoisingScoreMatching>(folder, config, VpSde{});
  CHECK_THROWS_WITH(load_pretrained<Ops>(fits, {.batch = 0}), Contains("batch"));
}
