// SPDX-License-Identifier: MIT
/// Training steps on the device against the CPU's: the same draws, losses and states.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <scoresde/cuda/detail/training_memory.hpp>
#include <scoresde/cuda/detail/training_plan.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/cuda/graph.hpp>
#include <scoresde/cuda/image_stream.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/loss/discrete_score_matching.hpp>
#include <scoresde/loss/edm_loss.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/ddpm_betas.hpp>
#include <scoresde/sde/ddpm_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/smld_sde.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/train/classification.hpp>

#include "backends/cuda/device/training_runs.hpp"
#include "support/catch.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using cuda::Bfloat16;
using test::HostRun;
using test::samples;
using test::small_training;
using test::training_ops;

namespace {

struct Tolerance {
  double number, moment, movement;
};
constexpr Tolerance fp32{2e-5, 1e-4, 5e-3}, bf16{1e-2, 4e-2, 2e-1};

/// Runs both trainers from the start; the device accumulates its batches in parts of two.
template <class A, class Loss = DenoisingScoreMatching, class Rule = Adam, class S>
void compare(const nn::UNetConfig& network, const S& sde, const Tolerance& tolerance,
             TrainingConfigurationWith<Loss, Rule> configuration = small_training<Loss>()) {
  const nn::Graph graph = nn::unet(network);
  const data::ImageSet images = samples(10);
  HostRun<S, Loss, Rule> host(graph, sde, configuration, 4, images);
  Trainer<cuda::Ops<A>, ScoreMatching<S, Loss>, Rule> device(graph, sde, configuration, 2,
                                                             training_ops<A>());
  device.train_on(images, test::transform, test::data_seed, 4);
  const std::vector<float> start = host.trainer.state().parameters;
  CHECK(device.state() == host.trainer.state());
  for (int n = 0; n < 3; ++n) {  // the third batch spans two epochs
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
  if (wanted.second_moment == zero)  // SGD has none
    CHECK(found.second_moment == zero);
  else
    CHECK(test::relative(found.second_moment, wanted.second_moment, zero) < 2 * tolerance.moment);
  CHECK(test::relative(found.parameters, wanted.parameters, start) < tolerance.movement);
  CHECK(test::relative(found.average, wanted.average, start) < tolerance.movement);
}

nn::UNetConfig conditioned_on_sigma() {
  nn::UNetConfig network = small::every_path();
  network.embedding_type = nn::EmbeddingType::fourier;
  network.scale_by_sigma = true;
  return network;
}

}  // namespace

TEST_CASE("a VP run on the device matches the CPU's", "[slow]") {
  compare<float>(small::every_path(), VpSde{}, fp32);
}

TEST_CASE("a VE run on the device matches the CPU's, with output divided by sigma", "[slow]") {
  compare<float>(conditioned_on_sigma(), VeSde{}, fp32);
}

TEST_CASE("a sub-VP run on the device matches the CPU's, with label dropout", "[slow]") {
  auto configuration = small_training();
  configuration.label_dropout = 0.4;
  configuration.loss.likelihood_weighting = true;
  configuration.loss.epsilon = 1e-2;
  compare<float>(test::classed_network(), SubVpSde{}, fp32, configuration);
}

TEST_CASE("a run with EDM preconditioning on the device matches the CPU's", "[slow]") {
  compare<float>(small::every_path(), EdmSde{}, fp32, small_training<EdmLoss>());
}

TEST_CASE("a run with DDPM's loss on the device matches the CPU's") {
  auto configuration = small_training<DiscreteScoreMatching>();
  configuration.loss.min_snr_gamma = 5;
  compare<float>(small::every_path(), DdpmSde(linear_betas(20, 1e-3, 0.4)), fp32, configuration);
}

TEST_CASE("a run with SMLD's loss on the device matches the CPU's, conditioned on levels") {
  nn::UNetConfig network = small::every_path();
  network.scale_by_sigma = true;
  network.num_scales = 20;
  const SmldSde sde(network.num_scales, {network.sigma_min, network.sigma_max});
  compare<float>(network, sde, fp32, small_training<DiscreteScoreMatching>());
}

TEST_CASE("runs with RAdam and SGD on the device match the CPU's", "[slow]") {
  const auto plain = small_training();
  const auto with = [&](auto rule) {
    using Configuration = TrainingConfigurationWith<DenoisingScoreMatching, decltype(rule)>;
    return Configuration{
        .seed = plain.seed, .loss = plain.loss, .optimizer = rule, .ema = plain.ema};
  };
  compare<float>(small::every_path(), VpSde{}, fp32, with(RAdam{.learning_rate = 1e-3}));
  compare<float>(small::every_path(), VpSde{}, fp32, with(Sgd{.nesterov = true}));
}

TEST_CASE("a classifier trained on the device matches the CPU's", "[slow]") {
  const nn::Graph graph = nn::classifier(test::tiny_classifier());
  const TrainingConfigurationWith<CrossEntropy> configuration{
      .seed = 7, .optimizer = {.learning_rate = 3e-3, .warm_up = 2}};
  using Device = Trainer<cuda::Ops<float>, Classification<VpSde>>;
  Trainer<eigen::Ops<float>, Classification<VpSde>> host(graph, VpSde{}, configuration, 4);
  Device device(graph, VpSde{}, configuration, 2, training_ops<float>());
  const auto images = test::two_classes<float>(4);
  const auto labels = test::labels_of_two_classes(4);
  const std::vector<float> start = host.state().parameters;
  for (int n = 0; n < 3; ++n) {
    host.step(images, labels);
    device.step(images, labels);
    CHECK(device.report().loss == Approx(host.report().loss).epsilon(fp32.number));
    CHECK(device.report().gradient_norm ==
          Approx(host.report().gradient_norm).epsilon(fp32.number));
  }
  CHECK(test::relative(device.state().parameters, host.state().parameters, start) < 5e-2);
  const std::vector<std::uint32_t> none{0, 1, nn::no_class, 1};
  CHECK_THROWS_WITH(device.step(images, none), Contains("the label is 4294967295"));
  CHECK_THROWS_WITH(device.step(images), Contains("0 classes for 4 images"));

  // Its logits and their gradient on device states.
  nn::Network<cuda::Ops<float>> there(graph, 3, nn::Mode::differentiation, training_ops<float>());
  nn::Network<eigen::Ops<float>> here(graph, 3, nn::Mode::differentiation);
  const std::vector<float> weights = device.state().parameters;
  cuda::FloatBuffer placed(test::training_context(), weights.size());
  there.ops().upload(weights, placed.data());
  nn::ClassifierNetwork<cuda::Ops<float>, VpSde> found(there, placed.span(), VpSde{});
  nn::ClassifierNetwork<eigen::Ops<float>, VpSde> wanted(here, weights, VpSde{});
  const HostState<float> x({4, 64}, images);  // in two parts
  const cuda::DeviceState<float> on_device(test::training_context(), x);
  std::vector<double> a(8), b(8);
  const std::vector<double> v{1, -0.5, 0.2, 0.7, -1, 0.3, 0.4, 0.1};
  found.logits(on_device, 0.3, a);
  wanted.logits(x, 0.3, b);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-4).margin(1e-5));
  cuda::DeviceState<float> gradient(test::training_context(), x.extents());
  HostState<float> of_host(x.extents());
  found.vjp(on_device, 0.3, v, gradient);
  wanted.vjp(x, 0.3, v, of_host);
  const HostState<float> read = cuda::to_host(gradient);
  for (std::size_t i = 0; i < read.size(); ++i)
    CHECK(read.data()[i] == Approx(of_host.data()[i]).epsilon(1e-3).margin(1e-5));
}

