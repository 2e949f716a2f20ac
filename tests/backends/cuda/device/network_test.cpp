// SPDX-License-Identifier: MIT
/// Whole networks on the device against the Eigen operations in double, forward and backward.
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <scoresde/cuda/captured_sampler.hpp>
#include <scoresde/cuda/detail/op_scratch.hpp>
#include <scoresde/cuda/network_memory.hpp>
#include <scoresde/cuda/ops.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/model/class_conditional.hpp>
#include <scoresde/model/score_network.hpp>
#include <scoresde/nn/networks/unet.hpp>
#include <scoresde/nn/runtime/network.hpp>
#include <scoresde/scoresde.hpp>

#include "support/catch.hpp"
#include "support/golden_networks.hpp"
#include "support/shared_context.hpp"
#include "support/shared_plans.hpp"
#include "support/small_networks.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using cuda::Bfloat16;
using cuda::FloatBuffer;
using scoresde::test::context;

namespace {

FloatBuffer on_device(const std::vector<double>& values) {
  const std::vector<float> narrow(values.begin(), values.end());
  FloatBuffer buffer(context(), values.size());
  context().copy_to_device(buffer.data(), narrow.data(), narrow.size() * sizeof(float));
  return buffer;
}

/// ‖a − b‖/‖b‖ for a in device memory.
double distance(const FloatBuffer& a, const std::vector<double>& b) {
  std::vector<float> found(a.size());
  context().copy_to_host(found.data(), a.data(), found.size() * sizeof(float));
  REQUIRE(found.size() == b.size());
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double difference = double(found[i]) - b[i];
    error += difference * difference;
    size += b[i] * b[i];
  }
  return std::sqrt(error / size);
}

/// A network, its inputs and the results of both backends. Values are representable in float.
struct Case {
  nn::Graph graph;
  std::vector<double> parameters, x, v, labels;
  std::vector<std::uint32_t> classes{};
  NoiseDraw dropout = Noise{.seed = 3, .purpose = Purpose::dropout}.draw(5);

  explicit Case(const nn::UNetConfig& config)
      : graph(nn::unet(config)),
        parameters(rounded(small::parameters<double>(graph, 1))),
        x(small::normals<double>(2 * graph.shape(graph.input()).size(), 3)),
        v(small::normals<double>(2 * graph.shape(graph.output()).size(), 4)),
        labels{1.5, 4} {}
  static std::vector<double> rounded(std::vector<double> values) {
    for (double& value : values) value = double(float(value));
    return values;
  }
};

struct Results {
  std::vector<double> y, dx, gradient;
};

Results by_eigen(const Case& c, nn::Mode mode) {
  Results r{std::vector<double>(c.v.size()), std::vector<double>(c.x.size()),
            std::vector<double>(c.parameters.size())};
  nn::Network<eigen::Ops<double>> network(c.graph, 2, mode);
  network.forward(c.parameters, c.x, c.labels, r.y, c.dropout, c.classes);
  if (nn::differentiates(mode)) network.backward(c.parameters, c.v, r.gradient, r.dx);
  return r;
}

template <class A>
void compare(const Case& c, cuda::Precision precision, double tolerance) {
  for (const auto mode : {nn::Mode::inference, nn::Mode::training}) {
    const Results wanted = by_eigen(c, mode);
    nn::Network<cuda::Ops<A>> network(c.graph, 2, mode,
                                      cuda::Ops<A>(context(), test::shared_plans(), precision));
    const FloatBuffer parameters = on_device(c.parameters), x = on_device(c.x), v = on_device(c.v);
    FloatBuffer y(context(), c.v.size()), dx(context(), c.x.size());
    FloatBuffer gradient(context(), c.parameters.size());
    network.forward(parameters.span(), x.span(), c.labels, y.span(), c.dropout, c.classes);
    CHECK(distance(y, wanted.y) < tolerance);
    if (!nn::differentiates(mode)) continue;
    network.backward(parameters.span(), v.span(), gradient.span(), dx.span());
    CHECK(distance(dx, wanted.dx) < tolerance);
    CHECK(distance(gradient, wanted.gradient) < tolerance);
  }
}

