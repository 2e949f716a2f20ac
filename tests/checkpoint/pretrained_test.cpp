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
#include <scoresde/score/change_of_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/time/time_grid.hpp>

#include "support/catch.hpp"
#include "support/pretrained_checks.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
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

TEST_CASE("a training checkpoint is loaded with its average") { test::check_loaded_average(Ops()); }

TEST_CASE("a checkpoint's network is differentiable in Mode::differentiation") {
  test::check_differentiable(Ops());
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

TEST_CASE("a checkpoint is sampled under another SDE by change of variables") {
  const TemporaryFolder folder;
  const auto path = small::weights_file<EdmLoss>(folder, small::every_path(), EdmSde{});
  auto own = load_pretrained<Ops>(path, {.batch = 2});
  auto other = load_pretrained<Ops>(path, {.batch = 2, .sde = VpSde{}});
  CHECK(own.sde().is<EdmSde>());
  CHECK(other.sde().is<VpSde>());
  ChangeOfSde changed(own, EdmSde{}, VpSde{});
  HostState<float> x = own.make_state(3), found(x.extents()), wanted(x.extents());
  const auto normals = small::normals<float>(x.size(), 3);
  std::copy(normals.begin(), normals.end(), x.data());
  for (const double t : {0.001, 0.4, 1.0}) {  // the last is clamped
    other.evaluate(x, t, found);
    changed.evaluate(x, t, wanted);
    CHECK(other.score_form(t).output == Approx(changed.score_form(t).output));
    for (std::size_t i = 0; i < x.size(); ++i)
      REQUIRE(found.data()[i] == Approx(wanted.data()[i]).epsilon(1e-4).margin(1e-4));
  }
  PredictorCorrector{other.sde(), ReverseDiffusion{}, uniform_grid(other.sde(), 5)}.sample(
      other, x, Noise{.seed = 42});
  CHECK_FALSE(same(x, found));

  const auto levels =
      small::weights_file<DiscreteScoreMatching>(folder, small::every_path(), SmldSde(50));
  CHECK_NOTHROW(load_pretrained<Ops>(levels));
  CHECK_THROWS_WITH(load_pretrained<Ops>(levels, {.sde = VpSde{}}),
                    Catch::Matchers::Contains("SMLD's levels"));
}

TEST_CASE("files that are not checkpoints of a known network and SDE are rejected") {
  test::check_rejected_files(Ops());
}
