// SPDX-License-Identifier: MIT
/// Points: a user-defined state and its backend, over std::valarray.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <valarray>
#include <vector>

#include <scoresde/scoresde.hpp>

//! [own_backend]
/// `samples` points of dimension `dim`, one after the other.
struct Points {
  std::size_t samples, dim;
  std::valarray<double> values = std::valarray<double>(samples * dim);
  double* data() { return &values[0]; }
  const double* data() const { return &values[0]; }
};

/// A minimal backend: it creates temporary arrays where a fast one would fuse its loops.
struct PointsBackend {
  using State = Points;
  template <class T>
  using List = std::span<const T>;

  scoresde::Extents extents(const Points& x) const { return {x.samples, x.dim}; }
  Points make_like(const Points& x) const { return {x.samples, x.dim}; }

  void assign(Points& out, List<scoresde::Term<Points>> terms, scoresde::NoiseTerm noise) const {
    std::valarray<double> sum = noise.coefficient * normals(noise.draw, out);
    for (const auto& [c, x] : terms)
      if (c != 0) sum += c * x->values;
    out.values = sum;
  }
  void assign(Points& out, List<scoresde::SampleTerm<Points>> terms,
              scoresde::SampleNoise noise) const {
    const std::valarray<double> z = normals(noise.draw, out);
    for (std::size_t i = 0; i < out.values.size(); ++i) {
      const std::size_t k = i / out.dim;
      double sum = noise.coefficients.empty() ? 0 : noise.coefficients[k] * z[i];
      for (const auto& [c, x] : terms)
        if (c[k] != 0) sum += c[k] * x->values[i];
      out.values[i] = sum;
    }
  }
  void inner(const Points& x, const Points& y, std::span<double> row) const {
    for (std::size_t k = 0; k < x.samples; ++k) row[k] = 0;
    for (std::size_t i = 0; i < x.values.size(); ++i) row[i / x.dim] += x.values[i] * y.values[i];
  }
  void norms(List<scoresde::Term<Points>> terms, std::span<double> row) const {
    Points sum = make_like(*terms[0].state);
    assign(sum, terms, scoresde::NoiseTerm{});
    root_mean(sum, 1, row);
  }
  void norms(scoresde::NoiseDraw draw, const Points& x, std::span<double> row) const {
    root_mean({x.samples, x.dim, normals(draw, x)}, 1, row);
  }
  void scaled_rms(const Points& error, const Points& x, const Points& y, double atol, double rtol,
                  std::span<double> row) const {
    Points ratio = error;
    for (std::size_t i = 0; i < x.values.size(); ++i)
      ratio.values[i] /= atol + rtol * std::fmax(std::abs(x.values[i]), std::abs(y.values[i]));
    root_mean(ratio, static_cast<double>(x.dim), row);
  }

 private:
  void root_mean(const Points& x, double count, std::span<double> row) const {
    inner(x, x, row);
    for (double& r : row) r = std::sqrt(r / count);
  }
  static std::valarray<double> normals(scoresde::NoiseDraw draw, const Points& x) {
    std::valarray<double> list(x.values.size());
    std::vector<float> z(x.dim);
    for (std::size_t k = 0; k < x.samples; ++k) {
      scoresde::fill_normal(z, draw, k, 0);
      std::copy(z.begin(), z.end(), &list[k * x.dim]);
    }
    return list;
  }
};

template <>
struct scoresde::backend_of<Points> {
  static PointsBackend of(const Points&) { return {}; }
};
//! [own_backend]