TEST_CASE("a classifier trains on a data set on the device, captured as eager", "[slow]") {
  const nn::Graph graph = nn::classifier(test::tiny_classifier());
  data::ImageSet set{.channels = 1, .height = 8, .width = 8, .pixels = {}, .labels = {}};
  for (const float value : test::two_classes<float>(6)) set.pixels.push_back(value > 0 ? 255 : 0);
  for (const std::uint32_t label : test::labels_of_two_classes(6))
    set.labels.push_back(static_cast<std::uint8_t>(label));
  const TrainingConfigurationWith<CrossEntropy> configuration{
      .seed = 7, .loss = {.noised = false}, .optimizer = {.learning_rate = 3e-3}};
  const auto trained = [&](bool captures) {
    Trainer<cuda::Ops<float>, Classification<VpSde>> trainer(graph, VpSde{}, configuration, 2,
                                                             training_ops<float>());
    trainer.set_captures(captures);
    trainer.train_on(set, {.random_flip = true}, 7, 4);
    for (int n = 0; n < 4; ++n) trainer.step();
    return trainer.state();
  };
  CHECK(trained(true) == trained(false));
}

TEST_CASE("a run in bfloat16 approximates the CPU's", "[slow]") {
  compare<Bfloat16>(small::every_path(), VpSde{}, bf16);
}

