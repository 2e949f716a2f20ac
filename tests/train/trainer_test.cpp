// SPDX-License-Identifier: MIT
#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <scoresde/data/image_stream.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/optim/communicator.hpp>
#include <scoresde/optim/radam.hpp>
#include <scoresde/optim/sgd.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/train/configuration.hpp>
#include <scoresde/train/eager_engine.hpp>
#include <scoresde/train/objective.hpp>
#include <scoresde/train/score_matching.hpp>
#include <scoresde/train/trainer.hpp>
#include <scoresde/train/training_rules.hpp>
#include <scoresde/train/training_state.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace scoresde;
using test::tiny_images;
using test::tiny_trainer;

namespace {

template <class Trainer>
StepReport step(Trainer& trainer, const std::vector<typename Trainer::Scalar>& images) {
  trainer.step(images);
  return trainer.report();
}

/// The mean loss of steps first … last − 1 on the same images.
template <class Trainer>
double mean_loss(Trainer& trainer, const std::vector<float>& images, int steps) {
  double sum = 0;
  for (int i = 0; i < steps; ++i) sum += step(trainer, images).loss;
  return sum / steps;
}

/// Ratio of the losses after and before that many steps on the same sixteen images.
template <class S, class Loss>
double loss_ratio(const nn::Graph& graph, const S& sde, const Loss& loss, int steps = 200) {
  const TrainingConfiguration usual = test::tiny_training();
  const TrainingConfigurationWith<Loss> configuration{
      .seed = usual.seed, .loss = loss, .optimizer = usual.optimizer, .ema = usual.ema};
  Trainer<eigen::Ops<float>, ScoreMatching<S, Loss>> trainer(graph, sde, configuration, 16);
  const auto images = tiny_images<float>(16);
  const double before = mean_loss(trainer, images, 10);
  mean_loss(trainer, images, steps - 20);
  return mean_loss(trainer, images, 10) / before;
}

static_assert(Objective<ScoreMatching<VpSde>, eigen::Ops<float>>);
static_assert(Objective<ScoreMatching<EdmSde, EdmLoss>, eigen::Ops<double>>);
static_assert(!Objective<VpSde, eigen::Ops<float>> &&
              !Objective<DenoisingScoreMatching, eigen::Ops<float>>);
static_assert(ResidualObjective<ScoreMatching<VpSde>>);

/// Ranks that are threads of this process: sums in the order of the ranks, which for two of them is
/// the tree's.
class Threads {
 public:
  static constexpr bool sums_in_tree = true;
  struct Shared {
    std::barrier<> barrier;
    std::vector<double> sum;
  };
  Threads(std::size_t rank, std::size_t size, Shared& shared)
      : rank_(rank), size_(size), shared_(&shared) {}
  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  template <class T>
  void all_reduce(std::span<T> values) {
    if (rank_ == 0) shared_->sum.assign(values.size(), 0);
    for (std::size_t turn = 0; turn < size_; ++turn) {
      shared_->barrier.arrive_and_wait();
      for (std::size_t i = 0; turn == rank_ && i < values.size(); ++i) shared_->sum[i] += values[i];
    }
    shared_->barrier.arrive_and_wait();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = T(shared_->sum[i]);
    shared_->barrier.arrive_and_wait();
  }
  template <class T>
  void broadcast(std::span<T> values) {
    if (rank_ != 0) std::fill(values.begin(), values.end(), T(0));
    all_reduce(values);
  }

 private:
  std::size_t rank_, size_;
  Shared* shared_;
};
static_assert(Communicator<Threads, double> && !OverlappingCommunicator<Threads, double>);

/// Two ranks, the other of which has zeros: notes the sums.
class Overlapping : public NoCommunicator {
 public:
  struct Begun {
    std::span<double> values;
    std::vector<double> copy;
    double first_element;  ///< of the whole gradient, at that time
  };
  struct Log {
    std::vector<Begun> sums;
    std::size_t elements = 0;  ///< of the gradient
    std::size_t advanced = 0, finished = 0;
  };
  explicit Overlapping(Log& log) : log_(&log) {}
  [[nodiscard]] static constexpr std::size_t size() { return 2; }
  void begin_all_reduce(std::span<double> values) {
    const double* const end = log_->sums.empty() ? values.data() + values.size() : end_;
    end_ = end;
    log_->sums.push_back({values, {values.begin(), values.end()}, *(end - log_->elements)});
  }
  void advance() { ++log_->advanced; }
  void finish_all_reduces() { ++log_->finished; }

