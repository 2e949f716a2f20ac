// SPDX-License-Identifier: MIT
#include <algorithm>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/detail/forward_pass.hpp>
#include <scoresde/nn/runtime/network.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;

namespace {

/// Feature maps in separate memory, as on a GPU, that are larger than their values.
class CopiedImages : public eigen::Ops<double> {
 public:
  static constexpr bool external_layout_is_internal = false;
  static std::size_t activation_size(const nn::Shape& shape) { return shape.size() + 5; }
  void to_internal_layout(const double* x, nn::View<double> to) const {
    std::copy_n(x, to.shape.size(), to.data);
    ++entered;
  }
  void from_internal_layout(nn::View<const double> y, double* to) const {
    std::copy_n(y.data, y.shape.size(), to);
    ++left;
  }
  static inline int entered = 0, left = 0;
};
static_assert(nn::NetworkOps<CopiedImages>);

struct Result {
  std::vector<double> y, gradient, dx;
  bool operator==(const Result&) const = default;
};

template <class Ops>
Result run(const nn::UNetConfig& config, nn::Mode mode) {
  const nn::Graph graph = nn::unet(config);
  const auto parameters = small::parameters<double>(graph, 1);
  const auto x = small::normals<double>(2 * 128, 3);
  const std::vector<double> labels{1.5, 4};
  Result r{std::vector<double>(x.size()), std::vector<double>(parameters.size()),
           std::vector<double>(x.size())};
  nn::Network<Ops> network(graph, 2, mode);
  network.forward(parameters, x, labels, r.y);
  if (nn::differentiates(mode)) network.backward(parameters, x, r.gradient, r.dx);
  return r;
}

}  // namespace

TEST_CASE("networks with a separate internal layout compute the same, forward and backward") {
  nn::UNetConfig pyramids = small::every_path();
  pyramids.fir = true;
  pyramids.progressive = nn::ProgressiveOutput::output_skip;
  pyramids.progressive_input = nn::ProgressiveInput::input_skip;
  pyramids.embedding_type = nn::EmbeddingType::fourier;
  pyramids.scale_by_sigma = true;
  for (const auto& config : {small::every_path(), pyramids})
    for (const auto mode : {nn::Mode::inference, nn::Mode::training, nn::Mode::differentiation}) {
      CopiedImages::entered = CopiedImages::left = 0;
      CHECK(run<CopiedImages>(config, mode) == run<eigen::Ops<double>>(config, mode));
      const int doors = nn::differentiates(mode) ? 2 : 1;  // x and y, dy and dx
      CHECK(CopiedImages::entered == doors);
      CHECK(CopiedImages::left == doors);
    }
}
