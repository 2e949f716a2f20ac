// SPDX-License-Identifier: MIT
/// Device states: backend conformance, bit-identity with HostState, and sums in double.
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <scoresde/cuda/device_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>

#include "noise/noise_hash.hpp"
#include "support/catch.hpp"
#include "support/shared_context.hpp"

namespace {

using namespace scoresde;
using cuda::Context;
using cuda::DeviceState;
using scoresde::test::context;

template <class T>
std::vector<T> elements(const DeviceState<T>& x) {
  std::vector<T> values(x.size());
  x.read(values);
  return values;
}
template <class T>
std::vector<T> elements(const HostState<T>& x) {
  return {x.data(), x.data() + x.size()};
}

/// Compares bits: 0 and −0 differ, NaNs with equal bits do not.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](T left, T right) {
    return std::bit_cast<Bits>(left) == std::bit_cast<Bits>(right);
  });
}

/// The same linear combination on the host and on the device: up to eight terms, with shared or
/// per-sample coefficients, some of them 0.
template <class T>
struct Twins {
  std::vector<HostState<T>> host;
  std::vector<DeviceState<T>> device;
  std::vector<double> coefficient;
  std::vector<std::vector<double>> rows;
  std::vector<double> noise_row;

  Twins(Extents shape, std::size_t terms) : noise_row(shape.samples) {
    for (std::size_t j = 0; j < terms; ++j) {
      HostState<T>& x = host.emplace_back(shape);
      const NoiseDraw values = Noise{.seed = 11, .purpose = Purpose::data}.draw(j);
      for (std::size_t k = 0; k < shape.samples; ++k)
        for (std::size_t e = 0; e < shape.dim; ++e)
          x(k, e) = static_cast<T>(3 * uniform(values, k, e) - 1.5);
      device.emplace_back(context(), x);
      coefficient.push_back(j == 2 ? 0.0 : 0.7 - 0.31 * static_cast<double>(j));
      auto& row = rows.emplace_back(shape.samples);
      for (std::size_t k = 0; k < shape.samples; ++k)
        row[k] = (j + k) % 4 == 3 ? 0.0 : std::sin(1.0 + static_cast<double>(j * 5 + k));
    }
    for (std::size_t k = 0; k < shape.samples; ++k)
      noise_row[k] = k % 3 == 1 ? 0.0 : 1e-3 + std::cos(static_cast<double>(k));
  }

  template <class X>
  std::vector<Term<X>> terms(const std::vector<X>& states) const {
    std::vector<Term<X>> list;
    for (std::size_t j = 0; j < states.size(); ++j) list.push_back({coefficient[j], &states[j]});
    return list;
  }
  template <class X>
  std::vector<SampleTerm<X>> sample_terms(const std::vector<X>& states) const {
    std::vector<SampleTerm<X>> list;
    for (std::size_t j = 0; j < states.size(); ++j) list.push_back({rows[j], &states[j]});
    return list;
  }
};

constexpr NoiseDraw draw = Noise{.seed = 0x9876543210abcdef, .first_sample = 4000000000u}.draw(77);

template <class X, class T>
void assign_all(X& out, const std::vector<X>& states, const Twins<T>& twins, double noise,
                bool per_sample) {
  if (per_sample) {
    const auto terms = twins.sample_terms(states);
    const SampleNoise z{
        noise != 0 ? std::span<const double>(twins.noise_row) : std::span<const double>(), draw};
    backend(out).assign(out, std::span<const SampleTerm<X>>(terms), z);
  } else {
    const auto terms = twins.terms(states);
    backend(out).assign(out, std::span<const Term<X>>(terms), NoiseTerm{noise, draw});
  }
}

const std::vector<Extents> shapes{{1, 1}, {3, 7}, {5, 4}, {2, 64}, {3, 255}, {2, 1030}};

}  // namespace

TEMPLATE_TEST_CASE("a device state satisfies the backend requirements", "", float, double) {
  for (const Extents shape : testing::awkward_extents) {
    const auto violations = testing::check_backend(
        DeviceState<TestType>(context(), shape),
        [](std::span<const double> values, DeviceState<TestType>& x) {
          x.write(std::vector<TestType>(values.begin(), values.end()));
        },
        [](const DeviceState<TestType>& x, std::span<double> values) {
          const auto read = elements(x);
          std::copy(read.begin(), read.end(), values.begin());
        });
    for (const std::string& violation : violations) FAIL_CHECK(violation);
    CHECK(violations.empty());
  }
}

TEMPLATE_TEST_CASE("assign on a device is bit-identical to HostState", "", float, double) {
  for (const Extents shape : shapes)
    for (std::size_t terms = 0; terms <= max_terms; ++terms)
      for (const double noise : {0.0, -0.37})
        for (const bool per_sample : {false, true}) {
          Twins<TestType> twins(shape, terms);
          HostState<TestType> wanted(shape);
          DeviceState<TestType> found(context(), shape);
          assign_all(wanted, twins.host, twins, noise, per_sample);
          assign_all(found, twins.device, twins, noise, per_sample);
          INFO(shape.samples << " x " << shape.dim << ", " << terms << " terms, noise " << noise
                             << (per_sample ? ", per sample" : ""));
          CHECK(same_bits(elements(found), elements(wanted)));
          for (std::size_t j = 0; j < terms; ++j) {
            assign_all(twins.device[j], twins.device, twins, noise, per_sample);
            CHECK(same_bits(elements(twins.device[j]), elements(wanted)));
            twins.device[j].write(elements(twins.host[j]));
          }
        }
}