TEST_CASE("replayed, eager and resumed steps are bit-identical", "[slow]") {
  const nn::Graph graph = nn::unet(test::classed_network());
  auto configuration = small_training();
  configuration.label_dropout = 0.4;
  const auto ops = training_ops<Bfloat16>();
  const auto make = [&] {
    return Trainer<cuda::Ops<Bfloat16>, ScoreMatching<VpSde>>(graph, VpSde{}, configuration, 2,
                                                              ops);
  };
  auto replayed = make(), eager = make(), resumed = make();  // with shared operations
  eager.set_captures(false);
  for (auto* trainer : {&replayed, &eager, &resumed})
    trainer->train_on(samples(5), test::transform, test::data_seed, 4);
  std::vector<double> losses;
  for (int n = 0; n < 4; ++n) {
    replayed.step();
    eager.step();
    losses.push_back(eager.report().loss);
  }
  CHECK(replayed.step_count() == 4);
  std::vector<double> found;
  for (const StepReport& report : replayed.reports()) found.push_back(report.loss);
  CHECK(found == losses);
  CHECK(replayed.reports().empty());
  const TrainingState<float> state = replayed.state();
  CHECK(state == eager.state());
  CHECK(replayed.report().loss == eager.report().loss);
  replayed.step();
  resumed.restore(state);
  CHECK(resumed.step_count() == 4);
  CHECK(resumed.reports().empty());
  resumed.step();
  CHECK(resumed.reports().at(0).loss == replayed.report().loss);
  CHECK(resumed.state() == replayed.state());
  CHECK(resumed.report().gradient_norm == replayed.report().gradient_norm);
}

TEST_CASE("the host waits for reports and not for steps", "[slow]") {
  const cuda::Context& gpu = test::training_context();
  const nn::Graph graph = nn::unet(test::classed_network());
  Trainer<cuda::Ops<Bfloat16>, ScoreMatching<VpSde>> trainer(graph, VpSde{}, small_training(), 2,
                                                             training_ops<Bfloat16>());
  trainer.train_on(samples(6), test::transform, test::data_seed, 4);
  const std::vector<float> images(4 * trainer.dim(), 0.5f);
  const std::vector<std::uint32_t> classes(4, 1);
  trainer.step();
  const TrainingState<float> start = trainer.state();  // waits for all copies
  const std::size_t before = gpu.waits();
  for (int n = 0; n < 3; ++n) trainer.step();  // captured, replayed, across epochs
  trainer.step(images, classes);
  CHECK(gpu.waits() == before);
  CHECK(trainer.report().loss > 0);
  CHECK(gpu.waits() == before + 1);
  trainer.restore(start);
  trainer.step();  // fills a new table
  CHECK(gpu.waits() == before + 1);
}