nn::UNetConfig pyramids() {
  nn::UNetConfig config = small::every_path();
  config.fir = true;
  config.progressive = nn::ProgressiveOutput::output_skip;
  config.progressive_input = nn::ProgressiveInput::input_skip;
  config.embedding_type = nn::EmbeddingType::fourier;
  config.scale_by_sigma = true;
  return config;
}

nn::UNetConfig residual_pyramids() {
  nn::UNetConfig config = small::every_path();
  config.fir = true;
  config.progressive = nn::ProgressiveOutput::residual;
  config.progressive_input = nn::ProgressiveInput::residual;
  config.centered = true;
  config.nonlinearity = nn::Activation::elu;
  config.skip_rescale = false;
  return config;
}

nn::UNetConfig ddpm() {
  nn::UNetConfig config = small::every_path();
  config.architecture = nn::Architecture::ddpm;
  config.init_scale = 0;
  config.nf = 32;
  return config;
}

/// Features of diffusers' networks that score_sde's do not have.
nn::UNetConfig diffusers() {
  nn::UNetConfig config = small::every_path();
  config.architecture = nn::Architecture::ddpm;
  config.init_scale = 0;
  config.norm_num_groups = 4;
  config.nf = 8;
  config.ch_mult = {1, 1};
  config.block_out_channels = {8, 12};
  config.out_channels = 3;
  config.attention_head_dim = 4;
  config.resnet_time_scale_shift = nn::TimeScaleShift::scale_shift;
  config.time_embedding_dim = 16;
  config.flip_sin_to_cos = true;
  config.freq_shift = 0;
  config.downsample_padding = 1;
  return config;
}

nn::UNetConfig conditional() {
  nn::UNetConfig config = small::every_path();
  config.num_class_embeds = 3;
  config.resblock_type = nn::ResBlockType::ddpm;
  config.progressive_combine = nn::Combine::concatenate;
  config.progressive_input = nn::ProgressiveInput::input_skip;
  return config;
}

// The rounding of bfloat16, 2⁻⁹, accumulated over the layers of a small network.
constexpr double bf16_tolerance = 3e-2, tf32_tolerance = 3e-3, fp32_tolerance = 1e-5;

}  // namespace

TEST_CASE("networks on the device match Eigen's in double, forward and backward", "[slow]") {
  for (const auto& config :
       {small::every_path(), pyramids(), residual_pyramids(), ddpm(), diffusers()}) {
    const Case c(config);
    compare<float>(c, cuda::Precision::fp32, fp32_tolerance);
    // The emulated products do not implement tf32.
    if (context().name() != "emulated device")
      compare<float>(c, cuda::Precision::tf32, tf32_tolerance);
    compare<Bfloat16>(c, cuda::Precision::bf16, bf16_tolerance);
  }
}

TEST_CASE("networks on the device are conditioned on classes") {
  Case c(conditional());
  c.classes = {2, nn::no_class};
  compare<float>(c, cuda::Precision::fp32, fp32_tolerance);
  compare<Bfloat16>(c, cuda::Precision::bf16, bf16_tolerance);
}

