// SPDX-License-Identifier: MIT
/// The launchers of the network kernels against the double operations, on a device.
#include <cmath>
#include <vector>

#include <scoresde/cuda/detail/network_kernels.hpp>
#include <scoresde/eigen/ops.hpp>
#include <scoresde/error.hpp>

#include "support/catch.hpp"
#include "support/device_activations.hpp"
#include "support/device_vector.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;

const eigen::Ops<double>& ops() {
  static const eigen::Ops<double> reference(2);
  return reference;
}

DeviceVector<float> scratch(std::size_t count) { return {context(), not_a_number<float>(count)}; }

template <class T>
void check_group_norm(const nn::GroupNorm& norm, const nn::Shape& s, bool accumulate) {
  CAPTURE(s.n, s.c, s.h, s.w, norm.groups, accumulate);
  const Input<T> x(s, 1, 0.5), dy(s, 2);
  const Parameters gamma(s.c, 3), beta(s.c, 4);
  Parameters dgamma(s.c, 5), dbeta(s.c, 6);
  Output<T> y(s), dx(s, accumulate);
  std::vector<double> statistics(2 * s.n * norm.groups), wide(ops().group_norm_scratch(norm, s));
  ops().group_norm(norm, x.view(), gamma.wide.data(), beta.wide.data(), y.view(), statistics.data(),
                   {});
  ops().group_norm_backward(norm, x.view(), gamma.wide.data(), beta.wide.data(), statistics.data(),
                            dy.view(), dx.wide(), dgamma.wide.data(), dbeta.wide.data(), wide);
  const DeviceVector<float> kept = scratch(statistics.size()),
                            memory = scratch(cuda::detail::group_norm_scratch<T>(norm, s));
  cuda::detail::group_norm<T>(context(), norm, x.on_device(), gamma.device.data(),
                              beta.device.data(), y.data(), kept.data(), memory.data());
  cuda::detail::group_norm_backward<T>(
      context(), norm, x.on_device(), gamma.device.data(), beta.device.data(), kept.data(),
      dy.device.data(), dx.gradient(), dgamma.device.data(), dbeta.device.data(), memory.data());
  CHECK(y.error() < kernel_tolerance<T>);
  CHECK(dx.error() < kernel_tolerance<T>);
  CHECK(relative_distance(kept.values(), statistics) < 1e-5);
  CHECK(dgamma.error() < 1e-5);
  CHECK(dbeta.error() < 1e-5);
  const Parameters untouched(s.c, 5);
  cuda::detail::group_norm_backward<T>(context(), norm, x.on_device(), gamma.device.data(),
                                       beta.device.data(), kept.data(), dy.device.data(), {},
                                       nullptr, untouched.device.data(), memory.data());
}

}  // namespace

TEMPLATE_TEST_CASE("the launchers of group norm match the double operation", "", float, Bfloat16) {
  check_group_norm<TestType>({.groups = 8}, {2, 32, 6, 7}, false);
  check_group_norm<TestType>({.groups = 5, .epsilon = 1e-5, .silu = false}, {2, 15, 5, 5}, true);
  // Larger than the largest tile: split into chunks.
  check_group_norm<TestType>({.groups = 2}, {1, 16, 80, 96}, true);
}

TEMPLATE_TEST_CASE("the launcher of bias gradients matches the double operation", "", float,
                   Bfloat16) {
  const nn::Shape s{3, 24, 9, 8};
  const Input<TestType> dy(s, 1);
  Parameters dbias(s.c, 2);
  Output<TestType> dchannel({s.n, s.c}, true);
  const nn::Convolution op{.in_channels = 1, .out_channels = s.c, .kernel = 1};
  std::vector<double> wide(s.n * s.c);
  ops().convolution_backward(op, {nullptr, {s.n, 1, s.h, s.w}}, {}, dy.view(),
                             {.bias = dbias.wide.data(), .channel_bias = dchannel.wide()}, wide);
  const DeviceVector<float> memory = scratch(cuda::detail::bias_gradient_scratch<TestType>(s));
  cuda::detail::bias_gradient<TestType>(context(), dy.on_device(), dbias.device.data(),
                                        dchannel.gradient(), memory.data());
  CHECK(dbias.error() < 1e-5);
  CHECK(dchannel.error() < kernel_tolerance<TestType>);
}

