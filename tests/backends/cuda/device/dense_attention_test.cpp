// SPDX-License-Identifier: MIT
/// Dense layers and attention, which are products and kernels together, on the device against
/// Eigen's in double, on the same inputs.
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/device_vector.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;
using cuda::Precision;

const cuda::Context& context() {
  static const cuda::Context shared;
  return shared;
}
const eigen::Ops<double>& exact() {
  static const eigen::Ops<double> reference(1);
  return reference;
}

template <class Activation, Precision p>
struct Kind {
  using T = Activation;
  static constexpr double tolerance = p == Precision::bf16   ? 1e-2
                                      : p == Precision::tf32 ? 1e-3
                                                             : 1e-5;
  static cuda::Ops<T> ops() { return cuda::Ops<T>(context(), {}, p); }
};
using Bf16 = Kind<Bfloat16, Precision::bf16>;
using Tf32 = Kind<float, Precision::tf32>;
using Fp32 = Kind<float, Precision::fp32>;

template <class T>
struct Input : Activations<T> {
  DeviceVector<T> device;
  Input(const nn::Shape& s, std::uint64_t seed)
      : Activations<T>(s, seed), device(context(), this->memory) {}
  [[nodiscard]] nn::View<const T> there() const { return {device.data(), this->shape}; }
};

/// What is written over or added to, on both sides.
template <class T>
struct Output {
  nn::Shape shape;
  Target<T> target;
  DeviceVector<T> device;
  std::vector<double> wanted;

  explicit Output(const nn::Shape& s, bool accumulate = false)
      : shape(s), target(s, accumulate), device(context(), target.memory), wanted(target.before) {}
  [[nodiscard]] nn::View<T> there() const { return {device.data(), shape}; }
  [[nodiscard]] nn::Gradient<T> gradient() const { return {device.data(), target.accumulate}; }
  [[nodiscard]] nn::Gradient<double> wide() { return {wanted.data(), true}; }
  [[nodiscard]] double error() const {
    return relative_distance(from_channels_last(device.values(), shape), wanted);
  }
};

/// Parameters, or gradients of them that are added to.
struct Parameters {
  std::vector<float> values;
  std::vector<double> wide;
  DeviceVector<float> device;
  Parameters(std::size_t count, std::uint64_t seed)
      : values(random_values<float>(count, seed)),
        wide(values.begin(), values.end()),
        device(context(), values) {}
  [[nodiscard]] double error() const { return relative_distance(device.values(), wide); }
};

/// Scratch, poisoned: nothing may count on what lies there.
DeviceVector<float> scratch(std::size_t count) { return {context(), poisoned<float>(count)}; }
std::span<float> span_of(const DeviceVector<float>& memory, std::size_t count) {
  return {memory.data(), count};
}

}  // namespace

TEMPLATE_TEST_CASE("dense layers on the device are the double operation", "", Bf16, Tf32, Fp32) {
  using T = typename TestType::T;
  const auto ops = TestType::ops();
  for (const bool accumulate : {false, true}) {
    const nn::Shape in{6, 40}, out{6, 24};
    const Input<T> x(in, 1), dy(out, 2);
    const Parameters weights(in.c * out.c, 3), bias(out.c, 4);
    Parameters dweights(in.c * out.c, 5), dbias(out.c, 6);
    Output<T> y(out), dx(in, accumulate);
    std::vector<double> wide(exact().dense_scratch(in, out));
    const nn::LayerParameters<double> layer{weights.wide.data(), bias.wide.data()};
    exact().dense(x.view(), layer, {y.wanted.data(), out}, wide);
    exact().dense_backward(x.view(), layer, dy.view(), dx.wide(), dweights.wide.data(),
                           dbias.wide.data(), wide);

    const std::size_t count = ops.dense_scratch(in, out);
    const auto memory = scratch(count),
               prepared = scratch(ops.dense_prepared_size(in, out, nn::Mode::training));
    nn::LayerParameters<float> there{weights.device.data(), bias.device.data(), prepared.data()};
    if (prepared.data() != nullptr) ops.prepare_dense(in, out, there, prepared.data());
    ops.dense(x.there(), there, y.there(), span_of(memory, count));
    ops.dense_backward(x.there(), there, dy.there(), dx.gradient(), dweights.device.data(),
                       dbias.device.data(), span_of(memory, count));
    CHECK(y.error() < TestType::tolerance);
    CHECK(dx.error() < TestType::tolerance);
    CHECK(dweights.error() < TestType::tolerance);
    CHECK(dbias.error() < TestType::tolerance);
  }
}

TEMPLATE_TEST_CASE("attention on the device is the double operation", "", Bf16, Tf32, Fp32) {
  using T = typename TestType::T;
  const auto ops = TestType::ops();
  for (const nn::Shape& s : {nn::Shape{2, 64, 8, 8}, nn::Shape{3, 24, 5, 4}})
    for (const bool accumulate : {false, true}) {
      CAPTURE(s.c, s.h, accumulate);
      const Input<T> q(s, 1), k(s, 2), v(s, 3), dy(s, 4);
      Output<T> y(s), dq(s, accumulate), dk(s), dv(s, accumulate);
      std::vector<double> p(s.n * s.pixels() * s.pixels()), wide(exact().attention_scratch(s));
      exact().attention(q.view(), k.view(), v.view(), {y.wanted.data(), s}, p.data(), wide);
      exact().attention_backward(q.view(), k.view(), v.view(), p.data(), dy.view(), dq.wide(),
                                 dk.wide(), dv.wide(), wide);

      const std::size_t count = ops.attention_scratch(s);
      const auto memory = scratch(count);
      const DeviceVector<T> kept(context(), poisoned<T>(p.size()));
      ops.attention(q.there(), k.there(), v.there(), y.there(), kept.data(),
                    span_of(memory, count));
      ops.attention_backward(q.there(), k.there(), v.there(), kept.data(), dy.there(),
                             dq.gradient(), dk.gradient(), dv.gradient(), span_of(memory, count));
      CHECK(y.error() < TestType::tolerance);
      CHECK(dq.error() < TestType::tolerance);
      CHECK(dk.error() < TestType::tolerance);
      CHECK(dv.error() < TestType::tolerance);
    }
}
