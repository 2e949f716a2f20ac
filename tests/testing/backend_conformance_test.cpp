// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <scoresde/state/host_state.hpp>
#include <scoresde/testing/backend_conformance.hpp>
#include <scoresde/testing/backend_probe.hpp>

#include "support/catch.hpp"

using namespace scoresde;

namespace {

/// The errors that the backend of Faulty states can have.
enum class Fault {
  none,
  adds_to_result,
  reads_zero_terms,
  writes_before_reading,
  forgets_the_eighth_term,
  rounds_coefficients_to_float,
  changes_a_term,
  ignores_first_sample,
  runs_quads_across_samples,
  ignores_the_top_of_the_draw,
  takes_the_first_coefficient_for_all,
  ignores_noise_per_sample,
  reads_zero_terms_of_samples,
  shares_memory,
  averages_norms,
  norms_read_zero_terms,
  norm_of_another_draw,
  scales_by_x_alone,
  sums_instead_of_mean,
  inner_over_the_batch,
  forgets_the_last_elements,
  counts_calls,
  numbers_samples_from_one,
  swaps_inputs,
  transforms_another_draw,
  writes_before_reading_twice,
  quantile_of_signed_values,
  quantile_without_interpolation,
  quantile_without_nan,
  last
};

struct Faulty {
  Fault fault;
  Extents shape;
  std::shared_ptr<std::vector<double>> values;

  Faulty(Fault f, Extents e)
      : fault(f), shape(e), values(std::make_shared<std::vector<double>>(e.size())) {}
  Faulty(const Faulty& other) = default;
  Faulty& operator=(const Faulty& other) {
    shape = other.shape;
    *values = *other.values;
    return *this;
  }
  double* data() { return values->data(); }
  const double* data() const { return values->data(); }
};

/// Plain loops, each of which can be made faulty.
struct FaultyBackend {
  using State = Faulty;
  Fault fault;

  bool is(Fault other) const { return fault == other; }

  Extents extents(const State& x) const { return x.shape; }
  State make_like(const State& x) const {
    if (is(Fault::shares_memory)) return x;
    return State(x.fault, x.shape);
  }

  void assign(State& out, std::span<const Term<State>> terms, NoiseTerm noise) const {
    assign(
        out, terms, [&](std::size_t j, std::size_t) { return terms[j].coefficient; },
        [&](std::size_t) { return noise.coefficient; }, noise.draw, is(Fault::reads_zero_terms));
  }
  void assign(State& out, std::span<const SampleTerm<State>> terms, SampleNoise noise) const {
    const auto row = [this](std::size_t k) {
      return is(Fault::takes_the_first_coefficient_for_all) ? 0 : k;
    };
    assign(
        out, terms, [&](std::size_t j, std::size_t k) { return terms[j].coefficients[row(k)]; },
        [&](std::size_t k) {
          return noise.coefficients.empty() || is(Fault::ignores_noise_per_sample)
                     ? 0.0
                     : noise.coefficients[k];
        },
        noise.draw, is(Fault::reads_zero_terms_of_samples));
  }