TEMPLATE_TEST_CASE("the launchers of elementwise kernels match the double operations", "", float,
                   Bfloat16) {
  constexpr double tolerance = kernel_tolerance<TestType>;
  const nn::Shape s{3, 17, 9, 11};
  const Input<TestType> a(s, 1), b(s, 2);
  const auto factors = random_values<double>(s.n, 3);
  const DeviceVector<double> on_device(context(), factors);
  for (const bool accumulate : {false, true}) {
    Output<TestType> y(s), dx(s, accumulate), sum(s), da(s, accumulate), db(s, !accumulate),
        affine(s, accumulate), scaled(s, accumulate);
    ops().activation(nn::Activation::elu, a.view(), y.view());
    cuda::detail::activation<TestType>(context(), nn::Activation::elu, a.on_device(), y.data());
    CHECK(y.error() < tolerance);
    ops().activation_backward(nn::Activation::swish, a.view(), b.view(), dx.wide());
    cuda::detail::activation_backward<TestType>(context(), nn::Activation::swish, a.on_device(),
                                                b.device.data(), dx.gradient());
    CHECK(dx.error() < tolerance);
    ops().scaled_sum(a.view(), b.view(), 0.7, sum.view());
    cuda::detail::scaled_sum<TestType>(context(), a.on_device(), b.device.data(), 0.7, sum.data());
    CHECK(sum.error() < tolerance);
    ops().scaled_sum_backward(a.view(), 0.7, da.wide(), db.wide());
    cuda::detail::scaled_sum_backward<TestType>(context(), a.on_device(), 0.7, da.gradient(),
                                                db.gradient());
    CHECK(da.error() < tolerance);
    CHECK(db.error() < tolerance);
    for (std::size_t i = 0; i < s.size(); ++i) affine.expected[i] += 2 * a.exact[i] - 1;
    cuda::detail::affine<TestType>(context(), a.on_device(), 2, -1, affine.gradient());
    CHECK(affine.error() < tolerance);
    ops().scale_samples_backward(a.view(), factors, scaled.wide());
    cuda::detail::scale_samples<TestType>(context(), a.on_device(), on_device.data(),
                                          scaled.gradient());
    CHECK(scaled.error() < tolerance);
  }
}

TEMPLATE_TEST_CASE("the launchers of resampling match the double operations", "", float, Bfloat16) {
  constexpr double tolerance = kernel_tolerance<TestType>;
  const nn::Shape small{2, 16, 5, 7}, large{2, 16, 10, 14};
  const Input<TestType> x(small, 1), z(large, 2);
  const nn::Fir up{.taps = {1, 3, 3, 1}, .count = 4, .up = 2, .pad_before = 2, .pad_after = 1};
  std::vector<double> wide(ops().fir_scratch(up, small, large));
  Output<TestType> y(large), dx(small, true), mean(small), dz(large, true), filtered(large),
      gradient(small, true);
  ops().upsample_nearest(x.view(), y.view());
  cuda::detail::upsample_nearest<TestType>(context(), x.on_device(), y.data());
  CHECK(y.error() < tolerance);
  ops().upsample_nearest_backward(z.view(), dx.wide());
  cuda::detail::upsample_nearest_backward<TestType>(context(), z.on_device(), dx.gradient());
  CHECK(dx.error() < tolerance);
  ops().downsample_mean(z.view(), mean.view());
  cuda::detail::downsample_mean<TestType>(context(), z.on_device(), mean.data());
  CHECK(mean.error() < tolerance);
  ops().downsample_mean_backward(x.view(), dz.wide());
  cuda::detail::downsample_mean_backward<TestType>(context(), x.on_device(), dz.gradient());
  CHECK(dz.error() < tolerance);
  ops().fir(up, x.view(), filtered.view(), wide);
  cuda::detail::fir<TestType>(context(), up, x.on_device(), large, filtered.gradient());
  CHECK(filtered.error() < tolerance);
  ops().fir_backward(up, z.view(), small, gradient.wide(), wide);
  cuda::detail::fir<TestType>(context(), up.adjoint(), z.on_device(), small, gradient.gradient());
  CHECK(gradient.error() < tolerance);
}

TEMPLATE_TEST_CASE("the launchers of average pooling match the double operations", "", float,
                   Bfloat16) {
  constexpr double tolerance = kernel_tolerance<TestType>;
  const nn::Shape in{2, 16, 7, 9};
  for (const nn::AveragePool& op : {nn::AveragePool{.height = 3, .width = 3, .stride = 1, .pad = 1},
                                    nn::AveragePool{.height = 7, .width = 4, .stride = 2}}) {
    const nn::Shape out = op.output(in);
    const Input<TestType> x(in, 1), dy(out, 2);
    Output<TestType> y(out), dx(in, true);
    ops().average_pool(op, x.view(), y.view());
    cuda::detail::average_pool<TestType>(context(), op, x.on_device(), y.on_device());
    CHECK(y.error() < tolerance);
    ops().average_pool_backward(op, dy.view(), in, dx.wide());
    cuda::detail::average_pool_backward<TestType>(context(), op, dy.on_device(), in, dx.gradient());
    CHECK(dx.error() < tolerance);
  }
}

