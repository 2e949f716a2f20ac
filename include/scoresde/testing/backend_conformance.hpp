// SPDX-License-Identifier: MIT
/// Checks a backend against the requirements of state/backend.hpp; returns its violations as text.
///
///   for (const Extents shape : testing::awkward_extents)
///     for (const std::string& violation : testing::check_backend(my_state(shape))) …
///
/// Linear forms are compared with sums in double, within bounds derived from the rounding unit of
/// the state (testing/backend_probe.hpp); noise must be bit-identical to the published stream. The
/// operations of state/elementwise.hpp are checked if the backend provides them. Requires no test
/// framework.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <scoresde/state/backend.hpp>
#include <scoresde/state/elementwise.hpp>
#include <scoresde/testing/backend_probe.hpp>

namespace scoresde::testing {

/// Shapes that tend to reveal errors: one sample and many, dimensions that are not a multiple of 4,
/// of a tile (256) or of a vector.
inline constexpr std::array<Extents, 9> awkward_extents{
    {{1, 1}, {1, 3}, {5, 2}, {3, 7}, {2, 64}, {3, 255}, {2, 257}, {1, 1030}, {1000, 2}}};

namespace detail {

using scoresde::text;

inline constexpr NoiseDraw probe_draw = Noise{.seed = 3, .first_sample = 2}.draw(11);

template <class X>
void assign(X& out, const BackendCase<X>& c, double noise) {
  const auto terms = c.terms();
  backend(out).assign(out, std::span<const Term<X>>(terms), NoiseTerm{noise, probe_draw});
}

template <class X>
void assign(X& out, const BackendCase<X>& c, std::span<const double> scale, double noise) {
  const auto rows = c.rows(scale);
  const auto terms = c.terms(rows);
  std::vector<double> noises;
  for (const double s : scale)
    if (noise != 0) noises.push_back(noise * s);
  backend(out).assign(out, std::span<const SampleTerm<X>>(terms), SampleNoise{noises, probe_draw});
}

/// make_like, and that values written can be read.
template <class X, class W, class R>
void check_memory(BackendProbe<X, W, R>& probe) {
  const auto first = probe.values(100), second = probe.values(101);
  if (probe.unit() > 0.01) return probe.complain("values read differ from those written");
  X a = probe.state(first);
  if (extents(a) != probe.shape()) return probe.complain("make_like returns different extents");
  X b = backend(a).make_like(a);
  probe.write(second, b);
  probe.compare("a state whose like was made and written to", probe.read_back(a), first,
                [&](std::size_t i) { return probe.unit() * std::abs(first[i]); });
  probe.compare("a state made by make_like and written to", probe.read_back(b), second,
                [&](std::size_t i) { return probe.unit() * std::abs(second[i]); });
}

/// Coefficient 1 and no terms give the stream itself, bit-identical if a state can hold a float.
template <class X, class W, class R>
void check_noise_bits(BackendProbe<X, W, R>& probe) {
  const std::array draws{Noise{.seed = 1}.draw(0), Noise{.seed = 0x123456789abcdef0}.draw(3),
                         Noise{.seed = 5, .first_sample = 17}.draw(1),
                         Noise{.seed = 5, .purpose = Purpose::probe}.draw(1ull << 40)};
  for (const NoiseDraw draw : draws) {
    X out = probe.filled(probe.nan);
    backend(out).assign(out, std::span<const Term<X>>(), NoiseTerm{1, draw});
    const auto z = probe.normals(draw);
    const double relative = probe.unit() <= 0x1p-24 ? 0 : probe.unit();
    probe.compare(text("noise of seed ", draw.seed, ", draw ", draw.index, ", first sample ",
                       draw.first_sample),
                  probe.read_back(out), z,
                  [&](std::size_t i) { return relative * std::abs(z[i]); });
  }
}

/// 0 … 8 terms, with and without noise, with batch and per-sample coefficients; the output holds
/// NaN beforehand, so accumulating into it is detected.
template <class X, class W, class R>
void check_assign(BackendProbe<X, W, R>& probe) {
  const std::vector<double> ones(probe.shape().samples, 1.0);
  for (std::size_t n = 0; n <= max_terms; ++n)
    for (const double noise : {0.0, -0.7}) {
      const BackendCase<X> c = probe.make_case(n);
      const std::string what = text("assign of ", n, " terms", noise != 0 ? " and noise" : "");
      X out = probe.filled(probe.nan);
      assign(out, c, noise);
      probe.judge(what, out, c, ones, noise, probe_draw);
      out = probe.filled(probe.nan);
      assign(out, c, probe.scales(), noise);
      probe.judge(what + " per sample", out, c, probe.scales(), noise, probe_draw);
      for (std::size_t j = 0; j < n; ++j)
        if (probe.read_back(c.state[j]) != c.value[j])
          probe.complain(what, ": term ", j, " was modified");
    }
}

/// The output aliases one of the terms, or all of them.
template <class X, class W, class R>
void check_aliasing(BackendProbe<X, W, R>& probe) {
  const std::vector<double> ones(probe.shape().samples, 1.0);
  for (const std::size_t n : {std::size_t{1}, std::size_t{3}, max_terms})
    for (std::size_t alias = 0; alias < n; ++alias)
      for (const double noise : {0.0, 0.5}) {
        BackendCase<X> c = probe.make_case(n);
        const std::string what = text("assign of ", n, " terms onto term ", alias);
        assign(c.state[alias], c, noise);
        probe.judge(what, c.state[alias], c, ones, noise, probe_draw);
        probe.write(c.value[alias], c.state[alias]);
        assign(c.state[alias], c, ones, noise);
        probe.judge(what + " per sample", c.state[alias], c, ones, noise, probe_draw);
      }
  BackendCase<X> c = probe.make_case(1);
  const std::array<Term<X>, 2> twice{Term<X>{1.5, &c.state[0]}, {-0.25, &c.state[0]}};
  backend(c.state[0]).assign(c.state[0], std::span<const Term<X>>(twice), NoiseTerm{});
  c.coefficient[0] = 1.25;
  probe.judge("assign of a state twice onto itself", c.state[0], c, ones, 0, probe_draw);
}

/// A term with coefficient 0 holds NaN and must not be read: for the batch, for some samples, and
/// in norms.
template <class X, class W, class R>
void check_zero_coefficients(BackendProbe<X, W, R>& probe) {
  const auto [samples, dim] = probe.shape();
  const std::vector<double> ones(samples, 1.0);
  for (std::size_t at = 0; at < 3; ++at) {
    BackendCase<X> c = probe.make_case(3);
    c.state[at] = probe.filled(probe.nan);
    c.coefficient[at] = 0;
    const std::string what = text("a term with coefficient 0, number ", at);
    X out = probe.filled(probe.nan);
    assign(out, c, 0.3);
    probe.judge(what, out, c, ones, 0.3, probe_draw);
    std::vector<double> found(samples);
    const auto terms = c.terms();
    backend(out).norms(std::span<const Term<X>>(terms), std::span<double>(found));
    for (const double norm : found)
      if (!std::isfinite(norm)) return probe.complain(what, ": norms reads the term");
    auto rows = c.rows(ones);
    for (std::size_t k = 1; k < samples; k += 2) rows[at][k] = 0.5;
    std::vector<double> odd(samples * dim, probe.nan);
    for (std::size_t i = 0; i < odd.size(); ++i)
      if ((i / dim) % 2 == 1) odd[i] = 0;
    probe.write(odd, c.state[at]);
    const auto sample_terms = c.terms(rows);
    backend(out).assign(out, std::span<const SampleTerm<X>>(sample_terms),
                        SampleNoise{ones, probe_draw});
    probe.judge(what + " for some samples", out, c, ones, 1, probe_draw);
  }
}

/// ‖Σ cⱼxⱼ[k]‖ and ‖z[k]‖.
template <class X, class W, class R>
void check_norms(BackendProbe<X, W, R>& probe) {
  const auto [samples, dim] = probe.shape();
  const double unit = probe.unit() + 0x1p-53;
  const double summing = static_cast<double>(dim + 8) * unit;
  std::vector<double> found(samples), wanted(samples), error(samples);
  for (std::size_t n = 1; n <= max_terms; ++n) {
    const BackendCase<X> c = probe.make_case(n);
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0, sizes = 0;
      for (std::size_t i = k * dim; i < (k + 1) * dim; ++i) {
        double value = 0, size = 0;
        for (std::size_t j = 0; j < n; ++j) {
          value += c.coefficient[j] * c.value[j][i];
          size += std::abs(c.coefficient[j] * c.value[j][i]);
        }
        sum += value * value;
        sizes += size * size;
      }
      wanted[k] = std::sqrt(sum);
      error[k] = static_cast<double>(n + 4) * unit * std::sqrt(sizes) + summing * wanted[k];
    }
    const auto terms = c.terms();
    backend(probe.model()).norms(std::span<const Term<X>>(terms), std::span<double>(found));
    probe.compare(text("norms of ", n, " terms"), found, wanted,
                  [&](std::size_t k) { return error[k]; });
  }
  const auto z = probe.normals(probe_draw);
  for (std::size_t k = 0; k < samples; ++k) {
    double sum = 0;
    for (std::size_t e = 0; e < dim; ++e) sum += z[k * dim + e] * z[k * dim + e];
    wanted[k] = std::sqrt(sum);
  }
  backend(probe.model()).norms(probe_draw, probe.model(), std::span<double>(found));
  probe.compare("norms of a draw", found, wanted,
                [&](std::size_t k) { return summing * wanted[k]; });
}

/// The error norm of adaptive steps, and the inner product.
template <class X, class W, class R>
void check_pairs(BackendProbe<X, W, R>& probe) {
  constexpr double atol = 1e-3, rtol = 1e-2;
  const auto [samples, dim] = probe.shape();
  const BackendCase<X> c = probe.make_case(3);
  const double unit = static_cast<double>(dim + 8) * (probe.unit() + 0x1p-53);
  std::vector<double> found(samples), rms(samples), inner(samples), size(samples);
  for (std::size_t k = 0; k < samples; ++k) {
    double sum = 0;
    for (std::size_t i = k * dim; i < (k + 1) * dim; ++i) {
      const double x = c.value[1][i], y = c.value[2][i];
      const double ratio = c.value[0][i] / (atol + rtol * std::fmax(std::abs(x), std::abs(y)));
      sum += ratio * ratio;
      inner[k] += x * y;
      size[k] += std::abs(x * y);
    }
    rms[k] = std::sqrt(sum / static_cast<double>(dim));
  }
  const auto b = backend(probe.model());
  b.scaled_rms(c.state[0], c.state[1], c.state[2], atol, rtol, std::span<double>(found));
  probe.compare("scaled_rms", found, rms, [&](std::size_t k) { return unit * rms[k]; });
  b.inner(c.state[1], c.state[2], std::span<double>(found));
  probe.compare("inner", found, inner, [&](std::size_t k) { return unit * size[k]; });
}

/// Repeated calls are bit-identical.
template <class X, class W, class R>
void check_repetition(BackendProbe<X, W, R>& probe) {
  const BackendCase<X> c = probe.make_case(2);
  X a = probe.filled(0), b = probe.filled(1);
  assign(a, c, 0.4);
  assign(b, c, 0.4);
  if (probe.read_back(a) != probe.read_back(b))
    probe.complain("assign is not bit-identical when repeated");
  std::vector<double> first(probe.shape().samples), second(first);
  const auto terms = c.terms();
  backend(a).norms(std::span<const Term<X>>(terms), std::span<double>(first));
  backend(a).norms(std::span<const Term<X>>(terms), std::span<double>(second));
  if (first != second) probe.complain("norms is not bit-identical when repeated");
}

/// transform: the index, the order of the inputs, bit-identical draws, and aliasing.
template <class X, class W, class R>
void check_transform(BackendProbe<X, W, R>& probe) {
  const std::size_t dim = probe.shape().dim;
  const BackendCase<X> c = probe.make_case(2);
  const auto z = probe.normals(probe_draw);
  const auto value = [](double x, double y, double noise) { return x - 0.5 * y + x * y * noise; };
  std::vector<double> index(z.size()), wanted(z.size()), size(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double x = c.value[0][i], y = c.value[1][i];
    index[i] = static_cast<double>(i / dim) + static_cast<double>(i % dim) / 2048;
    wanted[i] = value(x, y, z[i]);
    size[i] = std::abs(x) + 0.5 * std::abs(y) + std::abs(x * y * z[i]);
  }
  const auto b = backend(probe.model());
  X out = probe.filled(probe.nan);
  const auto name = [](ElementIndex at, auto) {
    return static_cast<double>(at.sample) + static_cast<double>(at.element) / 2048;
  };
  b.transform(out, name, c.state[0]);
  const double unit = 8 * (probe.unit() + 0x1p-53);
  probe.compare("transform by the index", probe.read_back(out), index,
                [&](std::size_t i) { return unit * index[i]; });
  b.transform(
      out, [](ElementIndex, double noise) { return noise; }, probe_draw);
  const double relative = probe.unit() <= 0x1p-24 ? 0 : probe.unit();
  probe.compare("transform of a draw", probe.read_back(out), z,
                [&](std::size_t i) { return relative * std::abs(z[i]); });
  const auto f = [=](ElementIndex, double x, double noise, double y) { return value(x, y, noise); };
  const auto bound = [&](std::size_t i) { return unit * size[i]; };
  b.transform(out, f, c.state[0], probe_draw, c.state[1]);
  probe.compare("transform of two states and a draw", probe.read_back(out), wanted, bound);
  for (std::size_t j = 0; j < 2; ++j)
    if (probe.read_back(c.state[j]) != c.value[j])
      probe.complain("transform: input ", j, " was modified");
  for (std::size_t j = 0; j < 2; ++j) {
    BackendCase<X> alias = probe.make_case(2);
    b.transform(alias.state[j], f, alias.state[0], probe_draw, alias.state[1]);
    probe.compare(text("transform onto input ", j), probe.read_back(alias.state[j]), wanted, bound);
  }
}

/// absolute_quantile against the sorted sample, and that it propagates NaN.
template <class X, class W, class R>
void check_quantile(BackendProbe<X, W, R>& probe) {
  const auto [samples, dim] = probe.shape();
  BackendCase<X> c = probe.make_case(1);
  const auto b = backend(probe.model());
  std::vector<double> found(samples), wanted(samples), sorted(dim);
  for (const double q : {0.0, 1.0 / 3, 0.5, 0.995, 1.0}) {
    for (std::size_t k = 0; k < samples; ++k) {
      for (std::size_t e = 0; e < dim; ++e) sorted[e] = std::abs(c.value[0][k * dim + e]);
      std::sort(sorted.begin(), sorted.end());
      const double rank = q * static_cast<double>(dim - 1);
      const auto low = static_cast<std::size_t>(rank);
      wanted[k] = std::lerp(sorted[low], sorted[std::min(low + 1, dim - 1)],
                            rank - static_cast<double>(low));
    }
    b.absolute_quantile(c.state[0], q, std::span<double>(found));
    probe.compare(text("absolute_quantile ", q), found, wanted,
                  [&](std::size_t k) { return 8 * (probe.unit() + 0x1p-53) * wanted[k]; });
  }
  c.value[0][0] = probe.nan;
  probe.write(c.value[0], c.state[0]);
  b.absolute_quantile(c.state[0], 0, std::span<double>(found));
  if (!std::isnan(found[0]))
    probe.complain("absolute_quantile of a sample with a NaN must be NaN; it is ", found[0]);
}

}  // namespace detail

