// SPDX-License-Identifier: MIT
/// Networks over InferenceOps on the device against the Eigen operations in double.
#include <cstddef>
#include <vector>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/graph/graph.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/device_vector.hpp"
#include "support/shared_context.hpp"
#include "support/shared_plans.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using scoresde::test::context;

namespace {

/// The operations of Inception in a small network: resized and scaled pixels, kernels of all kinds,
/// both poolings, means and a layer without bias.
nn::Graph small_inception() {
  nn::Graph g(3, 6, 5);
  nn::Tensor x = g.affine(
      g.resize(g.input(), {.rule = ResizeRule::pil_bicubic, .height = 19, .width = 17}), 0.5, -1);
  x = g.rectangular_convolution(x, "a", {.out_channels = 8, .height = 3, .width = 3, .stride = 2});
  x = g.max_pool(x, {.height = 3, .width = 3, .stride = 1, .pad = 1});
  const nn::Tensor rows = g.rectangular_convolution(
      x, "b", {.out_channels = 16, .height = 1, .width = 7, .pad_columns = 3});
  const nn::Tensor columns = g.rectangular_convolution(
      g.average_pool(x, {.height = 3, .width = 3, .stride = 1, .pad = 1}), "c",
      {.out_channels = 8, .height = 7, .width = 1, .pad_rows = 3, .relu = false});
  g.dense(g.mean(g.concatenate(rows, columns)), "fc", 10, false);
  return g;
}

template <class A>
void compare(cuda::Precision precision, cuda::PlanOptions options, double tolerance) {
  const nn::Graph graph = small_inception();
  const auto parameters = small::parameters<float>(graph, 1);
  const auto x = small::normals<float>(2 * graph.shape(graph.input()).size(), 3);
  const std::vector<double> labels(2), wide_x(x.begin(), x.end()),
      wide(parameters.begin(), parameters.end());
  std::vector<double> wanted(20);
  nn::Network<eigen::Ops<double>>(graph, 2, nn::Mode::inference)
      .forward(wide, wide_x, labels, wanted);
  nn::Network<cuda::Ops<A>> network(graph, 2, nn::Mode::inference,
                                    cuda::Ops<A>(context(), options, precision));
  const test::DeviceVector<float> weights(context(), parameters), in(context(), x),
      out(context(), std::vector<float>(20));
  network.forward({weights.data(), parameters.size()}, {in.data(), x.size()}, labels,
                  {out.data(), 20});
  CHECK(test::relative_distance(out.values(), wanted) < tolerance);
}

}  // namespace

TEST_CASE("networks for inference on the device match the double operations") {
  compare<float>(cuda::Precision::fp32, test::shared_plans(), 2e-6);
  compare<cuda::Bfloat16>(cuda::Precision::bf16, test::shared_plans(), 2e-2);
  SECTION("without kernels compiled at run time") {
    cuda::PlanOptions options = test::shared_plans();
    options.compile = false;
    compare<float>(cuda::Precision::fp32, options, 2e-6);
  }
}