TEMPLATE_TEST_CASE("the launchers of max pooling and resizing match the double operations", "",
                   float, Bfloat16) {
  const nn::Shape in{2, 16, 7, 9};
  const nn::MaxPool pool{{.height = 3, .width = 3, .stride = 2}};
  const Input<TestType> x(in, 1);
  Output<TestType> pooled(pool.windows.output(in));
  ops().max_pool(pool, x.view(), pooled.view());
  cuda::detail::max_pool<TestType>(context(), pool, x.on_device(), pooled.on_device());
  CHECK(pooled.error() == 0);
  for (const ResizeRule rule : {ResizeRule::tf1_bilinear, ResizeRule::pil_bicubic})
    for (const auto& [height, width] : {std::pair{12u, 5u}, {7u, 20u}, {3u, 9u}, {7u, 9u}}) {
      CAPTURE(height, width);
      const nn::Resize op{
          .rule = rule, .height = height, .width = width, .lowest = -1, .highest = 1.5};
      Output<TestType> y(op.output(in));
      std::vector<double> wide(ops().resize_scratch(op, in));
      ops().resize(op, x.view(), y.view(), wide);
      const DeviceVector<float> memory = scratch(cuda::detail::resize_scratch<TestType>(op, in));
      cuda::detail::resize<TestType>(context(), op, x.on_device(), y.on_device(), memory.data());
      CHECK(y.error() < kernel_tolerance<TestType>);
    }
}

TEMPLATE_TEST_CASE("the launchers of concatenation match the double operations", "", float,
                   Bfloat16) {
  for (const std::size_t second : {24u, 5u}) {
    const nn::Shape a{2, 8, 5, 3}, b{2, second, 5, 3}, epilogue{2, 8 + second, 5, 3};
    const Input<TestType> x(a, 1), z(b, 2), dy(epilogue, 3);
    Output<TestType> y(epilogue), da(a, true), db(b);
    ops().concatenate(x.view(), z.view(), y.view());
    cuda::detail::concatenate<TestType>(context(), x.on_device(), z.on_device(), y.data());
    CHECK(y.error() == 0);
    ops().concatenate_backward(dy.view(), a.c, da.wide(), db.wide());
    cuda::detail::concatenate_backward<TestType>(context(), dy.on_device(), a.c, da.gradient(),
                                                 db.gradient());
    CHECK(da.error() < kernel_tolerance<TestType>);
    CHECK(db.error() == 0);
  }
}

TEMPLATE_TEST_CASE("layout conversions of images and weights are inverted by their counterparts",
                   "", float, Bfloat16) {
  const nn::Shape s{3, 3, 6, 7};
  const auto images = random_values<float>(s.size(), 1);
  const DeviceVector<float> outside(context(), images), back(context(), images);
  const DeviceVector<TestType> inside(context(), poisoned<TestType>(s.n * 8 * s.pixels()));
  cuda::detail::nchw_to_nhwc<TestType>(context(), {outside.data(), s}, 8, nullptr, inside.data());
  cuda::detail::nhwc_to_nchw<TestType>(context(), inside.data(), s, 8, nullptr,
                                       {back.data(), true});
  const std::vector<float> doubled = back.values();
  for (std::size_t i = 0; i < images.size(); ++i)
    CHECK(doubled[i] == images[i] + cuda::to_float(cuda::from_float<TestType>(images[i])));

  const nn::Convolution op{.in_channels = 3, .out_channels = 20};
  const auto weights = random_values<float>(op.weight_size(), 2);
  const DeviceVector<float> library(context(), weights), sum(context(), weights),
      arranged(context(), not_a_number<float>(24 * 9 * 8));
  cuda::detail::arrange_weights<float>(context(), op, 8, library.data(), arranged.data());
  cuda::detail::add_weight_gradient(context(), op, 8, arranged.data(), sum.data());
  const std::vector<float> twice = sum.values();
  for (std::size_t i = 0; i < weights.size(); ++i) CHECK(twice[i] == 2 * weights[i]);
  const DeviceVector<TestType> cast(context(), poisoned<TestType>(24 * 9 * 8));
  cuda::detail::arrange_weights<TestType>(context(), op, 8, library.data(), cast.data());
  const auto exact = arranged.values();
  const auto rounded = cast.values();
  for (std::size_t i = 0; i < exact.size(); ++i)
    CHECK(rounded[i] == cuda::from_float<TestType>(exact[i]));
}

