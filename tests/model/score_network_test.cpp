// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/eigen/detail/core.hpp>
#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/loss/denoising_score_matching.hpp>
#include <scoresde/loss/trainable_score_model.hpp>
#include <scoresde/model/model_ops.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/sde/sub_vp_sde.hpp>
#include <scoresde/sde/ve_sde.hpp>
#include <scoresde/sde/vp_sde.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/score_laws.hpp>

#include "support/catch.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Contains;

namespace {

template <class T>
using Ops = eigen::Ops<T>;
template <class T, class S = VpSde>
using Model = nn::ScoreNetwork<Ops<T>, S>;

static_assert(ScoreModel<Model<float>, HostState<float>>);
static_assert(PerSampleScoreModel<Model<float>, HostState<double>>);
static_assert(TrainableScoreModel<Model<double, VeSde>, HostState<double>>);
static_assert(TrainableScoreModel<Model<float>, Eigen::ArrayXXf>);
static_assert(nn::ModelOps<Ops<float>> && !nn::CapturableOps<Ops<float>>);
static_assert(nn::NetworkState<Eigen::ArrayXXd, Ops<float>>);
static_assert(!nn::NetworkState<std::vector<float>, Ops<float>>);

/// A network, its parameters and a batch of three, in one scalar type.
template <class T>
struct Fixture {
  nn::Graph graph = nn::unet(small::every_path());
  std::vector<T> parameters = small::parameters<T>(graph, 3);
  Extents shape{5, 128};
  HostState<T> x{shape, small::normals<T>(5 * 128, 9)};
  std::vector<double> times{0.1, 0.9, 0.4, 1.0, 0.02};
  nn::Network<Ops<T>> network;

  explicit Fixture(std::size_t batch, nn::Mode mode = nn::Mode::inference)
      : network(graph, batch, mode) {}
};

/// The network's output at these labels, all samples in one batch.
template <class T>
std::vector<T> raw_output(const Fixture<T>& f, std::vector<double> labels) {
  nn::Network<Ops<T>> network(f.graph, labels.size(), nn::Mode::inference);
  std::vector<T> y(f.x.size());
  network.forward(f.parameters, std::span<const T>(f.x.data(), f.x.size()), labels, y);
  return y;
}

}  // namespace

TEST_CASE("VP and sub-VP networks are conditioned on 999·t and predict the noise") {
  Fixture<double> f(5);
  Model<double> model(f.network, f.parameters, VpSde{});
  HostState<double> output(f.shape);
  model.evaluate(f.x, f.times, output);
  std::vector<double> labels;
  for (const double t : f.times) labels.push_back(999 * t);
  CHECK(std::vector<double>(output.data(), output.data() + output.size()) == raw_output(f, labels));
  CHECK(model.score_form(0.4).state == 0);
  CHECK(model.score_form(0.4).output == -1 / VpSde{}.marginal_prob(0.4).std);
  const Model<double, SubVpSde> sub(f.network, f.parameters, SubVpSde{});
  CHECK(sub.label(0.5) == 499.5);
  CHECK(sub.score_form(0.4).output ==
        Approx(-1 / SubVpSde{}.marginal_prob(0.4).std).epsilon(1e-15));
  CHECK_THROWS_WITH(model.score_form(0), Contains("std is 0 at time 0"));
}

TEST_CASE("a network whose output and input channels differ is rejected") {
  nn::UNetConfig config = small::every_path();
  config.out_channels = 4;
  nn::Network<Ops<double>> network(nn::unet(config), 1, nn::Mode::inference);
  const std::vector<double> parameters(network.parameters().size());
  CHECK_THROWS_WITH((Model<double>(network, parameters, VpSde{})),
                    Contains("maps 2 channels to 4"));
}

TEST_CASE("a VE network is conditioned on sigma and returns the score") {
  Fixture<double> f(5);
  Model<double, VeSde> model(f.network, f.parameters, VeSde{});
  HostState<double> output(f.shape);
  model.evaluate(f.x, 0.5, output);
  const std::vector<double> labels(5, std::sqrt(0.01 * 50));
  const auto expected = raw_output(f, labels);
  for (std::size_t i = 0; i < output.size(); ++i)
    REQUIRE(output.data()[i] == Approx(expected[i]).epsilon(1e-10).margin(1e-12));
  CHECK(model.score_form(0.5).output == 1);
}