TEST_CASE("a step on given images equals the data set's, and a non-finite step changes nothing",
          "[slow]") {
  const nn::Graph graph = nn::unet(small::every_path());
  const data::ImageSet images = samples(10);
  Trainer<cuda::Ops<float>, ScoreMatching<VpSde>> given(graph, VpSde{}, small_training(), 2,
                                                        training_ops<float>());
  Trainer<cuda::Ops<float>, ScoreMatching<VpSde>> streamed(graph, VpSde{}, small_training(), 2,
                                                           training_ops<float>());
  streamed.train_on(images, test::transform, test::data_seed, 2);
  data::ImageStream stream(images, test::transform, test::data_seed);
  std::vector<float> batch(2 * images.dim());
  const auto step_on_next = [&](std::uint64_t step) {
    stream.fill_batch<float>(2 * step, batch);
    given.step(batch);
  };
  step_on_next(0);
  streamed.step();
  const TrainingState<float> before = given.state();
  CHECK(before == streamed.state());

  std::vector<float> bad(batch);
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  given.step(bad);
  step_on_next(2);  // enqueued before the host reads the failure
  CHECK(given.step_count() == 3);
  CHECK_THROWS_WITH(given.report(),
                    Contains("at step 1 the loss is nan") && Contains("the state is unchanged"));
  CHECK(given.step_count() == 1);
  CHECK(given.state() == before);
  step_on_next(1);
  streamed.step();
  CHECK(given.state() == streamed.state());
}

TEST_CASE("non-finite steps up to the limit change only the number of the step", "[slow]") {
  const nn::Graph graph = nn::unet(small::every_path());
  auto configuration = small_training();
  configuration.skip_limit = 1;
  using DeviceTrainer = Trainer<cuda::Ops<float>, ScoreMatching<VpSde>>;
  DeviceTrainer whole(graph, VpSde{}, configuration, 2, training_ops<float>());
  DeviceTrainer resumed(graph, VpSde{}, configuration, 2, training_ops<float>());
  const data::ImageSet images = samples(10);
  data::ImageStream stream(images, test::transform, test::data_seed);
  std::vector<float> batch(2 * images.dim());
  stream.fill_batch<float>(0, batch);
  std::vector<float> bad(batch);
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  for (const auto* given : {&batch, &bad, &batch}) whole.step(*given);
  const std::vector<StepReport> reports = whole.reports();
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].finite);
  CHECK_FALSE(reports[1].finite);
  CHECK(reports[2].finite);

  resumed.step(batch);
  TrainingState<float> state = resumed.state();
  ++state.step;
  resumed.restore(state);
  resumed.step(batch);
  CHECK(whole.state() == resumed.state());

  const TrainingState<float> before = whole.state();
  for (const auto* given : {&bad, &bad, &batch}) whole.step(*given);
  CHECK_THROWS_WITH(whole.report(), Contains("at step 4") && Contains("as in 1 steps before it"));
  state = whole.state();
  CHECK(state.step == 4);
  CHECK(state.parameters == before.parameters);
}

TEST_CASE("reports are kept for the latest steps") {
  const cuda::Context& gpu = test::training_context();
  cuda::detail::TrainingMemory memory(gpu, 4);
  const std::uint64_t steps = cuda::detail::TrainingMemory::outcomes_kept + 3;
  for (std::uint64_t n = 0; n < steps; ++n) {
    const cuda::detail::StepOutcome outcome{.updates = n + 1, .loss = double(n)};
    gpu.copy_to_device(memory.update_arguments().outcome, &outcome, sizeof(outcome));
    memory.keep_outcome(n);
  }
  const auto kept = memory.outcomes(3, steps);
  REQUIRE(kept.size() == cuda::detail::TrainingMemory::outcomes_kept);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i].loss == double(i + 3));
}

