// SPDX-License-Identifier: MIT
/// The launchers of a training step against the host implementation, on a device.
#include <vector>

#include <scoresde/cuda/detail/training_kernels.hpp>
#include <scoresde/cuda/device_memory.hpp>
#include <scoresde/data/image_stream.hpp>
#include <scoresde/optim/gradient_norm.hpp>
#include <scoresde/state/host_state.hpp>

#include "backends/eigen/finite_differences.hpp"
#include "support/catch.hpp"
#include "support/device_vector.hpp"
#include "support/shared_context.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;
using cuda::Context;

}  // namespace

TEST_CASE("the launcher of minibatches is bit-identical to the host's stream") {
  const std::uint64_t seed = 5;
  data::ImageSet set{3, 4, 5, {}, {}};
  for (std::size_t i = 0; i < 10 * set.dim(); ++i)
    set.pixels.push_back(static_cast<std::uint8_t>(i * 97 % 251));
  for (std::uint8_t i = 0; i < 10; ++i) set.labels.push_back(i);
  const DeviceVector<std::uint8_t> pixels(context(), set.pixels);
  const DeviceVector<std::uint32_t> labels(context(), set.labels);
  const DeviceVector<std::uint32_t> even(context(), data::epoch_order(seed, 0, 10)),
      odd(context(), data::epoch_order(seed, 1, 10)),
      classes(context(), std::vector<std::uint32_t>(4, 99));
  const DeviceVector<std::uint64_t> step(context(), {2});
  const DeviceVector<float> x(context(), not_a_number<float>(4 * set.dim()));
  const data::ImageTransform all{true, true, true, 2};
  const cuda::detail::DeviceImages images{
      pixels.data(), labels.data(), {even.data(), odd.data()}, 10, data::ImageView(set).extents(),
      all,           seed};
  cuda::detail::minibatch(context(), images, 0, 4, step.data(), 4, x.data(), classes.data());
  std::vector<float> expected(4 * set.dim());
  data::ImageStream(set, all, seed).fill_batch<float>(8, expected);
  CHECK(x.values() == expected);
  const auto first = even.values(), second = odd.values();
  CHECK(classes.values() == std::vector<std::uint32_t>{first[8], first[9], second[0], second[1]});
}

TEST_CASE("the launchers of perturbation and residual match the host's linear combinations") {
  const Extents shape{3, 101};
  const NoiseDraw draw = Noise{.seed = 2, .purpose = Purpose::training_noise}.draw(7);
  const std::vector<double> mean{0.9, 0.5, 0.1}, std{0.1, 0.6, 2}, a{0, -0.2, 0.4}, b{-1, 0.7, 0.3},
      weight{0.5, 0.25, 2};
  const auto images = random_values<float>(shape.size(), 1),
             output = random_values<float>(shape.size(), 2);
  const auto device = [](const auto& values) { return DeviceVector(context(), values); };
  const auto m = device(mean), s = device(std), da = device(a), db = device(b), w = device(weight),
             losses = device(not_a_number<double>(3));
  const auto x0 = device(images), x = device(not_a_number<float>(shape.size())),
             gradient = device(output);
  cuda::detail::perturb(context(), shape, m.data(), s.data(), {draw}, x0.data(), x.data());
  cuda::detail::denoising_residual(context(), shape, {da.data(), db.data(), w.data()}, 0.25, {draw},
                                   x.data(), gradient.data(), gradient.data(), losses.data());
  const auto perturbed = x.values(), slope = gradient.values();
  const auto loss = losses.values();
  std::vector<float> z(shape.size());
  fill_normal_flat(z, draw, shape.dim, 0);
  for (std::size_t k = 0; k < shape.samples; ++k) {
    double sum = 0;
    for (std::size_t e = 0; e < shape.dim; ++e) {
      const std::size_t i = k * shape.dim + e;
      CHECK(perturbed[i] == scoresde::fma(float(mean[k]), images[i], float(std[k]) * z[i]));
      const double r = a[k] * double(perturbed[i]) + b[k] * double(output[i]) + double(z[i]);
      sum += r * r;
      CHECK(slope[i] == Approx(2 * weight[k] * b[k] * 0.25 * r).epsilon(1e-5).margin(1e-6));
    }
    CHECK(loss[k] == Approx(weight[k] * sum).epsilon(1e-5));
  }
}

TEST_CASE("the launcher of parameter updates matches Adam, EMA and cast") {
  const std::size_t size = 40001;
  const Adam adam{.learning_rate = 0.01, .warm_up = 0, .gradient_clip = 1};
  const ExponentialMovingAverage ema{.decay = 0.9};
  const auto start = random_values<float>(size, 1);
  const DeviceVector<float> theta(context(), start), m(context(), std::vector<float>(size)),
      v(context(), std::vector<float>(size)), average(context(), start),
      gradient(context(), std::vector<float>(size));
  const DeviceVector<Bfloat16> cast(context(), std::vector<Bfloat16>(size));
  const DeviceVector<double> partial(
      context(), not_a_number<double>(cuda::detail::gradient_norm_scratch(size))),
      losses(context(), {1, 3});
  const DeviceVector<std::uint64_t> step(context(), {0});
  const cuda::DeviceMemory coefficients(context(), cuda::detail::coefficient_bytes);
  const DeviceVector<cuda::detail::StepOutcome> outcome(context(), {{}});
  const cuda::detail::DeviceParameters run{
      size,           theta.data(),        m.data(),      v.data(),
      average.data(), gradient.data(),     cast.data(),   partial.data(),
      step.data(),    coefficients.data(), outcome.data()};
  std::vector<double> wide(start.begin(), start.end()), wide_m(size), wide_v(size), wide_a = wide;
  GradientNorm norm_of(size);
  for (std::uint64_t n = 0; n < 3; ++n) {
    const auto g = random_values<float>(size, 10 + n);
    const std::vector<double> wide_g(g.begin(), g.end());
    const double norm = norm_of(std::span<const double>(wide_g));
    scoresde::update_parameters(adam, ParameterBuffers<double>{wide, wide_m, wide_v, wide_a},
                                std::span<const double>(wide_g), n, norm, ema.decay_at(n + 1));
    context().copy_to_device(gradient.data(), g.data(), size * sizeof(float));
    cuda::detail::update_parameters(context(), run, adam, ema, losses.data(), 2, true);
    const cuda::detail::StepOutcome found = outcome.values().front();
    CHECK(found.finite == 1);
    CHECK(found.updates == n + 1);
    CHECK(found.loss == 2);
    CHECK(found.gradient_norm == Approx(norm).epsilon(1e-13));
  }
  const auto updated = theta.values();
  const auto rounded = cast.values();
  CHECK(relative_distance(updated, wide) < 1e-6);
  CHECK(relative_distance(average.values(), wide_a) < 1e-6);
  CHECK(gradient.values() == std::vector<float>(size));
  for (std::size_t i = 0; i < size; ++i)
    if (rounded[i] != cuda::from_float<Bfloat16>(updated[i])) FAIL("element " << i);
}