TEMPLATE_TEST_CASE("the launchers of softmax match the double operation", "", float, Bfloat16) {
  const std::size_t rows = 6, length = 300;
  const double scale = 0.3;
  const nn::Shape s{rows, length};
  const Input<float> scores(s, 1), dp(s, 2);
  const DeviceVector<TestType> p(context(), poisoned<TestType>(s.size())),
      ds(context(), poisoned<TestType>(s.size()));
  cuda::detail::softmax<TestType, float>(context(), rows, length, scale, scores.device.data(),
                                         p.data());
  cuda::detail::softmax_backward<TestType, float>(context(), rows, length, scale, p.data(),
                                                  dp.device.data(), ds.data());
  const auto found = from_channels_last(p.values(), s);
  std::vector<double> expected(s.size()), gradient(s.size());
  for (std::size_t first = 0; first < s.size(); first += length) {
    double sum = 0, mean = 0;
    for (std::size_t i = first; i < first + length; ++i) sum += std::exp(scale * scores.exact[i]);
    for (std::size_t i = first; i < first + length; ++i) {
      expected[i] = std::exp(scale * scores.exact[i]) / sum;
      mean += found[i] * dp.exact[i];
    }
    for (std::size_t i = first; i < first + length; ++i)
      gradient[i] = scale * found[i] * (dp.exact[i] - mean);
  }
  CHECK(relative_distance(found, expected) < kernel_tolerance<TestType>);
  CHECK(relative_distance(from_channels_last(ds.values(), s), gradient) <
        kernel_tolerance<TestType>);
}

TEMPLATE_TEST_CASE("the launchers of embeddings and dropout match the double operations", "", float,
                   Bfloat16) {
  constexpr double tolerance = kernel_tolerance<TestType>;
  const std::vector<double> labels{999, 0.01, 50, 3};
  const std::vector<std::uint32_t> classes{2, nn::no_class, 2, 0};
  const nn::Shape s{labels.size(), 34};
  const DeviceVector<double> on_device(context(), labels);
  const DeviceVector<std::uint32_t> conditioning(context(), classes);
  const Parameters frequencies(s.c / 2, 1), table(3 * s.c, 2);
  Parameters dtable(3 * s.c, 3);
  const Input<TestType> dy(s, 4);
  Output<TestType> positional(s), fourier(s), rows(s);
  const nn::PositionalEmbedding waves{true, 0};
  ops().positional_embedding(waves, labels, positional.view());
  cuda::detail::positional_embedding<TestType>(context(), waves, s.n, s.c, on_device.data(),
                                               positional.data());
  CHECK(positional.error() < tolerance);
  ops().fourier_embedding(labels, frequencies.wide.data(), fourier.view());
  cuda::detail::fourier_embedding<TestType>(context(), s.n, s.c, on_device.data(),
                                            frequencies.device.data(), fourier.data());
  CHECK(fourier.error() < tolerance);
  ops().class_embedding(classes, table.wide.data(), rows.view());
  cuda::detail::class_embedding<TestType>(context(), s.n, s.c, conditioning.data(),
                                          table.device.data(), rows.data());
  CHECK(rows.error() < tolerance);
  ops().class_embedding_backward(classes, dy.view(), dtable.wide.data());
  cuda::detail::class_embedding_backward<TestType>(context(), s.n, s.c, conditioning.data(),
                                                   dy.device.data(), dtable.device.data());
  CHECK(dtable.error() < 1e-5);

  const NoiseDraw draw = Noise{.seed = 3, .purpose = Purpose::dropout}.draw(5);
  for (const nn::Shape& shape : {nn::Shape{2, 16, 6, 6}, nn::Shape{2, 7, 5, 3}}) {
    const Input<TestType> x(shape, 1);
    Output<TestType> y(shape, true);
    ops().dropout_backward(x.view(), 0.3, draw, y.wide());
    cuda::detail::dropout<TestType>(context(), x.on_device(), 0.3, {draw}, y.gradient());
    CHECK(y.error() < tolerance);
  }
}

TEST_CASE("scratch sizes of the network kernels do not require a device") {
  const nn::GroupNorm norm{.groups = 32};
  // Two sums per sample and channel.
  CHECK(cuda::detail::group_norm_scratch<Bfloat16>(norm, {128, 256, 32, 32}) == 2 * 128 * 256);
  // An image that does not fit in a tile is split into at least 8 chunks.
  CHECK(cuda::detail::group_norm_scratch<float>(norm, {2, 256, 256, 256}) >= 8 * 2 * 2 * 256);
  CHECK(cuda::detail::bias_gradient_scratch<float>({16, 12, 5, 7}) == 16 * 12);
  CHECK_THROWS_AS(cuda::detail::group_norm_scratch<float>({.groups = 1}, {1, 4096, 8, 8}), Error);
}