TEST_CASE("a network trains on the device", "[slow]") {
  const cuda::Context& gpu = test::training_context();
  const nn::Graph graph = nn::unet(small::every_path());
  const data::ImageSet images = samples(8);
  const TrainingConfiguration configuration{.seed = 1};
  //! [train]
  const cuda::Ops<cuda::Bfloat16> ops(gpu);
  Trainer<cuda::Ops<>, ScoreMatching<VpSde>> trainer(graph, VpSde{}, configuration, 2, ops);
  trainer.train_on(images, {.random_flip = true}, 42,
                   4);                                 // batches of 4 in parts of 2
  for (int n = 0; n < 3; ++n) trainer.step();          // asynchronous
  const StepReport last = trainer.report();            // waits
  const TrainingState<float> state = trainer.state();  // for a checkpoint
  //! [train]
  CHECK(last.loss > 0);
  CHECK(last.learning_rate == configuration.optimizer.learning_rate_at(2));
  CHECK(state.step == 3);
}

TEST_CASE("images and labels on the device match the host's stream, across epochs") {
  const cuda::Context& gpu = test::training_context();
  const data::ImageSet images = samples(5);
  data::ImageStream wanted(images, test::transform, test::data_seed);
  cuda::ImageStream resident(gpu, images, test::transform, test::data_seed);
  cuda::ImageStream streamed(gpu, images, test::transform, test::data_seed, 0);
  cuda::FloatBuffer x(gpu, 4 * images.dim());
  const cuda::DeviceMemory step(gpu, sizeof(std::uint64_t));
  std::vector<float> a(x.size()), b(x.size());
  std::vector<std::uint32_t> labels(4), other(4);
  for (cuda::ImageStream* found : {&resident, &streamed})
    for (const std::uint64_t n : {0, 1, 2, 3, 10, 1}) {
      gpu.copy_to_device(step.data(), &n, sizeof(n));
      found->prepare(4 * n, 4);
      found->minibatch(0, 4, step.data<std::uint64_t>(), 4, x.data());
      gpu.copy_to_host(a.data(), x.data(), a.size() * sizeof(float));
      wanted.fill_batch<float>(4 * n, b);
      CHECK(a == b);
      found->fill_labels(4 * n, labels);
      wanted.fill_labels(4 * n, other);
      CHECK(labels == other);
    }
  CHECK_THROWS_WITH(cuda::ImageStream(gpu, data::ImageSet{}, {}, 1),
                    Contains("the image set is empty"));
}

TEST_CASE("a plan gives each step its own row, whatever step its table starts with") {
  const cuda::Context& gpu = test::training_context();
  cuda::detail::TrainingPlan plan(gpu, 2, 8, 5, 5, 3);
  const cuda::DeviceMemory step(gpu, sizeof(std::uint64_t));
  CHECK(plan.part() == 2);
  for (const std::uint64_t first : {0, 3, 7}) {
    CHECK_FALSE(plan.holds(first));
    std::vector<std::uint32_t> classes(2);
    plan.fill_rows(
        first,
        [&](std::uint64_t n) {
          classes = {static_cast<std::uint32_t>(n), nn::no_class};
          return std::span<const std::uint32_t>(classes);
        },
        [](std::uint64_t n, std::size_t k) {
          cuda::detail::PerSampleCoefficients numbers{};
          for (std::size_t f = 0; f < numbers.size(); ++f)
            numbers[f] = double(100 * n + 10 * f + k);
          return numbers;
        });
    CHECK_FALSE(plan.holds(first + 3));
    for (std::uint64_t n = first; n < first + 3; ++n) {
      CHECK(plan.holds(n));
      gpu.copy_to_device(step.data(), &n, sizeof(n));
      plan.load_step_parameters(step.data<std::uint64_t>());
      double label = 0;
      gpu.copy_to_host(&label, plan.numbers(cuda::detail::SampleField::label, 1), sizeof(label));
      CHECK(label == double(100 * n + 10 * 5 + 1));
      gpu.copy_to_host(classes.data(), plan.classes(0), 2 * sizeof(std::uint32_t));
      CHECK(classes == std::vector<std::uint32_t>{static_cast<std::uint32_t>(n), nn::no_class});
    }
  }
  plan.forget_rows();
  CHECK_FALSE(plan.holds(7));
}

