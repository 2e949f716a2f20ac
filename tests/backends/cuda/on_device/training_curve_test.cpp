// SPDX-License-Identifier: MIT
/// A run of 200 steps on a device against the CPU's loss curve; emulating it would take an hour.
#include <cmath>

#include <scoresde/cuda/training_engine.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>

#include "backends/cuda/device/training_runs.hpp"
#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// Compares means over 20 steps: losses are as noisy as their times, and both runs use the same.
template <class A, class S>
void follow(const S& sde, bool conditioned_on_sigma, double tolerance) {
  nn::UNetConfig network = small::every_path();
  if (conditioned_on_sigma)
    network.embedding_type = nn::EmbeddingType::fourier, network.scale_by_sigma = true;
  const nn::Graph graph = nn::unet(network);
  const data::ImageSet images = test::samples(64);
  test::HostRun<S> host(graph, sde, test::small_training(), 16, images);
  Trainer<cuda::Ops<A>, ScoreMatching<S>> device(graph, sde, test::small_training(), 16,
                                                 test::training_ops<A>());
  device.train_on(images, test::transform, test::data_seed, 16);
  double first = 0, last = 0;
  for (int block = 0; block < 10; ++block) {
    double wanted = 0, found = 0;
    for (int n = 0; n < 20; ++n) {
      wanted += host.step().loss / 20;
      device.step();
      found += device.report().loss / 20;
    }
    CAPTURE(block);
    CHECK(found == Approx(wanted).epsilon(tolerance));
    if (block == 0) first = found;
    last = found;
  }
  CHECK(last < first);
}

}  // namespace

TEST_CASE("200 steps match the CPU's loss curve: VP in float", "[slow]") {
  follow<float>(VpSde{}, false, 1e-2);
}
TEST_CASE("200 steps match the CPU's loss curve: VP in bfloat16", "[slow]") {
  follow<cuda::Bfloat16>(VpSde{}, false, 5e-2);
}
TEST_CASE("200 steps match the CPU's loss curve: sub-VP in bfloat16", "[slow]") {
  follow<cuda::Bfloat16>(SubVpSde{}, false, 5e-2);
}
TEST_CASE("200 steps match the CPU's loss curve: VE in bfloat16", "[slow]") {
  follow<cuda::Bfloat16>(VeSde{}, true, 5e-2);
}