TEMPLATE_TEST_CASE("a preconditioned network receives c_in·x and c_noise for any scalar type", "",
                   float, double) {
  Fixture<double> f(2);
  const VpSde sde;
  nn::ScoreNetwork<Ops<double>, VpSde, nn::EdmPreconditioning> model(f.network, f.parameters, sde,
                                                                     {.sigma_data = 0.3});
  using X = HostState<TestType>;
  const std::vector<double>& times = f.times;
  X x(f.shape), output(f.shape);
  std::vector<double> labels;
  Fixture<double> wanted(5);
  for (std::size_t k = 0; k < 5; ++k) {
    const auto c = edm_coefficients(sde.marginal_prob(times[k]), 0.3);
    labels.push_back(c.noise);
    for (std::size_t e = 0; e < 128; ++e) {
      x(k, e) = static_cast<TestType>(f.x(k, e));
      wanted.x(k, e) = c.in * static_cast<double>(x(k, e));
    }
  }
  model.evaluate(x, times, output);
  const auto expected = raw_output(wanted, labels);
  for (std::size_t i = 0; i < x.size(); ++i)
    REQUIRE(output.data()[i] == Approx(expected[i]).epsilon(1e-6).margin(1e-7));
  // Compilers may round a sum of products differently at compile time and at run time.
  const MarginalProb at = sde.marginal_prob(0.4);
  CHECK(model.label(0.4) == Approx(edm_coefficients(at, 0.3).noise).epsilon(1e-14));
  CHECK(model.score_form(0.4).state == Approx(edm_score_form(at, 0.3).state).epsilon(1e-14));
  CHECK_THROWS_WITH(model.evaluate(x, 0.0, output), Contains("std is 0"));
  using Rejected = nn::ScoreNetwork<Ops<double>, VpSde, nn::EdmPreconditioning>;
  CHECK_THROWS_WITH(Rejected(f.network, f.parameters, sde, {.sigma_data = 0}),
                    Contains("sigma_data is 0"));
}

TEST_CASE("a batch larger than the network's is split with the same result") {
  Fixture<double> whole(5), parts(2);
  Model<double> a(whole.network, whole.parameters, VpSde{});
  Model<double> b(parts.network, parts.parameters, VpSde{});
  HostState<double> first(whole.shape), second(whole.shape);
  a.evaluate(whole.x, whole.times, first);
  b.evaluate(parts.x, parts.times, second);
  for (std::size_t i = 0; i < first.size(); ++i)
    REQUIRE(second.data()[i] == Approx(first.data()[i]).epsilon(1e-12).margin(1e-14));
}

TEST_CASE("evaluate_with_vjp equals evaluate and vjp, with one time or several") {
  Fixture<double> f(2, nn::Mode::differentiation);
  nn::ScoreNetwork<Ops<double>, VpSde, nn::EdmPreconditioning> model(f.network, f.parameters,
                                                                     VpSde{});
  using X = HostState<double>;
  static_assert(PerSampleDifferentiableScoreModel<decltype(model), X>);
  const X v(f.shape, small::normals<double>(5 * 128, 4));
  X output(f.shape), product(f.shape), expected_output(f.shape), expected_product(f.shape);
  const auto check = [&](auto t) {
    model.evaluate_with_vjp(f.x, t, v, output, product);
    model.evaluate(f.x, t, expected_output);
    model.vjp(f.x, t, v, expected_product);
    for (std::size_t i = 0; i < output.size(); ++i) {
      REQUIRE(output.data()[i] == expected_output.data()[i]);
      REQUIRE(product.data()[i] == expected_product.data()[i]);
    }
  };
  check(0.4);
  check(std::span<const double>(f.times));
  for (std::size_t k = 0; k < 5; ++k) {  // each sample has the product at its own time
    model.vjp(f.x, f.times[k], v, expected_product);
    for (std::size_t e = 0; e < 128; ++e)
      REQUIRE(product(k, e) == Approx(expected_product(k, e)).epsilon(1e-10).margin(1e-12));
  }
  CHECK_THROWS_WITH(model.vjp(f.x, std::span<const double>(f.times).first(2), v, product),
                    Contains("2 times for 5"));
}

TEST_CASE("a float network accepts double states, and Eigen columns are samples") {
  Fixture<float> f(2);
  Model<float> model(f.network, f.parameters, VpSde{});
  HostState<float> expected(f.shape);
  model.evaluate(f.x, f.times, expected);
  HostState<double> x(f.shape), output(f.shape);
  Eigen::ArrayXXf columns(128, 5), result(128, 5);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = columns.data()[i] = f.x.data()[i];
  model.evaluate(x, f.times, output);
  model.evaluate(columns, f.times, result);
  for (std::size_t i = 0; i < x.size(); ++i) {
    REQUIRE(output.data()[i] == double(expected.data()[i]));
    REQUIRE(result.data()[i] == expected.data()[i]);
  }
}

TEST_CASE("backward computes the loss's derivative through the network for every SDE") {
  const auto check = [](const auto& sde) {
    Fixture<double> f(5, nn::Mode::training);
    nn::ScoreNetwork<Ops<double>, std::remove_cvref_t<decltype(sde)>> model(f.network, f.parameters,
                                                                            sde);
    model.set_dropout(Noise{.seed = 2, .purpose = Purpose::dropout}.draw(1));
    LossWorkspace<HostState<double>> work(f.x);
    std::copy(f.times.begin(), f.times.end(), work.times().begin());
    const DenoisingScoreMatching loss{.reduce_mean = true};
    const NoiseDraw z = Noise{.seed = 4}.draw(1);
    loss(sde, model, f.x, z, work);
    std::vector<double> gradient(f.parameters.size(), 0.0);
    model.backward(work.output_gradient(), gradient);
    const std::vector<double> start = f.parameters;
    const auto loss_at = [&](double distance) {
      for (std::size_t i = 0; i < start.size(); ++i)
        f.parameters[i] = start[i] + distance * std::cos(double(i));
      return loss(sde, model, f.x, z, work);
    };
    double slope = 0;
    for (std::size_t i = 0; i < start.size(); ++i) slope += gradient[i] * std::cos(double(i));
    const double h = 1e-6;
    CHECK(slope == Approx((loss_at(h) - loss_at(-h)) / (2 * h)).epsilon(1e-6));
  };
  check(VpSde{});
  check(SubVpSde{});
  check(VeSde{});
}