TEMPLATE_TEST_CASE(
    "coefficients are rounded once, and a coefficient that rounds to 0 is still a term", "", float,
    double) {
  const Extents shape{2, 5};
  const Twins<TestType> twins(shape, 2);
  for (const double c : {1e-60, 0.1, 1 / 3.0, 1e-42}) {
    HostState<TestType> wanted(shape);
    DeviceState<TestType> found(context(), shape);
    const auto combine = [&](auto& out, const auto& states) {
      using X = std::remove_reference_t<decltype(out)>;
      const std::array<Term<X>, 2> terms{Term<X>{c, &states[0]}, {1.0, &states[1]}};
      backend(out).assign(out, std::span<const Term<X>>(terms), NoiseTerm{c, draw});
    };
    combine(wanted, twins.host);
    combine(found, twins.device);
    CHECK(same_bits(elements(found), elements(wanted)));
  }
}

TEST_CASE("noise on a device has the published hash") {
  constexpr std::size_t samples = 256, dim = 4096;
  DeviceState<float> z(context(), {samples, dim});
  backend(z).assign(z, std::span<const Term<DeviceState<float>>>(),
                    NoiseTerm{1, Noise{.seed = 2021}.draw(1)});
  CHECK(testing::hash_bits(14695981039346656037u, elements(z)) == testing::published_noise_hash);
}

TEMPLATE_TEST_CASE("reductions match HostState to 1e-12, for one chunk and many", "", float,
                   double) {
  for (const Extents shape : {Extents{1, 1}, {3, 7}, {4, 3072}, {1, 8192}, {2, 8193}, {1, 40001}}) {
    Twins<TestType> twins(shape, 3);
    twins.coefficient[2] = -1.25;
    const auto& [host, device] = std::tie(twins.host, twins.device);
    std::vector<double> wanted(shape.samples), found(shape.samples), again(shape.samples);
    const auto host_backend = backend(host[0]);
    const auto device_backend = backend(device[0]);
    const auto compare = [&](const char* what) {
      INFO(what << " of " << shape.samples << " x " << shape.dim);
      for (std::size_t k = 0; k < shape.samples; ++k)
        CHECK(found[k] == Approx(wanted[k]).epsilon(1e-12).margin(1e-11));
      CHECK(found == again);
    };
    const auto host_terms = twins.terms(host);
    const auto device_terms = twins.terms(device);
    host_backend.norms(std::span<const Term<HostState<TestType>>>(host_terms), wanted);
    device_backend.norms(std::span<const Term<DeviceState<TestType>>>(device_terms), found);
    device_backend.norms(std::span<const Term<DeviceState<TestType>>>(device_terms), again);
    compare("norms");
    host_backend.norms(draw, host[0], wanted);
    device_backend.norms(draw, device[0], found);
    device_backend.norms(draw, device[0], again);
    compare("norms of a draw");
    host_backend.scaled_rms(host[0], host[1], host[2], 1e-3, 1e-2, wanted);
    device_backend.scaled_rms(device[0], device[1], device[2], 1e-3, 1e-2, found);
    device_backend.scaled_rms(device[0], device[1], device[2], 1e-3, 1e-2, again);
    compare("scaled_rms");
    host_backend.inner(host[0], host[1], wanted);
    device_backend.inner(device[0], device[1], found);
    device_backend.inner(device[0], device[1], again);
    compare("inner");
  }
}

TEST_CASE("sums of a sample do not depend on the batch") {
  const Extents shape{5, 9001};
  Twins<float> twins(shape, 2);
  std::vector<double> all(shape.samples), one(1);
  backend(twins.device[0]).inner(twins.device[0], twins.device[1], all);
  for (std::size_t k = 0; k < shape.samples; ++k) {
    DeviceState<float> x(context(), {1, shape.dim}), y(x);
    x.write(twins.host[0][k]);
    y.write(twins.host[1][k]);
    backend(x).inner(x, y, one);
    CHECK(one[0] == all[k]);
  }
}

TEST_CASE("device states are copied by value and read back unchanged") {
  const Twins<double> twins({3, 7}, 1);
  DeviceState<double> x(twins.device[0]), y(context(), {1, 1});
  y = x;
  std::vector<double> other(21, 2.5);
  x.write(other);
  CHECK(elements(x) == other);
  CHECK(elements(y) == elements(twins.host[0]));
  y = std::move(x);
  CHECK(elements(y) == other);
  CHECK(elements(cuda::to_host(y)) == other);
}

TEST_CASE("device states reject mismatched arguments") {
  using Catch::Contains;
  DeviceState<float> x(context(), {2, 3}), y(context(), {2, 4});
  const auto add = [&](const DeviceState<float>& term) {
    const Term<DeviceState<float>> one{1, &term};
    backend(x).assign(x, std::span<const Term<DeviceState<float>>>(&one, 1), NoiseTerm{});
  };
  CHECK_THROWS_WITH(add(y), Contains("2 samples of dimension 4"));
  const Context another;
  CHECK_THROWS_WITH(add(DeviceState<float>(another, {2, 3})), Contains("different contexts"));
  std::vector<float> seven(7);
  CHECK_THROWS_WITH(x.write(seven), Contains("7 values given"));
  CHECK_THROWS_WITH(x.read(seven), Contains("7 values given"));
  std::vector<double> row(3);
  CHECK_THROWS_WITH(backend(x).inner(x, x, row), Contains("3 numbers per sample for 2 samples"));
  CHECK_THROWS_WITH(DeviceState<float>(context(), {1ull << 31, 8}), Contains("2^32 - 1 groups"));
  // 100 GB each: more than any device has; the context must remain usable.
  std::vector<DeviceState<double>> many;
  const auto exhaust = [&] {
    while (many.size() < 8) many.emplace_back(context(), Extents{1ull << 28, 48});
  };
  CHECK_THROWS_WITH(exhaust(), Contains("bytes on device"));
  add(x);
  CHECK(elements(x).size() == 6);
}
