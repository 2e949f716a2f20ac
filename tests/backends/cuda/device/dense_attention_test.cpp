// SPDX-License-Identifier: MIT
/// Dense layers and attention, which combine products and kernels, on the device against Eigen's in
/// double, with the same inputs.
#include <cstddef>
#include <span>
#include <vector>

#include <scoresde/cuda/ops.hpp>
#include <scoresde/cuda/precision.hpp>
#include <scoresde/eigen/ops.hpp>

#include "support/catch.hpp"
#include "support/device_activations.hpp"
#include "support/device_vector.hpp"

namespace {

using namespace scoresde;
using namespace scoresde::test;
using cuda::Bfloat16;
using cuda::Precision;

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

/// Scratch filled with NaN: results must not depend on its contents.
DeviceVector<float> scratch(std::size_t count) { return {context(), poisoned<float>(count)}; }
std::span<float> span_of(const DeviceVector<float>& memory, std::size_t count) {
  return {memory.data(), count};
}

}  // namespace

TEMPLATE_TEST_CASE("dense layers on the device match the double operation", "", Bf16, Tf32, Fp32) {
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
    exact().dense(x.view(), layer, {y.expected.data(), out}, wide);
    exact().dense_backward(x.view(), layer, dy.view(), dx.wide(), dweights.wide.data(),
                           dbias.wide.data(), wide);

    const std::size_t count = ops.dense_scratch(in, out);
    const auto memory = scratch(count),
               prepared = scratch(ops.dense_prepared_size(in, out, nn::Mode::training));
    nn::LayerParameters<float> there{weights.device.data(), bias.device.data(), prepared.data()};
    if (prepared.data() != nullptr) ops.prepare_dense(in, out, there, prepared.data());
    ops.dense(x.on_device(), there, y.on_device(), span_of(memory, count));
    ops.dense_backward(x.on_device(), there, dy.on_device(), dx.gradient(), dweights.device.data(),
                       dbias.device.data(), span_of(memory, count));
    CHECK(y.error() < TestType::tolerance);
    CHECK(dx.error() < TestType::tolerance);
    CHECK(dweights.error() < TestType::tolerance);
    CHECK(dbias.error() < TestType::tolerance);
  }
}

TEMPLATE_TEST_CASE("attention on the device matches the double operation", "", Bf16, Tf32, Fp32) {
  using T = typename TestType::T;
  const auto ops = TestType::ops();
  struct Case {
    nn::Shape shape;
    std::size_t heads;
  };
  for (const auto& [s, heads] :
       {Case{{2, 64, 8, 8}, 1}, Case{{3, 24, 5, 4}, 1}, Case{{2, 64, 5, 4}, 8}})
    for (const bool accumulate : {false, true}) {
      CAPTURE(s.c, s.h, heads, accumulate);
      const nn::Attention op{heads};
      const Input<T> q(s, 1), k(s, 2), v(s, 3), dy(s, 4);
      Output<T> y(s), dq(s, accumulate), dk(s), dv(s, accumulate);
      std::vector<double> p(s.n * heads * s.pixels() * s.pixels()),
          wide(exact().attention_scratch(op, s));
      exact().attention(op, q.view(), k.view(), v.view(), {y.expected.data(), s}, p.data(), wide);
      exact().attention_backward(op, q.view(), k.view(), v.view(), p.data(), dy.view(), dq.wide(),
                                 dk.wide(), dv.wide(), wide);

      const std::size_t count = ops.attention_scratch(op, s);
      const auto memory = scratch(count);
      const DeviceVector<T> kept(context(), poisoned<T>(p.size()));
      ops.attention(op, q.on_device(), k.on_device(), v.on_device(), y.on_device(), kept.data(),
                    span_of(memory, count));
      ops.attention_backward(op, q.on_device(), k.on_device(), v.on_device(), kept.data(),
                             dy.on_device(), dq.gradient(), dk.gradient(), dv.gradient(),
                             span_of(memory, count));
      CHECK(y.error() < TestType::tolerance);
      CHECK(dq.error() < TestType::tolerance);
      CHECK(dk.error() < TestType::tolerance);
      CHECK(dv.error() < TestType::tolerance);
    }
}

TEMPLATE_TEST_CASE("scale and shift on the device match the double operation", "", Bf16, Fp32) {
  using T = typename TestType::T;
  const auto ops = TestType::ops();
  for (const nn::Shape& s : {nn::Shape{2, 64, 8, 8}, nn::Shape{3, 12, 5, 3}})
    for (const bool accumulate : {false, true}) {
      CAPTURE(s.c, accumulate);
      const nn::Shape vectors{s.n, 2 * s.c};
      const Input<T> x(s, 1), dy(s, 2), modulation(vectors, 3);
      Output<T> y(s), dx(s, accumulate), dmodulation(vectors, accumulate);
      exact().scale_shift(x.view(), modulation.view(), {y.expected.data(), s});
      exact().scale_shift_backward(x.view(), modulation.view(), dy.view(), dx.wide(),
                                   dmodulation.wide(), {});
      const std::size_t count = ops.scale_shift_scratch(s);
      const auto memory = scratch(count);
      ops.scale_shift(x.on_device(), modulation.on_device(), y.on_device());
      ops.scale_shift_backward(x.on_device(), modulation.on_device(), dy.on_device(), dx.gradient(),
                               dmodulation.gradient(), span_of(memory, count));
      CHECK(y.error() < TestType::tolerance);
      CHECK(dx.error() < TestType::tolerance);
      CHECK(dmodulation.error() < TestType::tolerance);
    }
}
