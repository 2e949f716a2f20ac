// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/model/guided.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/mlp.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/score/rescaled_guidance.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

using Ops = eigen::Ops<double>;

/// Five points of three elements and a network of three classes, planned for `batch` samples.
template <Sde S>
struct Fixture {
  S sde{};
  nn::Graph graph = nn::mlp({.dim = 3, .width = 7, .depth = 1, .num_class_embeds = 3});
  std::vector<double> parameters = small::parameters<double>(graph, 3);
  nn::Network<Ops> network;
  nn::ScoreNetwork<Ops, S> model;
  std::vector<std::uint32_t> classes{2, 1, 0, 2, 1};
  HostState<double> x{{5, 3}, small::normals<double>(15, 9)};

  explicit Fixture(std::size_t batch)
      : network(graph, batch, nn::Mode::differentiation), model(network, parameters, sde) {}
};

template <class X>
void check_equal(const X& a, const X& b, double tolerance) {
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(a.data()[i] == Approx(b.data()[i]).epsilon(tolerance).margin(tolerance));
}

}  // namespace

TEMPLATE_TEST_CASE(
    "one batch of both scores matches the guidance of two models, for any batch size of "
    "the network",
    "", VpSde, EdmSde) {
  for (const std::size_t batch : {std::size_t{10}, std::size_t{4}, std::size_t{1}}) {
    Fixture<TestType> f(batch);
    const double t = 0.4;
    const TimeInterval interval{0.3, 0.6};
    nn::ClassConditional with(f.model, f.classes), without(f.model, 5, nn::no_class);
    auto pair = classifier_free_guidance(with, without, 1.5, interval);
    nn::GuidedNetwork halves(f.model, 1.5, interval);
    nn::ClassConditional guided(halves, f.classes);
    HostState<double> a({5, 3}), b({5, 3});
    for (const double time : {0.2, 0.4, 0.6}) {
      pair.evaluate(f.x, time, a);
      guided.evaluate(f.x, time, b);
      check_equal(a, b, 1e-12);
      CHECK(guided.score_form(time).output == pair.score_form(time).output);
    }
    const std::vector<double> times{0.1, 0.4, 0.5, 0.7, 0.3};
    pair.evaluate(f.x, std::span<const double>(times), a);
    guided.evaluate(f.x, std::span<const double>(times), b);
    check_equal(a, b, 1e-12);
    const HostState<double> v({5, 3}, small::normals<double>(15, 4));
    pair.vjp(f.x, t, v, a);
    guided.vjp(f.x, t, v, b);
    check_equal(a, b, 1e-12);
  }
}

TEST_CASE("GuidedNetwork satisfies the score identities and resets the model's classes") {
  Fixture<VpSde> f(10);
  nn::GuidedNetwork halves(f.model, 2);
  nn::ClassConditional guided(halves, 5, 1);
  CHECK(testing::check_score_laws(guided, f.x, 0.3, {.same = 1e-12}) == std::vector<std::string>{});
  HostState<double> plain({5, 3}), after({5, 3}), none({5, 3});
  Fixture<VpSde>(10).model.evaluate(f.x, 0.3, plain);
  f.model.evaluate(f.x, 0.3, after);
  halves.evaluate(f.x, 0.3, none);
  check_equal(plain, after, 0);
  check_equal(plain, none, 0);
}

TEST_CASE("a rescaled GuidedNetwork matches RescaledGuidance of two models") {
  Fixture<VpSde> f(10);
  const TimeInterval interval{0.3, 0.6};
  nn::ClassConditional with(f.model, f.classes), without(f.model, 5, nn::no_class);
  RescaledGuidance pair(with, without, 1.5, 0.7, interval);
  nn::GuidedNetwork halves(f.model, 1.5, interval, 0.7);
  nn::ClassConditional guided(halves, f.classes);
  HostState<double> a({5, 3}), b({5, 3});
  for (const double time : {0.2, 0.4}) {
    pair.evaluate(f.x, time, a);
    guided.evaluate(f.x, time, b);
    check_equal(a, b, 1e-12);
  }
  const std::vector<double> times{0.1, 0.4, 0.5, 0.7, 0.3};
  pair.evaluate(f.x, std::span<const double>(times), a);
  guided.evaluate(f.x, std::span<const double>(times), b);
  check_equal(a, b, 1e-12);
}

TEST_CASE("the vjp of a rescaled GuidedNetwork matches finite differences") {
  Fixture<VpSde> f(10);
  nn::GuidedNetwork halves(f.model, 2, {}, 0.7);
  nn::ClassConditional guided(halves, f.classes);
  const HostState<double> v({5, 3}, small::normals<double>(15, 4));
  HostState<double> gradient({5, 3}), above({5, 3}), below({5, 3});
  guided.vjp(f.x, 0.4, v, gradient);
  constexpr double h = 1e-5;
  for (std::size_t i = 0; i < f.x.size(); ++i) {
    HostState<double> x = f.x;
    x.data()[i] += h;
    guided.evaluate(x, 0.4, above);
    x.data()[i] -= 2 * h;
    guided.evaluate(x, 0.4, below);
    double slope = 0;
    for (std::size_t e = 0; e < x.size(); ++e)
      slope += v.data()[e] * (above.data()[e] - below.data()[e]) / (2 * h);
    CHECK(gradient.data()[i] == Approx(slope).epsilon(1e-7).margin(1e-8));
  }
}

TEST_CASE("GuidedNetwork accepts states of other scalar types") {
  Fixture<VpSde> f(10);
  nn::GuidedNetwork halves(f.model, 2);
  nn::ClassConditional guided(halves, f.classes);
  HostState<float> x({5, 3}), found({5, 3});
  HostState<double> wide({5, 3}), wanted({5, 3});
  for (std::size_t i = 0; i < 15; ++i) wide.data()[i] = x.data()[i] = float(f.x.data()[i]);
  guided.evaluate(x, 0.3, found);
  guided.evaluate(wide, 0.3, wanted);
  for (std::size_t i = 0; i < 15; ++i) CHECK(found.data()[i] == float(wanted.data()[i]));
}

TEST_CASE("GuidedNetwork rejects invalid arguments") {
  Fixture<VpSde> f(10);
  using Guided = nn::GuidedNetwork<decltype(f.model)>;
  CHECK_THROWS_WITH(Guided(f.model, std::nan("")), Contains("the weight is nan"));
  CHECK_THROWS_WITH(Guided(f.model, 1, {0.4, 0.1}), Contains("from 0.4 to 0.1"));
  Guided guided(f.model, 1);
  nn::ClassConditional few(guided, 4, 1);
  HostState<double> output({5, 3});
  CHECK_THROWS_WITH(few.evaluate(f.x, 0.3, output), Contains("4 classes for 5 samples"));
}
