// SPDX-License-Identifier: MIT
/// Training steps on the device beside the CPU's: the same draws, the same curve, the same state.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/cuda/trainer.hpp>
#include <scoresde/loss/karras_loss.hpp>
#include <scoresde/nn/unet.hpp>
#include <scoresde/sde/karras_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "backends/cuda/device/training_runs.hpp"
#include "support/catch.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using cuda::Bfloat16;
using test::HostRun;
using test::pictures;
using test::small_training;
using test::training_ops;

namespace {

struct Tolerance {
  double number, moment, movement;
};
constexpr Tolerance fp32{2e-4, 2e-3, 2e-2}, bf16{5e-2, 2e-1, 5e-1};

/// Both runs from the start; the device takes its batches in parts of two.
template <class A, class Loss = DenoisingScoreMatching, class S>
void compare(const nn::UNetConfig& network, const S& sde, const Tolerance& tolerance,
             TrainingConfigurationWith<Loss> configuration = small_training<Loss>()) {
  const nn::Graph graph = nn::unet(network);
  const io::ImageSet images = pictures(10);
  HostRun<S, Loss> host(graph, sde, configuration, 4, images);
  cuda::Trainer<A, S, Loss> device(graph, sde, configuration, 2, training_ops<A>());
  device.train_on(images, test::transform, test::data_seed, 4);
  const std::vector<float> start = host.trainer.state().parameters;
  CHECK(device.state() == host.trainer.state());
  for (int n = 0; n < 3; ++n) {  // the third batch reaches into the next epoch
    const StepReport wanted = host.step();
    device.step();
    const StepReport found = device.report();
    CHECK(found.loss == Approx(wanted.loss).epsilon(tolerance.number));
    CHECK(found.gradient_norm == Approx(wanted.gradient_norm).epsilon(tolerance.number));
    CHECK(found.learning_rate == wanted.learning_rate);
  }
  const TrainingState<float> found = device.state(), &wanted = host.trainer.state();
  const std::vector<float> zero(start.size());
  CHECK(found.step == wanted.step);
  CHECK(test::relative(found.first_moment, wanted.first_moment, zero) < tolerance.moment);
  CHECK(test::relative(found.second_moment, wanted.second_moment, zero) < 2 * tolerance.moment);
  CHECK(test::relative(found.parameters, wanted.parameters, start) < tolerance.movement);
  CHECK(test::relative(found.average, wanted.average, start) < tolerance.movement);
}

nn::UNetConfig told_sigma() {
  nn::UNetConfig network = small::every_path();
  network.embedding_type = "fourier";
  network.scale_by_sigma = true;
  return network;
}

}  // namespace

TEST_CASE("a VP run on the device follows the CPU's") {
  compare<float>(small::every_path(), VpSde{}, fp32);
}

TEST_CASE("a VE run on the device follows the CPU's, its network divided by sigma") {
  compare<float>(told_sigma(), VeSde{}, fp32);
}

TEST_CASE("a sub-VP run on the device follows the CPU's, with classes of which some are dropped") {
  auto configuration = small_training();
  configuration.label_dropout = 0.4;
  configuration.loss.likelihood_weighting = true;
  configuration.loss.epsilon = 1e-2;
  compare<float>(test::classed_network(), SubVpSde{}, fp32, configuration);
}

TEST_CASE("a run with Karras's preconditioning on the device follows the CPU's") {
  compare<float>(small::every_path(), KarrasSde{}, fp32, small_training<KarrasLoss>());
}

TEST_CASE("a run in bfloat16 follows the CPU's at a distance") {
  compare<Bfloat16>(small::every_path(), VpSde{}, bf16);
}

