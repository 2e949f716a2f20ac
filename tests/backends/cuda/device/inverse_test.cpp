// SPDX-License-Identifier: MIT
/// Operators and methods of inverse problems on device states against those on the host.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <scoresde/cuda/device_operator.hpp>
#include <scoresde/cuda/device_state.hpp>
#include <scoresde/scoresde.hpp>

#include "backends/cuda/device/isotropic_score.hpp"
#include "support/catch.hpp"
#include "support/shared_context.hpp"

using namespace scoresde;
using Catch::Matchers::Contains;
using cuda::DeviceOperator;
using cuda::DeviceState;
using scoresde::test::context;

namespace {

template <class T>
HostState<T> normals(Extents shape, std::uint64_t index) {
  HostState<T> x(shape);
  assign(x, {}, {1, Noise{.seed = 6}.draw(index)});
  return x;
}

template <class T>
double largest_difference(const HostState<T>& a, const HostState<T>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(double(a.data()[i]) - double(b.data()[i])));
  return largest;
}

/// All maps of an operator on the device and on the host.
template <class T, class A>
void check_maps(const A& op, double tolerance) {
  const DeviceOperator device(context(), op);
  static_assert(SpectralOperator<DeviceOperator<A>, DeviceState<T>>);
  static_assert(DeviceOperator<A>::orthonormal_rows == A::orthonormal_rows);
  const std::size_t rows = op.rows(), columns = op.columns();
  CHECK(device.rows() == rows);
  CHECK(device.columns() == columns);
  CHECK(std::equal(op.singular_values().begin(), op.singular_values().end(),
                   device.singular_values().begin(), device.singular_values().end()));
  const auto check = [&](std::size_t in, std::size_t out, auto host_map, auto device_map) {
    const HostState<T> x = normals<T>({3, in}, 1);
    HostState<T> wanted({3, out});
    host_map(x, wanted);
    const DeviceState<T> there(context(), x);
    DeviceState<T> found(context(), {3, out});
    device_map(there, found);
    CHECK(largest_difference(cuda::to_host(found), wanted) <= tolerance);
  };
#define SCORESDE_CHECK_MAP(in, out, map)                      \
  check(                                                      \
      in, out, [&](const auto& x, auto& y) { op.map(x, y); }, \
      [&](const auto& x, auto& y) { device.map(x, y); })
  SCORESDE_CHECK_MAP(columns, rows, apply);
  SCORESDE_CHECK_MAP(rows, columns, adjoint);
  SCORESDE_CHECK_MAP(rows, columns, pseudo_inverse);
  SCORESDE_CHECK_MAP(rows, rows, left_coordinates);
  SCORESDE_CHECK_MAP(columns, rows, right_coordinates);
  SCORESDE_CHECK_MAP(rows, columns, from_right_coordinates);
#undef SCORESDE_CHECK_MAP
}

/// The score of N(0, v·I) with its vjp.
struct Model : IsotropicScore<VpSde> {
  template <class X>
  void vjp(const X&, double t, const X& v, X& out) const {
    assign(out, {{factor(t), v}});
  }
};

const VpSde sde;
const ImageShape image{3, 4, 4};
constexpr Noise noise{.seed = 5, .first_sample = 3};
constexpr std::size_t samples = 6;

/// run(model, problem, x) on the host and on the device.
template <class A, class Run>
void check_method(const A& op, double noise_std, const Run& run) {
  HostState<double> y({samples, op.rows()}), x({samples, op.columns()});
  const auto row = normals<double>({1, op.rows()}, 2);  // the same for all, as particles share it
  for (std::size_t k = 0; k < samples; ++k) std::copy_n(row.data(), op.rows(), y[k].data());
  assign(x, {}, {0.4, Noise{.seed = 8}.draw(0)});
  DeviceState<double> there(context(), x);
  Model model{{sde, 0.5}};
  run(model, LinearProblem(op, y, noise_std), x);
  const DeviceOperator on_device(context(), op);
  const DeviceState<double> measured(context(), y);
  run(model, LinearProblem(on_device, measured, noise_std), there);
  const auto found = cuda::to_host(there);
  CHECK(largest_difference(found, x) < 1e-9);
  for (const double value : x.span()) REQUIRE(std::isfinite(value));
}

/// Ancestral sampling with a constraint make(problem).
template <class Make>
auto constrained(const Make& make) {
  return [make](auto& model, const auto& problem, auto& x) {
    PredictorCorrector{sde, Ancestral{}, uniform_grid(sde, 6)}.sample(model, x, noise, NoObserver{},
                                                                      make(problem));
  };
}

}  // namespace

TEMPLATE_TEST_CASE("operators on the device have the maps of the host's", "", float, double) {
  const double rounding = sizeof(TestType) == 4 ? 3e-6 : 1e-13;
  check_maps<TestType>(Mask(std::vector<int>{1, 0, 0, 1, 1, 0, 1}), 0);
  check_maps<TestType>(Gray(image), rounding);
  check_maps<TestType>(BlockMean(image, 2), rounding);
  check_maps<TestType>(Blur({2, 5, 6}, {0.2, 0.6, 0.2}), 30 * rounding);
  check_maps<TestType>(RandomProjection(5, 40, 3), rounding);
  check_maps<TestType>(DenseOperator({1, 0.5, 0, 0.25, 0, 0.5, -1, 0.5}, 2, 4), rounding);
}