 private:
  Log* log_;
  const double* end_ = nullptr;  ///< of the gradient
};
static_assert(OverlappingCommunicator<Overlapping, double>);

/// `count` images of one channel and 8×8 pixels, each with noise and a label below 3.
data::ImageSet noisy_images(std::size_t count) {
  data::ImageSet images;
  images.channels = 1;
  images.height = images.width = 8;
  for (std::size_t i = 0; i < 64 * count; ++i)
    images.pixels.push_back(std::uint8_t((i * i + 31 * i) % 251));
  for (std::size_t k = 0; k < count; ++k) images.labels.push_back(std::uint8_t(k % 3));
  return images;
}

nn::Graph tiny_unet() { return nn::unet(test::tiny_network()); }

/// A fast network for tests that do not depend on the network.
nn::Graph tiny_mlp() { return nn::mlp({.dim = 64, .width = 48, .depth = 1}); }

}  // namespace

TEST_CASE("a tiny network learns sixteen images: the loss falls below a third", "[slow]") {
  // An untrained network predicts zero, a loss of 1 per element for VP; 200 updates reach 0.15.
  CHECK(loss_ratio(tiny_unet(), VpSde{}, DenoisingScoreMatching{.reduce_mean = true}) < 1.0 / 3);
}

TEST_CASE("a sub-VP run learns as well", "[slow]") {
  CHECK(loss_ratio(tiny_unet(), SubVpSde{}, DenoisingScoreMatching{.reduce_mean = true}) < 0.5);
}

TEST_CASE("a VE run learns with a network conditioned on and divided by sigma") {
  const nn::Graph graph =
      nn::mlp({.dim = 64, .width = 48, .depth = 1, .fourier_scale = 1, .scale_by_sigma = true});
  CHECK(loss_ratio(graph, VeSde{}, DenoisingScoreMatching{}) < 0.5);
}

TEST_CASE("a run with likelihood weighting learns") {
  const DenoisingScoreMatching loss{.likelihood_weighting = true, .epsilon = 1e-2};
  CHECK(loss_ratio(tiny_mlp(), VpSde{}, loss) < 0.5);
}

TEST_CASE("a run on DDPM's levels learns") {
  const DdpmSde sde(linear_betas(1000));
  CHECK(loss_ratio(tiny_mlp(), sde, DiscreteScoreMatching{.reduce_mean = true}) < 0.5);
}

TEST_CASE("a run on SMLD's levels learns with a network divided by the label's sigma") {
  nn::UNetConfig network = test::tiny_network();
  network.scale_by_sigma = true;
  CHECK(loss_ratio(nn::unet(network), SmldSde(1000), DiscreteScoreMatching{}, 100) < 0.5);
}

TEST_CASE("a run with EDM's loss and preconditioning learns") {
  CHECK(loss_ratio(tiny_mlp(), EdmSde{}, EdmLoss{}) < 0.5);
}

TEST_CASE("a preconditioning of another sigma_data than the loss's is rejected") {
  using Edm = Trainer<eigen::Ops<float>, ScoreMatching<EdmSde, EdmLoss>>;
  const nn::Graph graph = nn::unet(test::tiny_network());
  const TrainingConfigurationWith<EdmLoss> configuration{.loss = {.sigma_data = 0.25}};
  CHECK(Edm(graph, EdmSde{}, configuration, 4).convention().sigma_data == 0.25);
  CHECK_THROWS_WITH(
      Edm(graph, {EdmSde{}, nn::EdmPreconditioning{.sigma_data = 0.5}}, configuration, 4),
      Catch::Contains("sigma_data is 0.25 in the loss and 0.5"));
}