  void norms(std::span<const Term<State>> terms, std::span<double> per_sample) const {
    const std::size_t dim = terms[0].state->shape.dim;
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      double sum = 0;
      for (std::size_t i = k * dim; i < (k + 1) * dim; ++i) {
        double value = 0;
        for (const auto& [c, x] : terms)
          if (c != 0 || is(Fault::norms_read_zero_terms)) value += c * x->data()[i];
        sum += value * value;
      }
      per_sample[k] = std::sqrt(is(Fault::averages_norms) ? sum / static_cast<double>(dim) : sum);
    }
  }
  void norms(NoiseDraw draw, const State& x, std::span<double> per_sample) const {
    if (is(Fault::norm_of_another_draw)) ++draw.index;
    std::vector<float> z(x.shape.dim);
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      fill_normal(z, draw, k, 0);
      double sum = 0;
      for (const float value : z) sum += double(value) * double(value);
      per_sample[k] = std::sqrt(sum);
    }
  }
  void scaled_rms(const State& error, const State& x, const State& y, double atol, double rtol,
                  std::span<double> per_sample) const {
    const std::size_t dim = x.shape.dim;
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      double sum = 0;
      for (std::size_t i = k * dim; i < (k + 1) * dim; ++i) {
        const double other = is(Fault::scales_by_x_alone) ? 0 : std::abs(y.data()[i]);
        const double ratio =
            error.data()[i] / (atol + rtol * std::max(std::abs(x.data()[i]), other));
        sum += ratio * ratio;
      }
      per_sample[k] =
          std::sqrt(is(Fault::sums_instead_of_mean) ? sum : sum / static_cast<double>(dim));
    }
  }
  void inner(const State& x, const State& y, std::span<double> per_sample) const {
    double sum = 0;
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      if (!is(Fault::inner_over_the_batch)) sum = 0;
      for (std::size_t i = k * x.shape.dim; i < (k + 1) * x.shape.dim; ++i)
        sum += x.data()[i] * y.data()[i];
      per_sample[k] = sum;
    }
  }
  template <class Fn, class... In>
  void transform(State& out, Fn f, const In&... in) const {
    const std::size_t dim = out.shape.dim;
    for (std::size_t i = 0; i < out.shape.size(); ++i) {
      const std::size_t k = i / dim + (is(Fault::numbers_samples_from_one) ? 1 : 0);
      if (is(Fault::writes_before_reading_twice)) out.data()[i] = 0;
      const auto call = [&](auto first, auto... rest) {
        const ElementIndex at{k, i % dim};
        if constexpr (sizeof...(rest) == 2)
          if (is(Fault::swaps_inputs))
            return [&](auto second, auto third) { return f(at, third, second, first); }(rest...);
        return f(at, first, rest...);
      };
      out.data()[i] = call(value_of(in, i, dim)...);
    }
  }
  void absolute_quantile(const State& x, double q, std::span<double> per_sample) const {
    const std::size_t dim = x.shape.dim;
    for (std::size_t k = 0; k < per_sample.size(); ++k) {
      std::vector<double> sorted(x.data() + k * dim, x.data() + (k + 1) * dim);
      if (!is(Fault::quantile_of_signed_values))
        for (double& value : sorted) value = std::abs(value);
      const bool nan = std::any_of(sorted.begin(), sorted.end(), [](double v) { return v != v; });
      std::replace_if(
          sorted.begin(), sorted.end(), [](double v) { return v != v; }, 0.0);
      std::sort(sorted.begin(), sorted.end());
      const double rank = q * double(dim - 1);
      const auto low = std::size_t(rank);
      const double part = is(Fault::quantile_without_interpolation) ? 0 : rank - double(low);
      per_sample[k] = nan && !is(Fault::quantile_without_nan)
                          ? std::nan("")
                          : std::lerp(sorted[low], sorted[std::min(low + 1, dim - 1)], part);
    }
  }

 private:
  static double value_of(const State& x, std::size_t i, std::size_t) { return x.data()[i]; }
  double value_of(NoiseDraw draw, std::size_t i, std::size_t dim) const {
    if (is(Fault::transforms_another_draw)) ++draw.index;
    return normal(draw, i / dim, i % dim, dim);
  }
  double normal(NoiseDraw draw, std::size_t k, std::size_t e, std::size_t dim) const {
    if (is(Fault::ignores_first_sample)) draw.first_sample = 0;
    if (is(Fault::ignores_the_top_of_the_draw)) draw.index &= 0xffffffff;
    if (is(Fault::runs_quads_across_samples)) e += k * dim, k = 0;
    float z = 0;
    fill_normal({&z, 1}, draw, k, e);
    return z;
  }

  void assign(State& out, const auto& terms, const auto& coefficient, const auto& noise,
              NoiseDraw draw, bool reads_zero) const {
    static double calls = 0;
    calls += 1;
    const auto [samples, dim] = out.shape;
    const std::size_t count =
        is(Fault::forgets_the_eighth_term) ? std::min<std::size_t>(terms.size(), 7) : terms.size();
    const std::size_t end = is(Fault::forgets_the_last_elements) ? dim - dim % 4 : dim;
    for (std::size_t k = 0; k < samples; ++k)
      for (std::size_t e = 0; e < end; ++e) {
        const std::size_t i = k * dim + e;
        double value = is(Fault::adds_to_result) ? out.data()[i] : 0;
        if (noise(k) != 0) value += noise(k) * normal(draw, k, e, dim);
        if (is(Fault::writes_before_reading)) out.data()[i] = value;
        for (std::size_t j = 0; j < count; ++j) {
          double c = coefficient(j, k);
          if (is(Fault::rounds_coefficients_to_float)) c = static_cast<float>(c);
          if (c != 0 || reads_zero) value += c * terms[j].state->data()[i];
          if (is(Fault::writes_before_reading)) out.data()[i] = value;
        }
        out.data()[i] = value;
      }
    if (is(Fault::changes_a_term) && terms.size() == 3) (*terms[1].state->values)[0] = 0;
    if (is(Fault::counts_calls)) out.data()[0] *= 1 + calls * 0x1p-51;
  }
};

