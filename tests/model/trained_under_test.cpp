// SPDX-License-Identifier: MIT
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/label_convention.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/model/trained_under.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/score/change_of_sde.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;

namespace {

using Ops = eigen::Ops<double>;
using X = HostState<double>;

/// The convention of a network against the score model of its own SDE through ChangeOfSde.
template <Sde Training, Sde Target>
void check_convention(const Training& training, const Target& target,
                      const std::vector<double>& times) {
  const nn::Graph graph = nn::unet(small::every_path());
  const auto parameters = small::parameters<double>(graph, 3);
  nn::Network<Ops> network(graph, 2, nn::Mode::differentiation);
  nn::ScoreNetwork<Ops, Training> own(network, parameters, training);
  ChangeOfSde changed(own, training, target);
  nn::ScoreNetwork found(network, std::span<const double>(parameters), target,
                         nn::TrainedUnder(training));
  const Extents shape{times.size(), 128};
  const X x(shape, small::normals<double>(shape.size(), 9));
  const X v(shape, small::normals<double>(shape.size(), 10));
  X a(shape), b(shape);
  const auto equal = [&] {
    for (std::size_t i = 0; i < a.size(); ++i)
      REQUIRE(a.data()[i] == Approx(b.data()[i]).epsilon(1e-9).margin(1e-12));
  };
  for (const double t : times) {
    CHECK(found.score_form(t).state == Approx(changed.score_form(t).state));
    CHECK(found.score_form(t).output == Approx(changed.score_form(t).output));
    found.evaluate(x, t, a);
    changed.evaluate(x, t, b);
    equal();
    found.vjp(x, t, v, a);
    changed.vjp(x, t, v, b);
    equal();
  }
  const std::span<const double> each(times);
  found.evaluate(x, each, a);
  changed.evaluate(x, each, b);
  equal();
  found.vjp(x, each, v, a);
  changed.vjp(x, each, v, b);
  equal();
}

}  // namespace

TEST_CASE("a network TrainedUnder another SDE is its score by change of variables") {
  check_convention(EdmSde(), VpSde(), {0.01, 0.3, 0.8, 1});  // the last is clamped
  check_convention(EdmSde(), VeSde(), {1e-5, 0.3, 1});
  check_convention(VpSde(), EdmSde(), {0.002, 0.5, 80});  // the first is clamped
  check_convention(VeSde(), VpSde(), {0.01, 0.5, 1});
}

TEST_CASE("TrainedUnder its own SDE has the labels of the convention") {
  const EdmSde sde;
  const nn::EdmPreconditioning own;
  const nn::TrainedUnder convention(sde, own, sde.t_min());
  for (const double t : {0.002, 0.3, 80.0}) {
    CHECK(convention.label(sde, t) == Approx(own.label(sde, t)));
    CHECK(convention.input_scale(sde, t) == Approx(own.input_scale(sde, t)));
    CHECK_FALSE(convention.changed(sde, t).clamped);
  }
  CHECK(convention.noise_range().low == Approx(0.002));
  CHECK(convention.noise_range().high == Approx(80));
  CHECK_THROWS_WITH(nn::TrainedUnder(sde, own, 80), Contains("first time of training"));
}