TEST_CASE("a batch larger than the network's is accumulated to the same update") {
  auto whole = tiny_trainer<double>(8), parts = tiny_trainer<double>(2);
  for (std::uint64_t n = 0; n < 3; ++n) {
    const auto images = tiny_images<double>(8, n);
    const StepReport a = step(whole, images), b = step(parts, images);
    CHECK(b.loss == Approx(a.loss).epsilon(1e-11));
    CHECK(b.gradient_norm == Approx(a.gradient_norm).epsilon(1e-11));
    CHECK(b.learning_rate == a.learning_rate);
  }
  // Adam divides by √v, which amplifies rounding errors where a gradient is nearly zero.
  for (std::size_t i = 0; i < whole.parameters().size(); ++i)
    REQUIRE(parts.state().parameters[i] ==
            Approx(whole.state().parameters[i]).epsilon(1e-6).margin(1e-6));
}

TEST_CASE("the gradient of a step is the derivative of its loss through the network") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.loss.likelihood_weighting = true;
  auto trainer = tiny_trainer<double>(4, configuration);
  const auto images = tiny_images<double>(4);
  step(trainer, images);  // changes no parameters: the warm-up begins at rate 0
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
  // Third derivatives and rounding both contribute about 1e-8 of the slope.
  CHECK(slope == Approx((loss_at(h) - loss_at(-h)) / (2 * h)).epsilon(1e-6));
}

TEST_CASE("runs with the same seed are bit-identical, and those with another seed differ") {
  auto a = tiny_trainer<float>(4), b = tiny_trainer<float>(4);
  TrainingConfiguration other = test::tiny_training();
  other.seed = 8;
  auto c = tiny_trainer<float>(4, other);
  for (std::uint64_t n = 0; n < 3; ++n)
    for (auto* trainer : {&a, &b, &c}) step(*trainer, tiny_images<float>(4, n));
  CHECK(a.state() == b.state());
  CHECK_FALSE(a.state() == c.state());
}

TEST_CASE("the gaps between parameters stay zero in training") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.optimizer.weight_decay = 0.01;
  auto trainer = tiny_trainer<float>(4, configuration);
  for (std::uint64_t n = 0; n < 3; ++n) step(trainer, tiny_images<float>(4, n));
  std::vector<bool> gap(trainer.parameters().size(), true);
  for (const nn::Parameter& p : trainer.parameters().entries())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) gap[i] = false;
  REQUIRE(std::count(gap.begin(), gap.end(), true) > 0);
  const TrainingState<float>& s = trainer.state();
  for (const auto* buffer : {&s.parameters, &s.average, &s.first_moment, &s.second_moment})
    for (std::size_t i = 0; i < gap.size(); ++i)
      if (gap[i]) REQUIRE((*buffer)[i] == 0);
}

TEST_CASE("a step reports the warm-up's rate and increments the step count") {
  auto trainer = tiny_trainer<float>(4);
  const auto images = tiny_images<float>(4);
  CHECK(trainer.step_count() == 0);
  CHECK(step(trainer, images).learning_rate == 0);
  CHECK(step(trainer, images).learning_rate == Approx(0.25 * 2e-3));
  CHECK(trainer.step_count() == 2);
}

TEST_CASE("the average's decay follows the ramp") {
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

TEST_CASE("NaN in an image is rejected and the state is unchanged") {
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

TEST_CASE("steps on NaN are skipped up to the limit, with the state unchanged but for its number") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.skip_limit = 2;
  auto trainer = tiny_trainer<float>(4, configuration);
  auto bad = tiny_images<float>(4);
  bad[70] = std::numeric_limits<float>::quiet_NaN();
  step(trainer, tiny_images<float>(4));
  for (int round = 0; round < 2; ++round) {  // a finite step resets the count
    auto before = trainer.state();
    for (int i = 0; i < 2; ++i) {
      trainer.step(bad);
      CHECK_FALSE(trainer.report().finite);
      CHECK_FALSE(std::isfinite(trainer.report().loss));
      ++before.step;
      CHECK(trainer.state() == before);
    }
    trainer.step(tiny_images<float>(4));
    CHECK(trainer.report().finite);
    CHECK_FALSE(trainer.state().parameters == before.parameters);
    CHECK(trainer.step_count() == std::uint64_t(4 + 3 * round));
  }
  for (int i = 0; i < 2; ++i) trainer.step(bad);
  const auto before = trainer.state();
  CHECK_THROWS_WITH(trainer.step(bad),
                    Catch::Contains("at step 9") && Catch::Contains("as in 2 steps before it"));
  CHECK(trainer.state() == before);
  trainer.restore(before);
  CHECK_NOTHROW(trainer.step(bad));
}

TEST_CASE("a skipped step changes neither the draws nor the images of later ones") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.skip_limit = 1;
  auto whole = tiny_trainer<float>(4, configuration),
       resumed = tiny_trainer<float>(4, configuration);
  auto bad = tiny_images<float>(4);
  bad[0] = std::numeric_limits<float>::infinity();
  step(whole, tiny_images<float>(4));
  whole.step(bad);
  resumed.restore(whole.state());
  for (int i = 0; i < 3; ++i)
    for (auto* trainer : {&whole, &resumed}) step(*trainer, tiny_images<float>(4));
  CHECK(whole.state() == resumed.state());
}

