// SPDX-License-Identifier: MIT
/// HostState: plain memory, and the backend whose plain lines define what Backend means.
///
/// The arithmetic of assign is fixed: acc ← c·z (0 without noise), then acc ← fma(cⱼ, xⱼ, acc) in
/// the order of the terms, coefficients rounded once to T. Reductions are summed in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <scoresde/state/backend.hpp>
#include <scoresde/state/host_elementwise.hpp>

namespace scoresde {

/// A batch of points in one std::vector, element e of sample k at k·dim + e.
template <class T>
class HostState {
 public:
  using Scalar = T;

  HostState() = default;
  explicit HostState(Extents extents) : extents_(extents), values_(extents.size()) {}
  /// Throws Error unless there is one value per element.
  HostState(Extents extents, std::vector<T> values)
      : extents_(extents), values_(std::move(values)) {
    detail::require(values_.size() == extents.size(), "host state: ", values_.size(),
                    " values given for ", extents.samples, " samples of dimension ", extents.dim);
  }

  [[nodiscard]] Extents extents() const { return extents_; }
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] T& operator()(std::size_t k, std::size_t e) {
    return values_[k * extents_.dim + e];
  }
  [[nodiscard]] T operator()(std::size_t k, std::size_t e) const {
    return values_[k * extents_.dim + e];
  }
  /// Sample k.
  [[nodiscard]] std::span<T> operator[](std::size_t k) {
    return {data() + k * extents_.dim, extents_.dim};
  }
  [[nodiscard]] std::span<const T> operator[](std::size_t k) const {
    return {data() + k * extents_.dim, extents_.dim};
  }

 private:
  Extents extents_;
  std::vector<T> values_;
};

template <class T>
struct HostBackend {
  using State = HostState<T>;

  [[nodiscard]] Extents extents(const State& x) const { return x.extents(); }
  [[nodiscard]] State make_like(const State& x) const { return State(x.extents()); }

  void assign(State& out, std::span<const Term<State>> terms, NoiseTerm noise) const {
    check(out, terms);
    for (std::size_t k = 0; k < out.extents().samples; ++k)
      combine(
          out, k, terms, [&](std::size_t j) { return terms[j].coefficient; }, noise.coefficient,
          noise.draw);
  }

  void assign(State& out, std::span<const SampleTerm<State>> terms, SampleNoise noise) const {
    check(out, terms);
    for (std::size_t k = 0; k < out.extents().samples; ++k)
      combine(
          out, k, terms, [&](std::size_t j) { return terms[j].coefficients[k]; },
          noise.coefficients.empty() ? 0.0 : noise.coefficients[k], noise.draw);
  }

  void norms(std::span<const Term<State>> terms, std::span<double> per_sample) const {
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      const std::size_t dim = terms.empty() ? 0 : terms[0].state->extents().dim;
      double sum = 0;
      for (std::size_t e = 0; e < dim; ++e) {
        double value = 0;
        for (const auto& [c, x] : terms)
          if (c != 0) value += c * static_cast<double>((*x)(k, e));
        sum += value * value;
      }
      per_sample[k] = std::sqrt(sum);
    }
  }

  void norms(NoiseDraw draw, const State& x, std::span<double> per_sample) const {
    for (std::size_t k = 0; k < x.extents().samples; ++k) {
      double sum = 0;
      float z[tile];
      for (std::size_t begin = 0; begin < x.extents().dim; begin += tile) {
        const std::size_t count = std::min(tile, x.extents().dim - begin);
        fill_normal({z, count}, draw, k, begin);
        for (std::size_t i = 0; i < count; ++i)
          sum += static_cast<double>(z[i]) * static_cast<double>(z[i]);
      }
      per_sample[k] = std::sqrt(sum);
    }
  }

  void scaled_rms(const State& error, const State& x, const State& y, double atol, double rtol,
                  std::span<double> per_sample) const {
    const auto [samples, dim] = x.extents();
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0;
      for (std::size_t e = 0; e < dim; ++e) {
        const auto size = static_cast<double>(std::max(std::abs(x(k, e)), std::abs(y(k, e))));
        const double ratio = static_cast<double>(error(k, e)) / (atol + rtol * size);
        sum += ratio * ratio;
      }
      per_sample[k] = std::sqrt(sum / static_cast<double>(dim));
    }
  }

  void inner(const State& x, const State& y, std::span<double> per_sample) const {
    const auto [samples, dim] = x.extents();
    for (std::size_t k = 0; k < samples; ++k) {
      double sum = 0;
      for (std::size_t e = 0; e < dim; ++e)
        sum += static_cast<double>(x(k, e)) * static_cast<double>(y(k, e));
      per_sample[k] = sum;
    }
  }

  /// out[k, e] ← f({k, e}, inputs[k, e]…), each input a state or a NoiseDraw
  /// (state/elementwise.hpp).
  template <class F, class... In>
  void transform(State& out, F f, const In&... in) const {
    [[maybe_unused]] const auto shape_of = [](const State& x) { return x.extents(); };
    detail::transform_tiles(out.data(), out.extents(), f,
                            detail::element_input<T>(in, out.extents(), shape_of)...);
  }

  void absolute_quantile(const State& x, double q, std::span<double> per_sample) const {
    detail::absolute_quantiles(x.data(), x.extents(), q, per_sample);
  }

 private:
  static constexpr std::size_t tile = 256;

  static void check(const State& out, const auto& terms) {
    for (const auto& term : terms)
      detail::require(term.state->extents() == out.extents(), "assign: a term has ",
                      term.state->extents().samples, " samples of dimension ",
                      term.state->extents().dim, " and the result ", out.extents().samples, " of ",
                      out.extents().dim);
  }

  static void combine(State& out, std::size_t k, const auto& terms, const auto& coefficient,
                      double noise, NoiseDraw draw) {
    const std::size_t dim = out.extents().dim;
    float z[tile];
    T acc[tile];
    for (std::size_t begin = 0; begin < dim; begin += tile) {
      const std::size_t count = std::min(tile, dim - begin);
      if (noise != 0) {
        fill_normal({z, count}, draw, k, begin);
        for (std::size_t i = 0; i < count; ++i)
          acc[i] = static_cast<T>(noise) * static_cast<T>(z[i]);
      } else {
        std::fill_n(acc, count, T(0));
      }
      for (std::size_t j = 0; j < terms.size(); ++j) {
        const auto c = static_cast<T>(coefficient(j));
        const T* x = terms[j].state->data() + k * dim + begin;
        if (coefficient(j) == 0) continue;
        for (std::size_t i = 0; i < count; ++i) acc[i] = std::fma(c, x[i], acc[i]);
      }
      std::copy_n(acc, count, out.data() + k * dim + begin);
    }
  }
};

template <class T>
struct backend_of<HostState<T>> {
  static HostBackend<T> of(const HostState<T>&) { return {}; }
};

static_assert(State<HostState<float>> && State<HostState<double>>);
static_assert(ElementwiseState<HostState<float>> && QuantileState<HostState<float>>);

}  // namespace scoresde
