// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/data/image_stream.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/train/classification.hpp>
#include <scoresde/train/trainer.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using test::labels_of_two_classes;
using test::tiny_classifier;
using test::two_classes;

namespace {

template <class T, class S = VpSde>
using Run = Trainer<eigen::Ops<T>, Classification<S>>;
using Configuration = TrainingConfigurationWith<CrossEntropy>;

static_assert(Objective<Classification<VpSde>, eigen::Ops<float>>);
static_assert(Objective<Classification<VeSde>, eigen::Ops<double>>);
static_assert(!ResidualObjective<Classification<VpSde>>);
static_assert(CrossEntropyObjective<Classification<VpSde>>);

Configuration configuration(bool noised = true) {
  return {.seed = 7,
          .loss = {.noised = noised},
          .optimizer = {.learning_rate = 3e-3, .warm_up = 4},
          .ema = {.decay = 0.9}};
}

}  // namespace

TEMPLATE_TEST_CASE("the gradient of the cross-entropy matches finite differences", "[slow]", VpSde,
                   VeSde) {
  using Ops = eigen::Ops<double>;
  const nn::Graph graph = nn::classifier(tiny_classifier());
  auto parameters = small::parameters<double>(graph, 3);
  nn::Network<Ops> network(graph, 4, nn::Mode::training);
  Classification<TestType> objective{TestType()};
  objective.configure({});
  auto model = objective.template model<Ops>(network, parameters);
  const auto labels = labels_of_two_classes(4);
  model.set_classes(labels);
  const HostState<double> x({4, 64}, two_classes<double>(4));
  typename Classification<TestType>::template Workspace<Ops> work(x);
  const TrainingDraws draws{5, 3, 0};
  std::vector<double> gradient(parameters.size()), unused(parameters.size());
  const double half = objective.forward_backward(model, x, draws, work, 0.5, std::span(gradient));
  CHECK(half > 0);
  constexpr double h = 1e-5;
  for (const auto& p : graph.parameters().entries()) {
    double& value = parameters[p.offset];
    const double kept = value;
    value = kept + h;
    const double above = objective.forward_backward(model, x, draws, work, 1, std::span(unused));
    value = kept - h;
    const double below = objective.forward_backward(model, x, draws, work, 1, std::span(unused));
    value = kept;
    INFO(p.name);
    CHECK(gradient[p.offset] == Approx(0.5 * (above - below) / (2 * h)).epsilon(1e-5).margin(1e-7));
  }
}

TEST_CASE("a trainer fits a classifier, and its average classifies noised images", "[slow]") {
  using Ops = eigen::Ops<float>;
  const nn::Graph graph = nn::classifier(tiny_classifier());
  Run<float> trainer(graph, VpSde(), configuration(), 16);
  const auto images = two_classes<float>(32);
  const auto labels = labels_of_two_classes(32);
  trainer.step(images, labels);
  const double first = trainer.report().loss;
  CHECK(first == Approx(std::log(2.0)).margin(0.3));
  for (int i = 0; i < 150; ++i) trainer.step(images, labels);
  nn::Network<Ops> network(graph, 32, nn::Mode::inference);
  nn::ClassifierNetwork<Ops, VpSde> classifier(network, trainer.average(), VpSde());
  HostState<float> x({32, 64}, images);
  const MarginalProb p = VpSde().marginal_prob(0.3);
  assign(x, {{p.mean, x}}, {p.std, Noise{.seed = 3}.draw(0)});
  std::vector<double> logits(64);
  classifier.logits(x, 0.3, std::span<double>(logits));
  int right = 0;
  for (std::size_t k = 0; k < 32; ++k)
    right += (logits[2 * k + 1] > logits[2 * k]) == (labels[k] == 1) ? 1 : 0;
  CHECK(right >= 31);
}

TEST_CASE("a classifier's batch in parts has the gradient of the whole") {
  const nn::Graph graph = nn::classifier(tiny_classifier());
  Run<double> whole(graph, VpSde(), configuration(), 8), parts(graph, VpSde(), configuration(), 4);
  whole.step(two_classes<double>(8), labels_of_two_classes(8));
  parts.step(two_classes<double>(8), labels_of_two_classes(8));
  CHECK(parts.report().loss == Approx(whole.report().loss).epsilon(1e-12));
  const auto a = whole.gradient(), b = parts.gradient();
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  CHECK(difference < 1e-11 * largest);
}

TEST_CASE("a classifier trains on the labels of a data set, and on clean images alone", "[slow]") {
  data::ImageSet set{.channels = 1, .height = 8, .width = 8, .pixels = {}, .labels = {}};
  for (const float value : two_classes<float>(8)) set.pixels.push_back(value > 0 ? 255 : 0);
  for (const std::uint32_t label : labels_of_two_classes(8))
    set.labels.push_back(static_cast<std::uint8_t>(label));
  const nn::Graph graph = nn::classifier(tiny_classifier());
  Run<float, SubVpSde> trainer(graph, SubVpSde(), configuration(false), 8);
  trainer.train_on(set, {.random_flip = true}, 7, 8);
  trainer.step();
  const double first = trainer.report().loss;
  for (int i = 0; i < 40; ++i) trainer.step();
  CHECK(trainer.report().loss < 0.5 * first);
  set.labels[3] = 2;
  CHECK_THROWS_WITH(trainer.train_on(set, {}, 7, 8), Contains("label 2") && Contains("2 classes"));
}

TEST_CASE("a power of the times trains at low noise more often") {
  Classification<VpSde> objective{VpSde()};
  std::vector<double> even(1000), low(1000);
  objective.configure({});
  objective.draw_times({5, 3, 0}, even);
  objective.configure({.time_power = 3});
  objective.draw_times({5, 3, 0}, low);
  const VpSde sde;
  const double range = sde.t_max() - sde.t_min();
  int below = 0;
  for (std::size_t k = 0; k < low.size(); ++k) {
    const double u = (even[k] - sde.t_min()) / range;
    CHECK(low[k] == Approx(sde.t_min() + u * u * u * range));
    if (low[k] < 0.2) ++below;
  }
  CHECK(below == Approx(1000 * std::cbrt(0.2)).margin(60));
  CHECK_THROWS_WITH(objective.configure({.time_power = 0}), Contains("time_power is 0"));
  CHECK_THROWS_WITH(objective.configure({.time_power = std::nan("")}), Contains("time_power is"));
}

TEST_CASE("a classifier rejects batches without a class per image and label dropout") {
  const nn::Graph graph = nn::classifier(tiny_classifier());
  Run<float> trainer(graph, VpSde(), configuration(), 4);
  const auto images = two_classes<float>(4);
  CHECK_THROWS_WITH(trainer.step(images), Contains("0 classes for 4 images"));
  const std::vector<std::uint32_t> out{0, 1, 2, 1}, none{0, 1, nn::no_class, 1};
  CHECK_THROWS_WITH(trainer.step(images, out), Contains("a class is 2"));
  CHECK_THROWS_WITH(trainer.step(images, none), Contains("the label is 4294967295"));
  Configuration dropped = configuration();
  dropped.label_dropout = 0.1;
  CHECK_THROWS_WITH(Run<float>(graph, VpSde(), dropped, 4), Contains("label_dropout is 0.1"));
}