TEST_CASE("a trainer rejects batches of the wrong size") {
  auto trainer = tiny_trainer<float>(4);
  CHECK_THROWS_WITH(step(trainer, {}), Catch::Contains("0 elements"));
  CHECK_THROWS_WITH(step(trainer, std::vector<float>(65)), Catch::Contains("65 elements"));
  CHECK_THROWS_WITH(step(trainer, tiny_images<float>(6)), Catch::Contains("6 images"));
  CHECK_NOTHROW(step(trainer, tiny_images<float>(3)));
  CHECK_NOTHROW(step(trainer, tiny_images<float>(8)));
}

TEST_CASE("a trainer rejects settings out of range and the state of another network") {
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

TEST_CASE("steps from a data set are those on its stream's images, across epochs") {
  const data::ImageSet images = noisy_images(10);
  const data::ImageTransform transform{.random_flip = true};
  auto given = tiny_trainer<float>(4), streamed = tiny_trainer<float>(4);
  streamed.train_on(images, transform, 11, 4);
  CHECK_THROWS_WITH(streamed.report(), Catch::Contains("there is no step to report"));
  CHECK(streamed.reports().empty());
  data::ImageStream stream(images, transform, 11);
  std::vector<float> batch(4 * 64);
  for (std::uint64_t n = 0; n < 4; ++n) {
    stream.fill_batch<float>(4 * n, batch);
    const StepReport wanted = step(given, batch);
    streamed.step();
    const std::vector<StepReport> found = streamed.reports();
    REQUIRE(found.size() == 1);
    CHECK(found[0].loss == wanted.loss);
    CHECK(streamed.reports().empty());
    CHECK(streamed.report().gradient_norm == wanted.gradient_norm);
  }
  CHECK(streamed.state() == given.state());
  streamed.restore(given.state());
  CHECK_THROWS_WITH(streamed.report(), Catch::Contains("there is no step to report"));
}

TEST_CASE("a data set that does not fit the network or the batch is rejected") {
  auto trainer = tiny_trainer<float>(4);
  CHECK_THROWS_WITH(trainer.step(), Catch::Contains("there is no data set"));
  CHECK_THROWS_WITH(trainer.train_on(noisy_images(3), {}, 1, 4),
                    Catch::Contains("batch is 4 and the data set has 3"));
  CHECK_THROWS_WITH(trainer.train_on(noisy_images(9), {}, 1, 6), Catch::Contains("6 images"));
  data::ImageSet wide = noisy_images(8);
  wide.height = 4;
  wide.width = 16;
  CHECK_THROWS_WITH(trainer.train_on(wide, {}, 1, 4),
                    Catch::Contains("the network requires 1 of 8 by 8"));
  nn::UNetConfig two_classes = test::tiny_network();
  two_classes.num_class_embeds = 2;
  auto conditional = tiny_trainer<float>(4, test::tiny_training(), two_classes);
  CHECK_THROWS_WITH(conditional.train_on(noisy_images(8), {}, 1, 4),
                    Catch::Contains("an image has label 2"));
}

TEST_CASE("networks train with RAdam and with SGD") {
  const auto ratio = [](auto optimizer) {
    using Rule = decltype(optimizer);
    const TrainingConfigurationWith<DenoisingScoreMatching, Rule> configuration{
        .seed = 7, .loss = {.reduce_mean = true}, .optimizer = optimizer};
    Trainer<eigen::Ops<float>, ScoreMatching<VpSde>, Rule> trainer(tiny_mlp(), VpSde{},
                                                                   configuration, 16);
    const auto images = tiny_images<float>(16);
    const double before = mean_loss(trainer, images, 10);
    mean_loss(trainer, images, 180);
    return mean_loss(trainer, images, 10) / before;
  };
  // Of 200 updates the last is rectified to a third of its length.
  CHECK(ratio(RAdam{.learning_rate = 5e-3}) < 0.7);
  CHECK(ratio(Sgd{.learning_rate = 0.1}) < 0.7);
}

TEST_CASE(
    "a track with a ramp is the average of a training with its decay, and does not affect it") {
  auto configuration = test::tiny_training();
  configuration.ema.decay = 0.999;
  configuration.ema_tracks = {ExponentialMovingAverage::power(0.1), {.decay = 0.3}};
  auto tracked = tiny_trainer<double>(4, configuration);
  configuration.ema_tracks.clear();
  auto usual = tiny_trainer<double>(4, configuration);
  configuration.ema.decay = 0.3;
  auto other = tiny_trainer<double>(4, configuration);
  for (auto* trainer : {&tracked, &usual, &other}) {
    trainer->train_on(noisy_images(8), {}, 1, 4);
    for (int n = 0; n < 8; ++n) trainer->step();  // a ramp reaches 0.3 after 3 updates
  }
  CHECK(tracked.state().parameters == usual.state().parameters);
  CHECK(tracked.state().average == usual.state().average);
  REQUIRE(tracked.state().tracks.size() == 2);
  const auto& track = tracked.state().tracks[1];
  for (std::size_t i = 0; i < track.size(); ++i)
    REQUIRE(track[i] == Approx(other.state().average[i]).epsilon(1e-12).margin(1e-15));
  CHECK(track != usual.state().average);
}

TEST_CASE("two ranks that each train on half of a batch make the update of one rank") {
  using Run = Trainer<eigen::Ops<double>, ScoreMatching<VpSde>, Adam, Threads>;
  const nn::Graph graph = nn::unet(test::tiny_network());
  const data::ImageSet images = noisy_images(16);
  auto whole = tiny_trainer<double>(4);
  whole.train_on(images, {.random_flip = true}, 5, 8);
  for (int n = 0; n < 3; ++n) whole.step();

  Threads::Shared shared{std::barrier<>(2), {}};
  std::vector<TrainingState<double>> found(2);
  std::vector<StepReport> reports(2);
  const auto run = [&](std::size_t rank) {
    Run trainer(graph, VpSde{}, test::tiny_training(), 2, eigen::Ops<double>(1),
                Threads(rank, 2, shared));
    trainer.train_on(images, {.random_flip = true}, 5, 8);
    for (int n = 0; n < 3; ++n) trainer.step();
    found[rank] = trainer.state();
    reports[rank] = trainer.report();
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  CHECK(found[0] == found[1]);
  CHECK(reports[0].loss == reports[1].loss);
  CHECK(reports[0].loss == Approx(whole.report().loss).epsilon(1e-11));
  CHECK(reports[0].gradient_norm == Approx(whole.report().gradient_norm).epsilon(1e-11));
  for (std::size_t i = 0; i < found[0].parameters.size(); ++i)
    REQUIRE(found[0].first_moment[i] ==
            Approx(whole.state().first_moment[i]).epsilon(1e-7).margin(1e-9));
}

TEST_CASE(
    "gradient shards give two ranks and one the same bits, and a resumed run with the other") {
  using Run = Trainer<eigen::Ops<float>, ScoreMatching<VpSde>, Adam, Threads>;
  const nn::Graph graph = nn::unet(test::tiny_network());
  const data::ImageSet images = noisy_images(16);
  TrainingConfiguration configuration = test::tiny_training();
  auto unsharded = tiny_trainer<float>(2, configuration);
  configuration.gradient_shards = 4;
  auto whole = tiny_trainer<float>(2, configuration);
  for (auto* trainer : {&unsharded, &whole}) trainer->train_on(images, {.random_flip = true}, 5, 8);
  for (int n = 0; n < 2; ++n) whole.step();
  const TrainingState<float> half = whole.state();
  for (int n = 0; n < 2; ++n) whole.step();
  for (int n = 0; n < 4; ++n) unsharded.step();
  CHECK(unsharded.state() != whole.state());  // the order of the additions differs
  CHECK(unsharded.report().loss == Approx(whole.report().loss).epsilon(1e-5));

  Threads::Shared shared{std::barrier<>(2), {}};
  std::vector<TrainingState<float>> found(2);
  std::vector<StepReport> reports(2);
  const auto run = [&](std::size_t rank) {
    Run trainer(graph, VpSde{}, configuration, 2, eigen::Ops<float>(1), Threads(rank, 2, shared));
    trainer.train_on(images, {.random_flip = true}, 5, 8);
    trainer.restore(half);
    for (int n = 0; n < 2; ++n) trainer.step();
    found[rank] = trainer.state();
    reports[rank] = trainer.report();
  };
  std::thread other(run, 1);
  run(0);
  other.join();
  CHECK(found[0] == whole.state());
  CHECK(found[1] == whole.state());
  CHECK(reports[0].loss == whole.report().loss);
  CHECK(reports[1].gradient_norm == whole.report().gradient_norm);
}

TEST_CASE("the sums of gradients begin during the last backward pass, in buckets from the end") {
  using Run = Trainer<eigen::Ops<double>, ScoreMatching<VpSde>, Adam, Overlapping>;
  nn::UNetConfig network = test::tiny_network();
  network.nf = 32;
  network.num_res_blocks = 2;
  const nn::Graph graph = nn::unet(network);
  TrainingConfiguration configuration = test::tiny_training();
  configuration.gradient_shards = 4;
  Overlapping::Log log;
  Run trainer(graph, VpSde{}, configuration, 1, eigen::Ops<double>(1), Overlapping(log));
  const std::size_t size = trainer.parameters().size(), bucket = 1 << 18;
  log.elements = size;
  REQUIRE(size > 2 * bucket);
  trainer.step(tiny_images<double>(4));
  REQUIRE(log.sums.size() == size / bucket + (size % bucket > 0 ? 1 : 0));
  std::size_t end = size;
  for (const Overlapping::Begun& sum : log.sums) {
    INFO("elements before " << end);
    CHECK(sum.values.data() + sum.values.size() == trainer.gradient().data() + end);
    CHECK(sum.values.size() == (end >= bucket ? bucket : end));
    // What has begun stays as it is, and is complete.
    CHECK(std::equal(sum.values.begin(), sum.values.end(), sum.copy.begin()));
    end -= sum.values.size();
  }
  CHECK(end == 0);
  CHECK(log.advanced > log.sums.size());
  CHECK(log.finished == 1);
  // When the first one began, the gradient of the first layer was not computed yet.
  CHECK(log.sums.front().first_element != trainer.gradient().front());
}

TEST_CASE(
    "gradient shards that cannot be divided among ranks, or a batch among them, are rejected") {
  TrainingConfiguration configuration = test::tiny_training();
  configuration.gradient_shards = 6;
  Threads::Shared shared{std::barrier<>(2), {}};
  using Run = Trainer<eigen::Ops<float>, ScoreMatching<VpSde>, Adam, Threads>;
  CHECK_THROWS_WITH(
      Run(tiny_mlp(), VpSde{}, configuration, 2, eigen::Ops<float>(1), Threads(0, 2, shared)),
      Catch::Contains("gradient_shards is 6; with 2 ranks it must be 2 times a"));
  CHECK_THROWS_WITH(
      Run(tiny_mlp(), VpSde{}, configuration, 2, eigen::Ops<float>(1), Threads(0, 4, shared)),
      Catch::Contains("with 4 ranks"));
  auto trainer = tiny_trainer<float>(2, configuration);
  CHECK_THROWS_WITH(trainer.step(tiny_images<float>(8)),
                    Catch::Contains("has 8 images of the batch; they must be a multiple of its 6"));
  CHECK_THROWS_WITH(trainer.step(tiny_images<float>(18)),
                    Catch::Contains("the batch has 3 images"));
  CHECK_NOTHROW(trainer.step(tiny_images<float>(12)));
}
