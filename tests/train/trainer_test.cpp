// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/train/trainer.hpp>
#include <scoresde/train/training_state.hpp>

#include "support/catch.hpp"
#include "train/tiny_run.hpp"

using namespace scoresde;
using test::tiny_images;
using test::tiny_trainer;

namespace {

template <class Trainer>
StepReport step(Trainer& trainer, const std::vector<typename Trainer::Scalar>& images) {
  return trainer.step(std::span<const typename Trainer::Scalar>(images));
}

/// The mean loss of steps first … last − 1 on the same pictures.
template <class Trainer>
double mean_loss(Trainer& trainer, const std::vector<float>& images, int steps) {
  double sum = 0;
  for (int i = 0; i < steps; ++i) sum += step(trainer, images).loss;
  return sum / steps;
}

template <class S>
double loss_ratio(const S& sde, bool reduce_mean) {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.loss.reduce_mean = reduce_mean;
  test::TinyTrainer<float, S> trainer(nn::unet(test::tiny_network()), sde, configuration, 16);
  const auto images = tiny_images<float>(16);
  const double before = mean_loss(trainer, images, 10);
  mean_loss(trainer, images, 180);
  return mean_loss(trainer, images, 10) / before;
}

}  // namespace

TEST_CASE("a tiny network learns sixteen pictures: the loss falls below a third") {
  // An untrained network predicts nothing, a loss of 1 per element for VP; 200 updates reach 0.15.
  CHECK(loss_ratio(VpSde{}, true) < 1.0 / 3);
}

TEST_CASE("a sub-VP run learns as well") { CHECK(loss_ratio(SubVpSde{}, true) < 0.5); }

TEST_CASE("a batch beyond the network's is accumulated to the same update") {
  auto whole = tiny_trainer<double>(8), parts = tiny_trainer<double>(2);
  for (std::uint64_t n = 0; n < 3; ++n) {
    const auto images = tiny_images<double>(8, n);
    const StepReport a = step(whole, images), b = step(parts, images);
    CHECK(b.loss == Approx(a.loss).epsilon(1e-11));
    CHECK(b.gradient_norm == Approx(a.gradient_norm).epsilon(1e-11));
    CHECK(b.learning_rate == a.learning_rate);
  }
  // Adam divides by √v, which magnifies rounding where a gradient is nearly zero.
  for (std::size_t i = 0; i < whole.parameters().size(); ++i)
    REQUIRE(parts.state().parameters[i] ==
            Approx(whole.state().parameters[i]).epsilon(1e-6).margin(1e-6));
}

TEST_CASE("the gradient of a step is the derivative of its loss through the network") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.loss.likelihood_weighting = true;
  auto trainer = tiny_trainer<double>(4, configuration);
  const auto images = tiny_images<double>(4);
  step(trainer, images);  // moves nothing: the warm-up begins at rate 0
  TrainingState<double> state = trainer.state();
  state.step = 1;
  const auto loss_at = [&](double distance) {
    TrainingState<double> moved = state;
    for (std::size_t i = 0; i < moved.parameters.size(); ++i)
      moved.parameters[i] += distance * std::cos(double(i));
    trainer.restore(moved);
    return step(trainer, images).loss;
  };
  loss_at(0);
  double slope = 0;
  for (std::size_t i = 0; i < trainer.gradient().size(); ++i)
    slope += trainer.gradient()[i] * std::cos(double(i));
  const double h = 1e-6;
  // Third derivatives and rounding both leave about 1e-8 of the slope.
  CHECK(slope == Approx((loss_at(h) - loss_at(-h)) / (2 * h)).epsilon(1e-6));
}

TEST_CASE("the same seed repeats a run bit for bit and another seed does not") {
  auto a = tiny_trainer<float>(4), b = tiny_trainer<float>(4);
  TrainingConfiguration other = test::tiny_training();
  other.seed = 8;
  auto c = tiny_trainer<float>(4, other);
  for (std::uint64_t n = 0; n < 3; ++n)
    for (auto* trainer : {&a, &b, &c}) step(*trainer, tiny_images<float>(4, n));
  CHECK(a.state() == b.state());
  CHECK_FALSE(a.state() == c.state());
}

TEST_CASE("a step reports the warm-up's rate and counts itself") {
  auto trainer = tiny_trainer<float>(4);
  const auto images = tiny_images<float>(4);
  CHECK(trainer.step_count() == 0);
  CHECK(step(trainer, images).learning_rate == 0);
  CHECK(step(trainer, images).learning_rate == Approx(0.25 * 2e-3));
  CHECK(trainer.step_count() == 2);
}

TEST_CASE("the average follows the parameters by the ramp") {
  auto trainer = tiny_trainer<double>(4);
  const auto images = tiny_images<double>(4);
  for (int i = 0; i < 2; ++i) step(trainer, images);
  const auto before = trainer.state();
  step(trainer, images);
  const auto& after = trainer.state();
  const double decay = 4.0 / 13;  // n = 3
  for (std::size_t i = 0; i < after.average.size(); ++i)
    REQUIRE(after.average[i] ==
            Approx(decay * before.average[i] + (1 - decay) * after.parameters[i]).margin(1e-13));
}

TEST_CASE("NaN in a picture is refused and the state stays as it was") {
  auto trainer = tiny_trainer<float>(4);
  auto images = tiny_images<float>(4);
  step(trainer, images);
  step(trainer, images);
  const auto before = trainer.state();
  images[70] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(step(trainer, images), Catch::Contains("at step 2") && Catch::Contains("nan") &&
                                               Catch::Contains("must be finite"));
  CHECK(trainer.state() == before);
  CHECK_NOTHROW(step(trainer, tiny_images<float>(4)));
}

TEST_CASE("a trainer refuses batches that do not fit its network") {
  auto trainer = tiny_trainer<float>(4);
  CHECK_THROWS_WITH(step(trainer, {}), Catch::Contains("0 elements"));
  CHECK_THROWS_WITH(step(trainer, std::vector<float>(65)), Catch::Contains("65 elements"));
  CHECK_THROWS_WITH(step(trainer, tiny_images<float>(6)), Catch::Contains("6 images"));
  CHECK_NOTHROW(step(trainer, tiny_images<float>(3)));
  CHECK_NOTHROW(step(trainer, tiny_images<float>(8)));
}

TEST_CASE("a trainer refuses settings out of range and a state of another network") {
  TrainingConfiguration bad = test::tiny_training();
  bad.optimizer.beta1 = 1.5;
  CHECK_THROWS_WITH(tiny_trainer<float>(4, bad), Catch::Contains("beta1"));
  bad = test::tiny_training();
  bad.ema.decay = 2;
  CHECK_THROWS_WITH(tiny_trainer<float>(4, bad), Catch::Contains("decay is 2"));
  bad = test::tiny_training();
  bad.loss.epsilon = 1;
  CHECK_THROWS_WITH(tiny_trainer<float>(4, bad), Catch::Contains("epsilon is 1"));
  auto trainer = tiny_trainer<float>(4);
  CHECK_THROWS_WITH(trainer.restore(TrainingState<float>::start(std::vector<float>(3))),
                    Catch::Contains("3, 3, 3 and 3 scalars"));
}