TEST_CASE("methods of inverse problems on device states equal the host's") {
  const Gray gray(image);
  const BlockMean mean(image, 2);
  SECTION("known measurement") {
    check_method(gray, 0, constrained([](const auto& problem) {
                   return KnownMeasurement(sde, problem.op(), problem.measurement());
                 }));
  }
  SECTION("DPS") {
    check_method(mean, 0.1,
                 constrained([](const auto& problem) { return Dps(sde, problem, 0.3); }));
  }
  SECTION("MCG") {
    check_method(mean, 0, constrained([](const auto& problem) { return Mcg(sde, problem, 0.3); }));
  }
  SECTION("adaptive PiGDM") {
    check_method(mean, 0.1,
                 constrained([](const auto& problem) { return AdaptivePiGdm(sde, problem); }));
  }
  SECTION("PiGDM") {
    check_method(mean, 0.1, [](auto& model, const auto& problem, auto& x) {
      auto posterior = pigdm(model, sde, problem);
      ProbabilityFlow{sde, Heun{}, uniform_grid(sde, 6)}.sample(posterior, x, noise);
    });
  }
  SECTION("PiGDM with the covariance of the score") {
    check_method(gray, 0.1, [](auto& model, const auto& problem, auto& x) {
      auto posterior = tweedie_pigdm(model, sde, problem);
      PredictorCorrector{sde, Ancestral{}, uniform_grid(sde, 6)}.sample(posterior, x, noise);
    });
  }
  SECTION("DDRM") {
    check_method(mean, 0.1, [](auto& model, const auto& problem, auto& x) {
      Ddrm(sde, uniform_grid(sde, 6)).sample(model, problem, x, noise);
    });
  }
  SECTION("twisted SMC, which resamples") {
    std::vector<TwistedSmcResult> results;
    check_method(mean, 0.3, [&](auto& model, const auto& problem, auto& x) {
      results.push_back(TwistedSmc(sde, uniform_grid(sde, 6), {.particles = 3, .resample_below = 1})
                            .sample(model, problem, x, noise));
    });
    REQUIRE(results.size() == 2);
    CHECK(results[0].resamplings > 2);
    CHECK(results[1].resamplings == results[0].resamplings);
    for (std::size_t k = 0; k < samples; ++k)
      CHECK(results[1].weights[k] == Approx(results[0].weights[k]).epsilon(1e-9));
  }
  SECTION("SDEdit") {
    check_method(gray, 0, [](auto& model, const auto&, auto& x) {
      sdedit(PredictorCorrector{sde, Ancestral{}, uniform_grid(0.5, 1e-3, 6)}, model, x, noise);
    });
  }
}

TEST_CASE("a blurred image is restored on the device") {
  const cuda::Context& gpu = context();
  const Blur blur(image, {0.25, 0.5, 0.25});
  HostState<double> data = normals<double>({2, image.size()}, 3), measured({2, blur.rows()});
  assign(data, {{0.5, data}});
  blur.apply(data, measured);
  const DeviceState<double> y(gpu, measured);
  DeviceState<double> x(gpu, {2, image.size()});
  Model model{{sde, 0.25}};
  //! [device_operator]
  const cuda::DeviceOperator there(gpu, blur);  // its maps, as sparse matrices
  const LinearProblem problem(there, y, 0.1);   // y and x are states of the device
  auto posterior = pigdm(model, sde, problem);
  PredictorCorrector{sde, Ancestral{}, uniform_grid(sde, 6)}.sample(posterior, x, noise);
  //! [device_operator]
  HostState<double> again({2, blur.rows()});
  blur.apply(cuda::to_host(x), again);
  CHECK(largest_difference(again, measured) < 0.6);
}

TEST_CASE("operators and forms on the device reject states of other shapes and contexts") {
  const DeviceOperator op(context(), Gray(image));
  DeviceState<double> x(context(), {2, 48}), y(context(), {2, 16}), other(context(), {3, 16});
  CHECK_THROWS_WITH(op.apply(y, x),
                    Contains("from 2 samples of dimension 16 to 2 of dimension 48"));
  CHECK_THROWS_WITH(op.apply(x, other), Contains("from 2 samples") && Contains("to 3"));
  const cuda::Context separate;
  DeviceState<double> apart(separate, {2, 16});
  CHECK_THROWS_WITH(op.apply(x, apart), Contains("another context"));
  const std::vector<double> ones(16, 1), few(15, 1);
  CHECK_THROWS_WITH(assign_by_element(y, {{few, y}}), Contains("15 coefficients"));
  CHECK_THROWS_WITH(assign_by_element(y, {{ones, apart}}), Contains("contexts"));
  CHECK_THROWS_WITH(assign_by_element(y, {}), Contains("0 terms"));
  const std::vector<std::uint32_t> rows{0, 2};
  CHECK_THROWS_WITH(select_samples(y, apart, std::span<const std::uint32_t>(rows)),
                    Contains("a row is 2"));
}
