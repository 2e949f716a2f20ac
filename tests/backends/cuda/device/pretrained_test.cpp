// SPDX-License-Identifier: MIT
/// Networks of checkpoints on the device against the CPU's: the same files, the same scores.
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <scoresde/checkpoint/checkpoint.hpp>
#include <scoresde/checkpoint/pretrained.hpp>
#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/model_memory.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/scoresde.hpp>

#include "support/catch.hpp"
#include "support/pretrained_checks.hpp"
#include "support/shared_context.hpp"
#include "support/small_networks.hpp"
#include "support/small_weights.hpp"
#include "support/temporary_folder.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using cuda::Bfloat16;
using scoresde::test::context;
using test::TemporaryFolder;

namespace {

static_assert(nn::CapturableOps<cuda::Ops<float>> && nn::CapturableOps<cuda::Ops<Bfloat16>>);
static_assert(
    cuda::GraphCapturableScoreModel<PretrainedScore<cuda::Ops<>>, cuda::DeviceState<float>>);

/// The network of the file on the CPU at (x, t), with SDE and convention of its configuration.
HostState<float> by_eigen(const std::filesystem::path& path, const HostState<float>& x, double t) {
  const auto configuration = read_configuration(path);
  nn::Network<eigen::Ops<float>> network(nn::unet(network_of(configuration)), x.extents().samples,
                                         nn::Mode::inference);
  std::vector<float> weights(network.parameters().size());
  load_weights(path, network.parameters(), std::span<float>(weights));
  HostState<float> y(x.extents());
  visit_score(configuration, [&]<class S, class C>(const S& sde, const C& convention) {
    nn::ScoreNetwork<eigen::Ops<float>, S, C>(network, weights, sde, convention).evaluate(x, t, y);
  });
  return y;
}

HostState<float> some_x(std::size_t samples, std::size_t dim) {
  return HostState<float>({samples, dim}, small::normals<float>(samples * dim, 3));
}

/// ‖a − b‖/‖b‖.
double distance(const HostState<float>& a, const HostState<float>& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    error += std::pow(double(a.data()[i]) - double(b.data()[i]), 2);
    size += std::pow(double(b.data()[i]), 2);
  }
  return std::sqrt(error / size);
}

/// Three samples with a network batch of two, so that the last part is incomplete.
template <class A>
double error_at(const std::filesystem::path& path, double t, cuda::Precision precision) {
  auto model = load_pretrained(path, {.batch = 2}, cuda::Ops<A>(context(), {}, precision));
  const HostState<float> x = some_x(3, model.dim());
  const cuda::DeviceState<float> from(context(), x);
  cuda::DeviceState<float> to(from);
  model.evaluate(from, t, to);
  return distance(cuda::to_host(to), by_eigen(path, x, t));
}

}  // namespace

TEST_CASE("the score of a checkpoint on the device matches the CPU's") {
  const TemporaryFolder folder;
  nn::UNetConfig conditioned_on_sigma = small::every_path();
  conditioned_on_sigma.embedding_type = nn::EmbeddingType::fourier;
  conditioned_on_sigma.scale_by_sigma = true;
  const auto vp = small::weights_file<DenoisingScoreMatching>(folder, small::every_path(), VpSde{});
  CHECK(error_at<float>(vp, 0.3, cuda::Precision::fp32) < 1e-5);
  CHECK(error_at<Bfloat16>(vp, 0.3, cuda::Precision::bf16) < 3e-2);
  const auto ve =
      small::weights_file<DenoisingScoreMatching>(folder, conditioned_on_sigma, VeSde{});
  CHECK(error_at<float>(ve, 0.3, cuda::Precision::fp32) < 1e-5);
  const auto karras = small::weights_file<EdmLoss>(folder, small::every_path(), EdmSde{});
  CHECK(error_at<float>(karras, 2.0, cuda::Precision::fp32) < 1e-5);
}

TEST_CASE("a training checkpoint is loaded with its average") {
  test::check_loaded_average(cuda::Ops<float>(context()));
  const TemporaryFolder folder;
  const auto path = folder / "checkpoint.safetensors";
  test::save_training_checkpoint(path, small::every_path());
  CHECK(error_at<float>(path, 0.7, cuda::Precision::fp32) < 1e-5);
}

TEST_CASE("a checkpoint is sampled on the device", "[slow]") {
  const TemporaryFolder folder;
  const auto checkpoint =
      small::weights_file<DenoisingScoreMatching>(folder, small::every_path(), VpSde{});
  //! [load]
  auto model = load_pretrained<cuda::Ops<>>(checkpoint, {.batch = 4});  // bfloat16, on device 0
  const PredictorCorrector sampler{model.sde(), ReverseDiffusion{}, uniform_grid(model.sde(), 10)};
  cuda::DeviceState<float> x = model.make_state(4);
  const cuda::CapturedSampler captured(sampler, model, x);
  captured.sample(x, Noise{.seed = 42});
  const HostState<float> samples = cuda::to_host(x);
  //! [load]
  cuda::DeviceState<float> eager(x);
  sampler.sample(model, eager, Noise{.seed = 42});
  const HostState<float> wanted = cuda::to_host(eager);
  CHECK(std::equal(wanted.data(), wanted.data() + wanted.size(), samples.data()));
}

TEST_CASE("a checkpoint's network is differentiable in Mode::differentiation") {
  test::check_differentiable(cuda::Ops<float>(context()));
}

TEST_CASE("files that are not checkpoints of a known network and SDE are rejected") {
  const cuda::Ops<float> ops(context());
  test::check_rejected_files(ops);
  const TemporaryFolder folder;
  auto model = load_pretrained(
      small::weights_file<DenoisingScoreMatching>(folder, small::every_path(), VpSde{}), {}, ops);
  cuda::DeviceState<float> other(context(), Extents{2, 5}), to(other);
  CHECK_THROWS_WITH(model.evaluate(other, 0.5, to), Contains("5 elements"));
}