std::size_t violations(Fault fault) {
  std::size_t count = 0;
  for (const Extents shape : testing::awkward_extents) {
    const auto found = testing::check_backend(Faulty(fault, shape));
    if (count == 0 && !found.empty()) UNSCOPED_INFO("first: " << found[0]);
    count += found.size();
  }
  return count;
}

}  // namespace

template <>
struct scoresde::backend_of<Faulty> {
  static FaultyBackend of(const Faulty& x) { return {x.fault}; }
};

TEST_CASE("a backend of plain loops conforms") { CHECK(violations(Fault::none) == 0); }

TEST_CASE("each of twenty-eight faults of a backend is found", "[slow]") {
  for (int fault = int(Fault::none) + 1; fault < int(Fault::last); ++fault) {
    INFO("fault " << fault);
    CHECK(violations(Fault(fault)) > 0);
  }
}

TEST_CASE("a violation names shape, operation, element, value and bound") {
  const auto found = testing::check_backend(Faulty(Fault::adds_to_result, {3, 7}));
  REQUIRE_FALSE(found.empty());
  CHECK(found[0].find("3 samples of dimension 7: noise of seed 1") == 0);
  CHECK(found[0].find("element 0 of sample 0 is nan") != std::string::npos);
  CHECK(found.size() <= 20);
}

TEST_CASE("the probe measures the rounding unit of a state") {
  const auto unit = []<class T>(HostState<T> x) {
    const testing::BackendProbe probe(
        x,
        [](std::span<const double> v, HostState<T>& y) {
          for (std::size_t i = 0; i < v.size(); ++i) y.data()[i] = static_cast<T>(v[i]);
        },
        [](const HostState<T>& y, std::span<double> v) {
          for (std::size_t i = 0; i < v.size(); ++i) v[i] = y.data()[i];
        });
    return probe.unit();
  };
  CHECK(unit(HostState<float>({1, 1})) == 0x1p-24);
  CHECK(unit(HostState<double>({1, 1})) == 0x1p-53);
}

TEST_CASE("a state that the host cannot access is checked through two functions") {
  std::size_t writes = 0, reads = 0;
  using X = HostState<double>;
  const auto found = testing::check_backend(
      X({2, 5}),
      [&](std::span<const double> v, X& y) { ++writes, std::copy(v.begin(), v.end(), y.data()); },
      [&](const X& y, std::span<double> v) {
        ++reads, std::copy_n(y.data(), y.size(), v.begin());
      });
  CHECK(found.empty());
  CHECK(writes > 0);
  CHECK(reads > 0);
}