/// The requirements that the backend of X violates for states like x, one sentence each; empty if
/// it conforms. write(std::span<const double>, X&) writes values to a state in the order that
/// Extents defines, and read(const X&, std::span<double>) reads them, for memory that the host
/// cannot access.
template <class X, class Write, class Read>
[[nodiscard]] std::vector<std::string> check_backend(const X& x, Write write, Read read) {
  static_assert(State<X>,
                "check_backend: this type has no Backend; specialize "
                "scoresde::backend_of with `static auto of(const X&)`");
  BackendProbe<X, Write, Read> probe(x, std::move(write), std::move(read));
  detail::check_memory(probe);
  if (probe.violations().empty()) {
    detail::check_noise_bits(probe);
    detail::check_assign(probe);
    detail::check_aliasing(probe);
    detail::check_zero_coefficients(probe);
    detail::check_norms(probe);
    detail::check_pairs(probe);
    detail::check_repetition(probe);
    if constexpr (ElementwiseState<X>) detail::check_transform(probe);
    if constexpr (QuantileState<X>) detail::check_quantile(probe);
  }
  return probe.violations();
}

/// The same for states whose data() the host can access.
template <class X>
[[nodiscard]] std::vector<std::string> check_backend(const X& x) {
  static_assert(
      requires(X & y) { *y.data(); },
      "check_backend: the state has no data(); pass functions write and read");
  using T = std::remove_cvref_t<decltype(*x.data())>;
  return check_backend(
      x,
      [](std::span<const double> values, X& y) {
        for (std::size_t i = 0; i < values.size(); ++i) y.data()[i] = static_cast<T>(values[i]);
      },
      [](const X& y, std::span<double> values) {
        for (std::size_t i = 0; i < values.size(); ++i)
          values[i] = static_cast<double>(y.data()[i]);
      });
}

}  // namespace scoresde::testing