TEST_CASE("states of the host's operations are scaled by one factor per sample, also in place") {
  const Ops<double> ops;
  HostState<double> x = ops.make_state({2, 3});
  const std::vector<double> values{1, 2, 3, 4, 5, 6}, factors{2, -1};
  ops.upload(values, Ops<double>::elements(x));
  ops.scale_states(x.data(), x.extents(), factors, x.data());
  std::vector<double> found(6);
  ops.download(Ops<double>::elements(x), found);
  CHECK(found == std::vector<double>{2, 4, 6, -4, -5, -6});
}

TEST_CASE("dropout masks depend on the draw and the sample's index") {
  Fixture<float> f(5, nn::Mode::training);
  Model<float> model(f.network, f.parameters, VpSde{});
  HostState<float> first(f.shape), again(f.shape), other(f.shape);
  const Noise noise{.seed = 2, .purpose = Purpose::dropout};
  model.set_dropout(noise.draw(1));
  model.evaluate(f.x, f.times, first);
  model.evaluate(f.x, f.times, again);
  model.set_dropout(noise.draw(2));
  model.evaluate(f.x, f.times, other);
  const auto values = [](const HostState<float>& x) {
    return std::vector<float>(x.data(), x.data() + x.size());
  };
  CHECK(values(first) == values(again));
  CHECK(values(first) != values(other));
  Fixture<float> parts(2, nn::Mode::training);
  Model<float> split(parts.network, parts.parameters, VpSde{});
  split.set_dropout(noise.draw(1));
  split.evaluate(parts.x, parts.times, again);
  for (std::size_t i = 0; i < first.size(); ++i)
    REQUIRE(again.data()[i] == Approx(first.data()[i]).epsilon(1e-4).margin(1e-5));
}

TEST_CASE("vjp is the derivative of the raw output, for split batches and any scalar type") {
  const VpSde sde;
  using Preconditioned = nn::ScoreNetwork<Ops<double>, VpSde, nn::EdmPreconditioning>;
  Fixture<double> f(2, nn::Mode::differentiation);
  static_assert(DifferentiableScoreModel<Preconditioned, HostState<double>>);
  Preconditioned model(f.network, f.parameters, sde, {.sigma_data = 0.3});
  const auto violated = testing::check_score_laws(model, f.x, 0.3, {.same = 1e-12});
  CAPTURE(violated);
  CHECK(violated.empty());
  HostState<double> product(f.shape), v(f.shape, small::normals<double>(f.x.size(), 12));
  model.vjp(f.x, 0.3, v, product);
  HostState<float> x(f.shape), w(f.shape), single(f.shape);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x.data()[i] = float(f.x.data()[i]);
    w.data()[i] = float(v.data()[i]);
  }
  model.vjp(x, 0.3, w, single);
  for (std::size_t i = 0; i < x.size(); ++i)
    REQUIRE(double(single.data()[i]) == Approx(product.data()[i]).epsilon(1e-4).margin(1e-4));
  CHECK_THROWS_WITH(model.backward(product, std::span<double>()), Contains("after an evaluation"));
  Fixture<double> inference(2);
  Preconditioned other(inference.network, inference.parameters, sde);
  CHECK_THROWS_WITH(other.vjp(f.x, 0.3, v, product), Contains("a mode that differentiates"));
}

TEST_CASE("ScoreNetwork rejects wrong shapes, times, parameters and call orders") {
  Fixture<float> f(2, nn::Mode::training);
  CHECK_THROWS_WITH(
      (Model<float>(f.network, std::span<const float>(f.parameters).first(7), VpSde{})),
      Contains("has 7 scalars"));
  Model<float> model(f.network, f.parameters, VpSde{});
  HostState<float> output(f.shape), narrow({5, 127}), few({4, 128});
  CHECK_THROWS_WITH(model.evaluate(narrow, 0.5, narrow), Contains("127 elements per sample"));
  CHECK_THROWS_WITH(model.evaluate(f.x, 0.5, few), Contains("the output has 4 of 128"));
  CHECK_THROWS_WITH(model.evaluate(f.x, std::span<const double>(f.times).first(3), output),
                    Contains("3 times for 5 samples"));
  CHECK_THROWS_WITH(model.evaluate(f.x, 1.5, output), Contains("1.5"));
  std::vector<float> gradient(f.parameters.size());
  CHECK_THROWS_WITH(model.backward(output, gradient), Contains("after an evaluation of 0"));
  model.evaluate(f.x, f.times, output);
  CHECK_THROWS_WITH(model.backward(output, gradient), Contains("of at most 2"));
}