TEST_CASE("golden networks match on the device", "[golden][slow]") {
  const auto paths = golden::network_files();
  golden::require_cases(paths.size(), "networks");
  for (const auto& path : paths) {
    INFO(path.filename().string());
    const io::TensorFile file = io::read_safetensors(path);
    const nn::UNetConfig config = golden::configuration(file);
    const nn::Graph graph = nn::unet(config);
    std::vector<double> parameters(graph.parameters().size()), wanted(parameters.size());
    for (const auto& p : graph.parameters().entries()) {
      const auto at = std::ptrdiff_t(p.offset);
      const auto values = file.at("param." + p.name).as<double>();
      std::copy(values.begin(), values.end(), parameters.begin() + at);
      if (!p.trainable) continue;
      const auto gradients = file.at("grad." + p.name).as<double>();
      std::copy(gradients.begin(), gradients.end(), wanted.begin() + at);
    }
    const FloatBuffer theta = on_device(parameters), x = on_device(file.at("x").as<double>());
    const FloatBuffer v = on_device(file.at("v").as<double>());
    const auto labels = file.at("t").as<double>();
    FloatBuffer y(context(), x.size()), dx(context(), x.size()), gradient(context(), theta.size());
    nn::Network<cuda::Ops<float>> network(
        graph, labels.size(), nn::Mode::differentiation,
        cuda::Ops<float>(context(), test::shared_plans(), cuda::Precision::fp32));
    network.forward(theta.span(), x.span(), labels, y.span());
    CHECK(distance(y, file.at("y").as<double>()) < 2e-4);
    network.backward(theta.span(), v.span(), gradient.span(), dx.span());
    CHECK(distance(dx, file.at("dx").as<double>()) < 2e-4);
    CHECK(distance(gradient, wanted) < 2e-4);
  }
}

TEST_CASE("the scratch buffers of an operation are aligned and consecutive") {
  alignas(256) static float memory[1 << 16];
  cuda::ConvolutionPlans plans(cuda::PlanDevice(context()), cuda::Precision::bf16);
  const nn::Convolution op{.in_channels = 5, .out_channels = 3, .residual = true, .scale = 0.5};
  const nn::Shape x{2, 5, 7, 3};
  const std::span<float> span(memory);
  const auto byte = [&](const void* at) {
    return std::size_t(static_cast<const std::byte*>(at) - reinterpret_cast<std::byte*>(memory));
  };
  const cuda::detail::ConvolutionScratch<Bfloat16> s(op, x, nn::Mode::training, plans);
  for (const void* at :
       {static_cast<const void*>(s.scaled(span)), static_cast<const void*>(s.arranged(span)),
        static_cast<const void*>(s.sums(span)), static_cast<const void*>(s.workspace(span).data())})
    CHECK(byte(at) % 256 == 0);
  CHECK(byte(s.arranged(span)) - byte(s.scaled(span)) >= 2 * op.output(x).size());
  CHECK(byte(s.sums(span)) - byte(s.arranged(span)) >= 4 * op.weight_size());
  CHECK(4 * s.size() >=
        byte(s.workspace(span).data()) + plans.plan_backward_filter(op, x).workspace);
  const cuda::detail::ConvolutionScratch<Bfloat16> forward(op, x, nn::Mode::inference, plans);
  CHECK(forward.workspace(span).data() == reinterpret_cast<std::byte*>(memory));
  const cuda::detail::PreparedLayer<Bfloat16> layer(memory, 45);
  CHECK(byte(layer.bias) == 256);
  CHECK(cuda::detail::PreparedLayer<Bfloat16>::size(45, 3) == 128);
}

TEST_CASE("precisions that do not match the activation type are rejected") {
  CHECK_THROWS_WITH(cuda::Ops<Bfloat16>(context(), {}, cuda::Precision::fp32),
                    Contains("precision is fp32") && Contains("bf16"));
  CHECK_THROWS_WITH(cuda::Ops<float>(context(), {}, cuda::Precision::bf16),
                    Contains("precision is bf16") && Contains("tf32"));
}

namespace {

/// The same score network on the host and on the device, for states of five samples evaluated in
/// parts of two.
template <class S, class Convention = typename nn::convention_of<S>::type>
struct Scores {
  using State = cuda::DeviceState<float>;

