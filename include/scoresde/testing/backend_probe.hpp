// SPDX-License-Identifier: MIT
/// BackendProbe: states with known contents, the expected linear forms of them, and error bounds.
///
///   |out − Σⱼ cⱼxⱼ − c·z| ≤ (n + 4)·u·(Σⱼ|cⱼxⱼ| + |c·z|),   u the rounding unit of the state
///
/// The bound follows from n rounded coefficients, products and sums (Higham 2002, "Accuracy and
/// stability of numerical algorithms", section 3.1). u is measured by writing and reading numbers,
/// so a state may hold any floating-point type.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/state/backend.hpp>

namespace scoresde::testing {

/// A linear form over states of the type under test.
template <class X>
struct BackendCase {
  std::vector<X> state;
  std::vector<std::vector<double>> value;  ///< the contents of each state, rounded as it rounds
  std::vector<double> coefficient;

  [[nodiscard]] std::vector<Term<X>> terms() const {
    std::vector<Term<X>> list;
    for (std::size_t j = 0; j < state.size(); ++j) list.push_back({coefficient[j], &state[j]});
    return list;
  }
  /// Rows of coefficients, coefficient[j]·scale[k], which must outlive the terms that refer to
  /// them.
  [[nodiscard]] std::vector<std::vector<double>> rows(std::span<const double> scale) const {
    std::vector<std::vector<double>> list(state.size());
    for (std::size_t j = 0; j < state.size(); ++j)
      for (const double s : scale) list[j].push_back(coefficient[j] * s);
    return list;
  }
  [[nodiscard]] std::vector<SampleTerm<X>> terms(
      const std::vector<std::vector<double>>& rows) const {
    std::vector<SampleTerm<X>> list;
    for (std::size_t j = 0; j < state.size(); ++j) list.push_back({rows[j], &state[j]});
    return list;
  }
};

/// `write` writes doubles to a state in memory order, `read` reads them.
template <State X, class Write, class Read>
class BackendProbe {
 public:
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

  BackendProbe(const X& x, Write write, Read read)
      : model_(x), shape_(extents(x)), write_(std::move(write)), read_(std::move(read)) {
    unit_ = 0.5;
    while (unit_ > 0x1p-53 && read_back(filled(1 + unit_))[0] == 1 + unit_) unit_ /= 2;
  }

  [[nodiscard]] Extents shape() const { return shape_; }
  /// Half the distance from 1 to the next number a state can hold.
  [[nodiscard]] double unit() const { return unit_; }
  [[nodiscard]] const X& model() const { return model_; }
  [[nodiscard]] std::vector<std::string>& violations() { return violations_; }

  /// Adds a sentence, up to a maximum of twenty.
  void complain(const auto&... parts) {
    if (violations_.size() < 20)
      violations_.push_back(
          scoresde::text(shape_.samples, " samples of dimension ", shape_.dim, ": ", parts...));
  }

  void write(std::span<const double> values, X& x) const { write_(values, x); }
  [[nodiscard]] std::vector<double> read_back(const X& x) const {
    std::vector<double> values(shape_.size(), nan);
    read_(x, std::span<double>(values));
    return values;
  }
  [[nodiscard]] X state(std::span<const double> values) const {
    X x = backend(model_).make_like(model_);
    write_(values, x);
    return x;
  }
  [[nodiscard]] X filled(double value) const {
    return state(std::vector<double>(shape_.size(), value));
  }

  /// Values in [-2, 2] that differ by tag, sample and element.
  [[nodiscard]] std::vector<double> values(std::uint64_t tag) const {
    std::vector<double> list(shape_.size());
    const NoiseDraw draw = Noise{.seed = 7, .purpose = Purpose::data}.draw(tag);
    for (std::size_t i = 0; i < list.size(); ++i)
      list[i] = 4 * uniform(draw, i / shape_.dim, i % shape_.dim) - 2;
    return list;
  }
  /// A nonzero coefficient per sample.
  [[nodiscard]] std::vector<double> scales() const {
    std::vector<double> list(shape_.samples);
    for (std::size_t k = 0; k < list.size(); ++k)
      list[k] = uniform(Noise{.seed = 9, .purpose = Purpose::data}.draw(0), k, 0) - 1.5;
    return list;
  }
  [[nodiscard]] BackendCase<X> make_case(std::size_t terms) const {
    constexpr std::array coefficient{0.9, -1.1, 0.3, 1.7, -0.01, 0.2, 2.0, -0.6};
    BackendCase<X> made;
    for (std::size_t j = 0; j < terms; ++j) {
      made.state.push_back(state(values(j)));
      made.value.push_back(read_back(made.state.back()));
      made.coefficient.push_back(coefficient[j % coefficient.size()]);
    }
    return made;
  }
  /// The published stream, in memory order.
  [[nodiscard]] std::vector<double> normals(NoiseDraw draw) const {
    std::vector<double> list;
    std::vector<float> z(shape_.dim);
    for (std::size_t k = 0; k < shape_.samples; ++k) {
      fill_normal(z, draw, k, 0);
      list.insert(list.end(), z.begin(), z.end());
    }
    return list;
  }

  /// Reports the first element of `found` that differs from `wanted` by more than bound(i) or is
  /// NaN.
  template <class Bound>
  void compare(const std::string& what, std::span<const double> found,
               std::span<const double> wanted, const Bound& bound) {
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (!(std::abs(found[i] - wanted[i]) <= bound(i))) {
        const std::size_t dim = wanted.size() == shape_.samples ? 1 : shape_.dim;
        return complain(what, ": element ", i % dim, " of sample ", i / dim, " is ", found[i], "; ",
                        wanted[i], " within ", bound(i), " is expected");
      }
  }

  /// Compares `out` with scale[k]·(Σ cⱼxⱼ + noise·z) computed in double.
  void judge(const std::string& what, const X& out, const BackendCase<X>& c,
             std::span<const double> scale, double noise, NoiseDraw draw) {
    const std::vector<double> z =
        noise != 0 ? normals(draw) : std::vector<double>(shape_.size(), 0.0);
    std::vector<double> wanted(shape_.size()), size(shape_.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double s = scale[i / shape_.dim];
      wanted[i] = s * noise * z[i];
      size[i] = std::abs(wanted[i]);
      for (std::size_t j = 0; j < c.value.size(); ++j)
        if (const double coefficient = s * c.coefficient[j]; coefficient != 0) {
          wanted[i] += coefficient * c.value[j][i];
          size[i] += std::abs(coefficient * c.value[j][i]);
        }
    }
    const double relative = static_cast<double>(c.value.size() + 4) * (unit_ + 0x1p-53);
    compare(what, read_back(out), wanted, [&](std::size_t i) { return relative * size[i]; });
  }

 private:
  const X& model_;
  Extents shape_;
  Write write_;
  Read read_;
  double unit_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace scoresde::testing
