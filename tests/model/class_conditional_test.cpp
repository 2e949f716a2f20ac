// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/score/guidance.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

using Ops = eigen::Ops<double>;
using Model = nn::ScoreNetwork<Ops, VpSde>;
using Conditional = nn::ClassConditional<Model>;
using X = HostState<double>;

static_assert(PerSampleScoreModel<Conditional, X>);
static_assert(DifferentiableScoreModel<Conditional, X>);

/// Images of 8×16 and a network of three classes with batches of two.
struct Fixture {
  nn::Graph graph = [] {
    auto config = small::every_path();
    config.num_class_embeds = 3;
    config.image_width = 16;
    return nn::unet(config);
  }();
  std::vector<double> parameters = small::parameters<double>(graph, 3);
  nn::Network<Ops> network{graph, 2, nn::Mode::differentiation};
  Model model{network, parameters, VpSde{}};
  X x{{5, 256}, small::normals<double>(5 * 256, 9)};
};

/// The network's output for sample k evaluated separately.
std::vector<double> alone(Fixture& f, std::size_t k, double t, std::uint32_t label) {
  std::vector<double> y(256);
  const std::vector<double> labels{999 * t};
  const std::vector<std::uint32_t> classes{label};
  f.network.forward(f.parameters, {f.x.data() + k * 256, 256}, labels, y, {}, classes);
  return y;
}

}  // namespace

TEST_CASE("every sample is conditioned on its own class, also in a split batch") {
  Fixture f;
  const std::vector<std::uint32_t> classes{2, nn::no_class, 0, 2, 1};
  Conditional conditional(f.model, classes);
  X output(f.x.extents());
  conditional.evaluate(f.x, 0.3, output);
  for (std::size_t k = 0; k < 5; ++k) {
    const auto wanted = alone(f, k, 0.3, classes[k]);
    for (std::size_t e = 0; e < 256; ++e)
      REQUIRE(output(k, e) == Approx(wanted[e]).epsilon(1e-12).margin(1e-13));
  }
  CHECK(conditional.score_form(0.3).output == f.model.score_form(0.3).output);
}

TEST_CASE("ClassConditional satisfies the score identities and resets the network's classes",
          "[slow]") {
  Fixture f;
  X before(f.x.extents()), after(f.x.extents()), one(f.x.extents());
  f.model.evaluate(f.x, 0.3, before);
  Conditional conditional(f.model, 5, 1);
  const auto violated = testing::check_score_laws(conditional, f.x, 0.3, {.same = 1e-12});
  CAPTURE(violated);
  CHECK(violated.empty());
  conditional.evaluate(f.x, 0.3, one);
  f.model.evaluate(f.x, 0.3, after);
  CHECK(std::equal(before.data(), before.data() + before.size(), after.data()));
  CHECK_FALSE(std::equal(before.data(), before.data() + before.size(), one.data()));
}

TEST_CASE("one network's guidance is the weighted difference of its two scores", "[slow]") {
  Fixture f;
  const std::vector<std::uint32_t> classes{2, 1, 0, 2, 1};
  Conditional conditional(f.model, classes), unconditional(f.model, 5, nn::no_class);
  auto guided = classifier_free_guidance(conditional, unconditional, 1.5);
  X output(f.x.extents());
  guided.evaluate(f.x, 0.3, output);
  for (std::size_t k = 0; k < 5; ++k) {
    const auto with = alone(f, k, 0.3, classes[k]), without = alone(f, k, 0.3, nn::no_class);
    for (std::size_t e = 0; e < 256; ++e)
      REQUIRE(output(k, e) ==
              Approx(2.5 * with[e] - 1.5 * without[e]).epsilon(1e-11).margin(1e-12));
  }
  Conditional one(f.model, 5, 1);
  auto to_one = classifier_free_guidance(one, unconditional, 1.5);
  const auto violated = testing::check_score_laws(to_one, f.x, 0.3, {.same = 1e-12});
  CAPTURE(violated);
  CHECK(violated.empty());
}

TEST_CASE("invalid classes are rejected and reset") {
  Fixture f;
  X output(f.x.extents());
  CHECK_THROWS_WITH(Conditional(f.model, {}), Contains("is empty"));
  Conditional few(f.model, 4, 1), foreign(f.model, 5, 3);
  CHECK_THROWS_WITH(few.evaluate(f.x, 0.3, output), Contains("4 classes for 5 samples"));
  CHECK_THROWS_WITH(foreign.evaluate(f.x, 0.3, output), Contains("a class is 3"));
  CHECK_NOTHROW(f.model.evaluate(f.x, 0.3, output));
}