  S sde;
  Case c;
  std::vector<float> parameters{c.parameters.begin(), c.parameters.end()};
  FloatBuffer device_parameters = on_device(c.parameters);
  nn::Network<eigen::Ops<float>> host_network{c.graph, 2, nn::Mode::differentiation};
  nn::Network<cuda::Ops<float>> device_network{
      c.graph, 2, nn::Mode::differentiation,
      cuda::Ops<float>(context(), test::shared_plans(), cuda::Precision::fp32)};
  nn::ScoreNetwork<eigen::Ops<float>, S, Convention> host{host_network, parameters, sde};
  nn::ScoreNetwork<cuda::Ops<float>, S, Convention> device{device_network, device_parameters.span(),
                                                           sde};
  HostState<float> x{{5, 128}, small::normals<float>(5 * 128, 9)};

  Scores(S s, const nn::UNetConfig& config) : sde(std::move(s)), c(config) {}
};

double distance(const cuda::DeviceState<float>& a, const HostState<float>& b) {
  const HostState<float> found = cuda::to_host(a);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    error += std::pow(double(found.data()[i]) - double(b.data()[i]), 2);
    size += std::pow(double(b.data()[i]), 2);
  }
  return std::sqrt(error / size);
}

template <class S, class Convention = typename nn::convention_of<S>::type>
void check_score_model(S sde, const nn::UNetConfig& config) {
  Scores<S, Convention> s(std::move(sde), config);
  const cuda::DeviceState<float> x(context(), s.x);
  cuda::DeviceState<float> out(x), again(x);
  HostState<float> wanted(s.x);
  s.host.evaluate(s.x, 0.4, wanted);
  s.device.evaluate(x, 0.4, out);
  CHECK(distance(out, wanted) < fp32_tolerance);
  const std::vector<double> times{0.1, 0.2, 0.4, 0.7, 0.9};
  s.host.evaluate(s.x, times, wanted);
  s.device.evaluate(x, times, out);
  CHECK(distance(out, wanted) < fp32_tolerance);
  HostState<float> v{{5, 128}, small::normals<float>(5 * 128, 10)};
  s.host.vjp(s.x, 0.4, v, wanted);
  s.device.vjp(x, 0.4, cuda::DeviceState<float>(context(), v), out);
  CHECK(distance(out, wanted) < fp32_tolerance);
  const auto grid = uniform_grid(s.sde, 3);
  const PredictorCorrector sampler{s.sde, EulerMaruyama{}, NoCorrector{}, grid};
  const cuda::CapturedSampler captured(sampler, s.device, x);
  captured.sample(out, Noise{.seed = 5});
  sampler.sample(s.device, again, Noise{.seed = 5});
  CHECK(distance(out, cuda::to_host(again)) == 0);
  sampler.sample(s.host, wanted, Noise{.seed = 5});
  CHECK(distance(out, wanted) < 1e-4);
}

}  // namespace

TEST_CASE("score networks on the device match the host's and can be captured with samplers",
          "[slow]") {
  check_score_model(VpSde{}, small::every_path());
  check_score_model(VeSde{}, pyramids());
  check_score_model<VpSde, nn::EdmPreconditioning>(VpSde{}, small::every_path());
}

TEST_CASE("score networks on the device reject mismatched arguments") {
  Scores<VpSde> s(VpSde{}, small::every_path());
  cuda::DeviceState<float> x(context(), Extents{2, 100}), y(context(), Extents{3, 128});
  cuda::DeviceState<float> z(context(), Extents{2, 128});
  CHECK_THROWS_WITH(s.device.evaluate(x, 0.5, x), Contains("100") && Contains("128"));
  CHECK_THROWS_WITH(s.device.evaluate(y, 0.5, z), Contains("3 samples") && Contains("2 of 128"));
  CHECK_THROWS_WITH(s.device.evaluate(y, std::vector<double>{0.5}, y), Contains("1 times for 3"));
  const std::vector<std::uint32_t> classes{0};
  s.device.set_classes(classes);
  CHECK_THROWS_WITH(s.device.evaluate(y, 0.5, y), Contains("1 classes for 3"));
}