TEST_CASE("replayed steps, steps without a graph and resumed ones are the same to the bit") {
  const nn::Graph graph = nn::unet(test::classed_network());
  auto configuration = small_training();
  configuration.label_dropout = 0.4;
  const auto make = [&] {
    return cuda::Trainer<Bfloat16, VpSde>(graph, VpSde{}, configuration, 2,
                                          training_ops<Bfloat16>());
  };
  auto replayed = make(), eager = make(), resumed = make();
  eager.set_captures(false);
  for (auto* trainer : {&replayed, &eager, &resumed})
    trainer->train_on(pictures(5), test::transform, test::data_seed, 4);
  for (int n = 0; n < 4; ++n) {
    replayed.step();
    eager.step();
  }
  CHECK(replayed.step_count() == 4);
  const TrainingState<float> state = replayed.state();
  CHECK(state == eager.state());
  CHECK(replayed.report().loss == eager.report().loss);
  replayed.step();
  resumed.restore(state);
  CHECK(resumed.step_count() == 4);
  resumed.step();
  CHECK(resumed.state() == replayed.state());
  CHECK(resumed.report().gradient_norm == replayed.report().gradient_norm);
}

TEST_CASE("a step on given images is the data set's, and one that is not finite changes nothing") {
  const nn::Graph graph = nn::unet(small::every_path());
  const io::ImageSet images = pictures(10);
  cuda::Trainer<float, VpSde> given(graph, VpSde{}, small_training(), 2, training_ops<float>());
  cuda::Trainer<float, VpSde> streamed(graph, VpSde{}, small_training(), 2, training_ops<float>());
  streamed.train_on(images, test::transform, test::data_seed, 2);
  io::ImageStream stream(images, test::transform, test::data_seed);
  std::vector<float> batch(2 * images.dim());
  const auto step_on_next = [&](std::uint64_t step) {
    stream.fill_batch<float>(2 * step, batch);
    given.step(std::span<const float>(batch));
  };
  step_on_next(0);
  streamed.step();
  const TrainingState<float> before = given.state();
  CHECK(before == streamed.state());

  std::vector<float> bad(batch);
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  given.step(std::span<const float>(bad));
  step_on_next(2);  // asked for before the host knew
  CHECK(given.step_count() == 3);
  CHECK_THROWS_WITH(given.report(), Contains("at step 1 the loss is nan") &&
                                        Contains("The state is as before the step"));
  CHECK(given.step_count() == 1);
  CHECK(given.state() == before);
  step_on_next(1);
  streamed.step();
  CHECK(given.state() == streamed.state());
}

TEST_CASE("a device trainer names what it cannot do") {
  const nn::Graph graph = nn::unet(test::classed_network());
  cuda::Trainer<float, VpSde> trainer(graph, VpSde{}, small_training(), 2, training_ops<float>());
  CHECK_THROWS_WITH(trainer.step(), Contains("there is no data set"));
  CHECK_THROWS_WITH(trainer.report(), Contains("there is no step to report"));
  CHECK_THROWS_WITH(trainer.train_on(pictures(3), {}, 1, 4), Contains("the data set 3"));
  CHECK_THROWS_WITH(trainer.train_on(pictures(8), {}, 1, 3),
                    Contains("3 images; it must be at most 2 or a multiple of it"));
  io::ImageSet other = pictures(4);
  other.labels[2] = 3;
  CHECK_THROWS_WITH(trainer.train_on(other, {}, 1, 2), Contains("a picture has label 3"));
  std::swap(other.channels = 1, other.height);
  CHECK_THROWS_WITH(trainer.train_on(other, {}, 1, 2), Contains("the network takes 2 of 8 by 8"));
  const std::vector<float> images(2 * trainer.dim());
  CHECK_THROWS_WITH(trainer.step(std::span<const float>(images)), Contains("0 classes for 2"));
  CHECK(trainer.step_count() == 0);
  auto configuration = small_training();
  configuration.label_dropout = 0.5;
  CHECK_THROWS_WITH((cuda::Trainer<float, VpSde>(nn::unet(small::every_path()), VpSde{},
                                                 configuration, 2, training_ops<float>())),
                    Contains("label_dropout is 0.5"));
}