TEST_CASE("a graph executes its work when launched, and throws for work that cannot be captured") {
  const cuda::Context& gpu = test::training_context();
  cuda::FloatBuffer a(gpu, 3), b(gpu, 3);
  std::vector<float> values{1, 2, 3}, found(3);
  const auto read = [&] {
    gpu.copy_to_host(found.data(), b.data(), 3 * sizeof(float));
    return found;
  };
  const auto copy = [&] { gpu.copy_on_device(b.data(), a.data(), 3 * sizeof(float)); };
  const cuda::Graph graph(gpu, copy);
  gpu.copy_to_device(a.data(), values.data(), 3 * sizeof(float));
  CHECK(read() == std::vector<float>(3));
  graph.launch();
  CHECK(read() == values);
  CHECK_THROWS_WITH(cuda::Graph(gpu,
                                [&] {
                                  copy();
                                  gpu.release(gpu.allocate(4));
                                }),
                    Contains("captured"));
  values = {4, 5, 6};
  gpu.copy_to_device(a.data(), values.data(), 3 * sizeof(float));
  CHECK(read() == std::vector<float>{1, 2, 3});
  graph.launch();
  CHECK(read() == values);
}

TEST_CASE("a trainer without enough device memory throws, and others remain usable") {
  const nn::Graph graph = nn::unet(small::every_path());
  Trainer<cuda::Ops<float>, ScoreMatching<VpSde>> trainer(graph, VpSde{}, small_training(), 2,
                                                          training_ops<float>());
  trainer.train_on(samples(4), test::transform, test::data_seed, 2);
  trainer.step();
  // About 500 GB; cuDNN may also have no plan for so many samples.
  const auto make = [&] {
    Trainer<cuda::Ops<float>, ScoreMatching<VpSde>>(graph, VpSde{}, small_training(),
                                                    std::size_t{1} << 23, training_ops<float>());
  };
  if (test::training_context().name() == "emulated device")
    CHECK_THROWS_WITH(make(), Contains("bytes on device 0 failed: cudaErrorMemoryAllocation"));
  else
    CHECK_THROWS_AS(make(), Error);
  trainer.step();
  CHECK(trainer.report().loss > 0);
  CHECK(trainer.step_count() == 2);
}

TEST_CASE("the device trainer rejects invalid arguments") {
  const nn::Graph graph = nn::unet(test::classed_network());
  Trainer<cuda::Ops<float>, ScoreMatching<VpSde>> trainer(graph, VpSde{}, small_training(), 2,
                                                          training_ops<float>());
  CHECK_THROWS_WITH(trainer.step(), Contains("there is no data set"));
  CHECK_THROWS_WITH(trainer.report(), Contains("there is no step to report"));
  CHECK_THROWS_WITH(trainer.train_on(samples(3), {}, 1, 4), Contains("the data set has 3"));
  CHECK_THROWS_WITH(trainer.train_on(samples(8), {}, 1, 3),
                    Contains("3 images; it must be at most 2 or a multiple of it"));
  data::ImageSet other = samples(4);
  other.labels[2] = 3;
  CHECK_THROWS_WITH(trainer.train_on(other, {}, 1, 2), Contains("an image has label 3"));
  std::swap(other.channels = 1, other.height);
  CHECK_THROWS_WITH(trainer.train_on(other, {}, 1, 2),
                    Contains("the network requires 2 of 8 by 8"));
  const std::vector<float> images(2 * trainer.dim());
  CHECK_THROWS_WITH(trainer.step(images), Contains("0 classes for 2"));
  CHECK(trainer.step_count() == 0);
  auto configuration = small_training();
  configuration.label_dropout = 0.5;
  CHECK_THROWS_WITH(
      (Trainer<cuda::Ops<float>, ScoreMatching<VpSde>>(nn::unet(small::every_path()), VpSde{},
                                                       configuration, 2, training_ops<float>())),
      Contains("label_dropout is 0.5"));
}
