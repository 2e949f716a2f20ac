// SPDX-License-Identifier: MIT
/// Features of a set of images, as the metrics take them: one row of `dim` numbers per image.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <scoresde/error.hpp>

namespace scoresde {

/// A view of n rows of dim features, row-major. `extractor` names what computed them
/// (FeatureDescription::identity()); metrics reject sets of different extractors. Empty: not known.
template <std::floating_point T>
struct Features {
  std::span<const T> values;
  std::size_t dim = 0;
  std::string_view extractor = {};

  [[nodiscard]] std::size_t size() const { return dim == 0 ? 0 : values.size() / dim; }
  /// The features of image i.
  [[nodiscard]] std::span<const T> row(std::size_t i) const { return values.subspan(i * dim, dim); }
};

/// Throws Error unless the values are whole rows of at least `minimum` images and all finite; the
/// message begins with the metric and the argument, and names the first image that has none.
template <std::floating_point T>
void require_features(std::string_view metric, std::string_view argument, const Features<T>& x,
                      std::size_t minimum) {
  require(x.dim > 0, metric, ": ", argument, " have dimension 0; it must be positive");
  require(x.values.size() % x.dim == 0, metric, ": ", argument, " have ", x.values.size(),
          " values; a multiple of the dimension ", x.dim, " is required");
  require(x.size() >= minimum, metric, ": ", argument, " are of ", x.size(), " images; at least ",
          minimum, " are required");
  const auto broken =
      std::find_if(x.values.begin(), x.values.end(), [](T value) { return !std::isfinite(value); });
  if (broken == x.values.end()) return;
  const auto i = static_cast<std::size_t>(broken - x.values.begin());
  throw Error(text(metric, ": feature ", i % x.dim, " of image ", i / x.dim, " in ", argument,
                   " is ", *broken, "; features must be finite"));
}

/// Throws Error unless two sets, named by their arguments, have one dimension and one extractor.
inline void require_same_features(std::string_view metric, std::string_view first, std::size_t dim1,
                                  std::string_view extractor1, std::string_view second,
                                  std::size_t dim2, std::string_view extractor2) {
  require(dim1 == dim2, metric, ": ", second, " have dimension ", dim2, "; that of ", first, " is ",
          dim1);
  require(extractor1.empty() || extractor2.empty() || extractor1 == extractor2, metric, ": ",
          second, " are of the extractor '", extractor2, "'; ", first, " are of '", extractor1,
          "', and both must be of one");
}

}  // namespace scoresde
