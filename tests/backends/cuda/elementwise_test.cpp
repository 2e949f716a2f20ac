// SPDX-License-Identifier: MIT
#include "kernels/elementwise.hpp"

#include <scoresde/eigen/ops.hpp>

#include "kernels/activation.hpp"
#include "support/catch.hpp"
#include "support/channels_last.hpp"
#include "support/cuda_emulation.hpp"

using namespace scoresde;
using namespace scoresde::test;
using scoresde::cuda::Bfloat16;
using scoresde::testing::emulate;
using scoresde::testing::every_schedule;

namespace {

/// Less than a vector, less than a block, and more; aligned and not.
const std::vector<nn::Shape> shapes = {{1, 3, 1, 1},   {3, 16, 5, 5}, {2, 8, 32, 32},
                                       {1, 7, 17, 41}, {5, 5, 1, 1},  {1, 1, 89, 92}};

constexpr nn::Activation functions[] = {nn::Activation::swish, nn::Activation::elu,
                                        nn::Activation::relu, nn::Activation::leaky_relu};

/// Runs out[j] ← or += function(in…) and returns the outputs; the arrays start `shift` elements
/// after a multiple of 16 bytes.
template <class T, class Function, unsigned Inputs, unsigned Outputs>
std::array<std::vector<double>, Outputs> run(const Function& function,
                                             const std::array<const Activations<T>*, Inputs>& in,
                                             const std::array<const Target<T>*, Outputs>& targets) {
  cuda::Elementwise<T, Function, Inputs, Outputs> kernel{
      .count = in[0]->memory.size(), .whole = true, .function = function, .in = {}, .out = {}};
  std::array<std::vector<T>, Outputs> memory;
  for (unsigned j = 0; j < Inputs; ++j) kernel.in[j] = in[j]->memory.data();
  for (unsigned j = 0; j < Outputs; ++j)
    if (targets[j] != nullptr) {
      memory[j] = targets[j]->memory;
      kernel.out[j] = {memory[j].data(), targets[j]->accumulate};
    }
  emulate(kernel, every_schedule[2]);
  std::array<std::vector<double>, Outputs> out;
  for (unsigned j = 0; j < Outputs; ++j)
    if (targets[j] != nullptr) out[j] = from_channels_last(memory[j], in[0]->shape);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("activation kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  for (const nn::Activation function : functions)
    for (const nn::Shape& s : shapes)
      for (const bool accumulate : {false, true}) {
        CAPTURE(static_cast<int>(function), s.n, s.c, s.h, s.w, accumulate);
        const Activations<TestType> x(s, 1, 0, 3), dy(s, 2);
        const Target<TestType> over(s, false), target(s, accumulate);
        std::vector<double> y(s.size()), dx = target.before;
        ops.activation(function, x.view(), {y.data(), s});
        ops.activation_backward(function, x.view(), dy.view(), {dx.data(), true});
        const auto found = run<TestType, cuda::Activate, 1, 1>({function}, {&x}, {&over});
        CHECK(relative_distance(found[0], y) < kernel_tolerance<TestType>);
        const auto gradient =
            run<TestType, cuda::ActivationGradient, 2, 1>({function}, {&x, &dy}, {&target});
        CHECK(relative_distance(gradient[0], dx) < kernel_tolerance<TestType>);
      }
}

TEST_CASE("activation functions are correct at 0 and at large arguments", "[emulated]") {
  const eigen::Ops<double> ops(1);
  const std::vector<double> x{0, -0.0, 1e-20, -1e-20, 30, -30, 87, -87, 100, -100, 1e30, -1e30};
  const nn::Shape s{1, x.size()};
  for (const nn::Activation function : functions) {
    std::vector<double> y(x.size()), slope(x.size());
    const std::vector<double> ones(x.size(), 1.0);
    ops.activation(function, {x.data(), s}, {y.data(), s});
    ops.activation_backward(function, {x.data(), s}, {ones.data(), s}, {slope.data(), false});
    for (std::size_t i = 0; i < x.size(); ++i) {
      CAPTURE(static_cast<int>(function), x[i]);
      const auto at = static_cast<float>(x[i]);
      CHECK(cuda::activate(function, at) == Approx(y[i]).epsilon(1e-6).margin(1e-30));
      CHECK(cuda::activation_slope(function, at) == Approx(slope[i]).epsilon(1e-6).margin(1e-30));
    }
  }
}

TEMPLATE_TEST_CASE("sum, scale and shift kernels match the double operations", "[emulated]", float,
                   Bfloat16) {
  const eigen::Ops<double> ops(1);
  const double scale = 0.7071, shift = -1;
  for (const nn::Shape& s : shapes) {
    CAPTURE(s.n, s.c, s.h, s.w);
    const Activations<TestType> a(s, 1), b(s, 2);
    const Target<TestType> over(s, false), added(s, true);
    std::vector<double> y(s.size());
    ops.scaled_sum(a.view(), b.view(), scale, {y.data(), s});
    const auto sum = run<TestType, cuda::AddScale, 2, 1>({float(scale)}, {&a, &b}, {&over});
    CHECK(relative_distance(sum[0], y) < kernel_tolerance<TestType>);
    ops.affine(a.view(), scale, shift, {y.data(), s});
    const auto affine =
        run<TestType, cuda::Affine, 1, 1>({float(scale), float(shift)}, {&a}, {&over});
    CHECK(relative_distance(affine[0], y) < kernel_tolerance<TestType>);
    // Two gradients at once, one of them accumulated; one of them null.
    std::vector<double> da(s.size()), db = added.before;
    ops.scaled_sum_backward(a.view(), scale, {da.data(), false}, {db.data(), true});
    const auto both = run<TestType, cuda::Affine, 1, 2>({float(scale), 0}, {&a}, {&over, &added});
    CHECK(relative_distance(both[0], da) < kernel_tolerance<TestType>);
    CHECK(relative_distance(both[1], db) < kernel_tolerance<TestType>);
    const auto one = run<TestType, cuda::Affine, 1, 2>({float(scale), 0}, {&a}, {nullptr, &added});
    CHECK(one[1] == both[1]);
  }
}

TEMPLATE_TEST_CASE("unaligned memory gives bit-identical results", "[emulated]", float, Bfloat16) {
  const nn::Shape s{1, 5, 30, 31};
  const Activations<TestType> x(s, 1);
  std::vector<TestType> moved(s.size() + 1), aligned(s.size()), out(s.size());
  std::copy(x.memory.begin(), x.memory.end(), moved.begin() + 1);
  using Kernel = cuda::Elementwise<TestType, cuda::Activate>;
  emulate(Kernel{s.size(), true, {}, {x.memory.data()}, {{aligned.data(), false}}});
  const bool whole = cuda::rows_are_whole(16, moved.data() + 1);
  REQUIRE(!whole);
  emulate(Kernel{s.size(), whole, {}, {moved.data() + 1}, {{out.data(), false}}});
  CHECK(out == aligned);
}

TEMPLATE_TEST_CASE("per-sample scaling matches the double operation", "[emulated]", float,
                   Bfloat16) {
  for (const nn::Shape& s : shapes)
    for (const bool accumulate : {false, true}) {
      CAPTURE(s.n, s.c, s.h, s.w, accumulate);
      const Activations<TestType> x(s, 1);
      const Target<TestType> target(s, accumulate);
      const auto factors = random_values<double>(s.n, 3);
      std::vector<double> expected = target.before;
      eigen::Ops<double>(1).scale_samples_backward(x.view(), factors, {expected.data(), true});
      std::vector<TestType> y = target.memory;
      const std::size_t count = s.size() / s.n;
      emulate(cuda::ScaleSamples<TestType>{count,
                                           static_cast<std::uint32_t>(s.n),
                                           cuda::rows_are_whole(count * sizeof(TestType)),
                                           factors.data(),
                                           x.memory.data(),
                                           {y.data(), accumulate}},
              every_schedule[1]);
      CHECK(relative_distance(from_channels_last(y, s), expected) < kernel_tolerance<TestType>);
    }
}
