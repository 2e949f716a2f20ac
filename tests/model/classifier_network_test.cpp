// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/classifier_network.hpp>
#include <scoresde/nn/networks/classifier.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/score/classifier_gradient.hpp>
#include <scoresde/sde/edm_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"
#include "support/tiny_classifier.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using Ops = eigen::Ops<double>;
using Batch = HostState<double>;

namespace {

template <Sde S>
struct Fixture {
  nn::Graph graph = nn::classifier(test::tiny_classifier());
  std::vector<double> parameters = small::parameters<double>(graph, 3);
  nn::Network<Ops> network;
  nn::ClassifierNetwork<Ops, S> classifier;
  Batch x{{3, 64}, small::normals<double>(3 * 64, 9)};

  explicit Fixture(std::size_t batch = 3)
      : network(graph, batch, nn::Mode::differentiation), classifier(network, parameters, S()) {}

  std::vector<double> logits(const Batch& at, double t) {
    std::vector<double> result(6);
    classifier.logits(at, t, std::span<double>(result));
    return result;
  }
};

static_assert(Classifier<nn::ClassifierNetwork<Ops, VpSde>, Batch>);
static_assert(PerSampleClassifier<nn::ClassifierNetwork<Ops, VpSde>, HostState<float>>);

}  // namespace

TEST_CASE("the logits of a classifier do not depend on the network's batch") {
  Fixture<VpSde> whole(3), parts(2);
  const auto expected = whole.logits(whole.x, 0.3);
  const auto found = parts.logits(parts.x, 0.3);
  const std::vector<double> times{0.3, 0.3, 0.3};
  std::vector<double> by_sample(6);
  whole.classifier.logits(whole.x, std::span<const double>(times), by_sample);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(found[i] == Approx(expected[i]).epsilon(1e-12));
    CHECK(by_sample[i] == expected[i]);
  }
  CHECK(whole.logits(whole.x, 0.6)[0] != expected[0]);
}

TEMPLATE_TEST_CASE("the gradient of log p(class | x) matches finite differences", "", VpSde,
                   EdmSde) {
  Fixture<TestType> f(2);
  const std::vector<std::uint32_t> labels{1, 0, 1};
  ClassifierGradient gradient(f.classifier, labels);
  const std::vector<double> times{0.2, 0.4, 0.7};
  Batch found({3, 64});
  gradient.evaluate(f.x, std::span<const double>(times), found);
  const auto log_probability = [&](const Batch& x) {
    std::vector<double> logits(6);
    f.classifier.logits(x, std::span<const double>(times), logits);
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k)
      sum -= cross_entropy(std::span(logits).subspan(2 * k, 2), labels[k]);
    return sum;
  };
  constexpr double h = 1e-5;
  for (std::size_t i = 0; i < f.x.size(); i += 13) {
    Batch x = f.x;
    x.data()[i] += h;
    const double above = log_probability(x);
    x.data()[i] -= 2 * h;
    CHECK(found.data()[i] ==
          Approx((above - log_probability(x)) / (2 * h)).epsilon(1e-6).margin(1e-8));
  }
}

TEST_CASE("cross entropy is that of the softmax, also for large logits") {
  std::vector<double> logits{1, 2, 0.5};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(0.5);
  CHECK(cross_entropy(logits, 0) == Approx(std::log(sum) - 1).epsilon(1e-14));
  CHECK(logits[0] == Approx(std::exp(1.0) / sum - 1).epsilon(1e-14));
  CHECK(logits[1] == Approx(std::exp(2.0) / sum).epsilon(1e-14));
  std::vector<double> large{1000, -1000};
  CHECK(cross_entropy(large, 1) == Approx(2000));
  CHECK(large[0] == 1);
  CHECK_THROWS_WITH(cross_entropy(large, 2), Contains("the label is 2"));
}

TEST_CASE("ClassifierNetwork rejects states, logits and networks that do not fit") {
  Fixture<VpSde> f;
  Batch other({3, 60});
  std::vector<double> six(6), five(5);
  CHECK_THROWS_WITH(f.classifier.logits(other, 0.3, std::span<double>(six)), Contains("60 elem"));
  CHECK_THROWS_WITH(f.classifier.logits(f.x, 0.3, std::span<double>(five)), Contains("5 logits"));
  CHECK_THROWS_WITH(f.classifier.vjp(f.x, 0.3, std::span<const double>(six), other),
                    Contains("the output has 3 of 60"));
  CHECK_THROWS_WITH(f.classifier.backward(five, {}), Contains("5 logits"));
  using OfVp = nn::ClassifierNetwork<Ops, VpSde>;
  CHECK_THROWS_WITH(OfVp(f.network, std::span(f.parameters).first(4), VpSde()),
                    Contains("has 4 scalars"));
  const nn::Graph scores = nn::unet(test::tiny_classifier().encoder);
  nn::Network<Ops> network(scores, 1, nn::Mode::inference);
  const std::vector<double> parameters(scores.parameters().size());
  CHECK_THROWS_WITH(OfVp(network, parameters, VpSde()), Contains("8 x 8 pixels"));
}
