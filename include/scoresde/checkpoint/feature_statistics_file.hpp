// SPDX-License-Identifier: MIT
/// Reference statistics of a Fréchet distance in .npz files.
///
/// Read: `mu` (d) and `sigma` (d × d), as pytorch-fid, clean-fid, EDM and TTUR publish them, stored
/// or deflated; or `pool_3`, the features (n, d) themselves, as score_sde publishes them. Files of
/// write_feature_moments also have `count` and `extractor`, bytes of UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <scoresde/error.hpp>
#include <scoresde/evaluate/feature_statistics.hpp>
#include <scoresde/evaluate/features.hpp>
#include <scoresde/io/npz.hpp>
#include <scoresde/io/npz_writer.hpp>
#include <scoresde/io/tensor_file.hpp>

namespace scoresde {

/// Those in a file's arrays. Throws Error unless it has statistics of one dimension, or features of
/// at least two images and at most 16384 dimensions.
[[nodiscard]] inline FeatureMoments feature_moments_in(const io::NpzFile& file) {
  if (!file.contains("mu") && file.contains("pool_3")) {
    const io::TensorFile::Tensor pool = file.array("pool_3");
    require(!pool.shape.empty() && pool.shape[0] > 0, "pool_3 has no images");
    const std::size_t d = pool.size() / pool.shape[0];
    require(d <= 16384, "pool_3 has ", d, " features per image; at most 16384 are supported");
    const std::vector<double> values = pool.as<double>();
    return feature_moments(Features<double>{values, d});
  }
  const io::TensorFile::Tensor mu = file.array("mu"), sigma = file.array("sigma");
  require(mu.shape.size() == 1 && mu.shape[0] > 0, "mu has ", mu.shape.size(), " dimensions and ",
          mu.size(), " values; it must be a vector");
  const std::size_t d = mu.shape[0];
  require(sigma.shape == std::vector<std::size_t>{d, d}, "sigma has ", sigma.size(),
          " values; mu has ", d, ", so it must be ", d, " x ", d);
  FeatureMoments moments{{}, 0, mu.as<double>(), sigma.as<double>()};
  if (file.contains("count")) {
    const std::vector<double> count = file.array("count").as<double>();
    require(count.size() == 1 && count[0] >= 2 && count[0] <= 0x1p53,
            "count must be one number of at least 2 images");
    moments.count = static_cast<std::uint64_t>(count[0]);
  }
  if (file.contains("extractor"))
    for (const std::uint8_t byte : file.array("extractor").as<std::uint8_t>())
      moments.extractor += static_cast<char>(byte);
  return moments;
}

/// Throws Error naming the file when it is missing, is not an .npz file, or has neither statistics
/// of one dimension nor features.
[[nodiscard]] inline FeatureMoments read_feature_moments(const std::filesystem::path& path) {
  const io::NpzFile file = io::NpzFile::open(path);
  try {
    return feature_moments_in(file);
  } catch (const Error& failure) {
    throw Error(text("feature statistics ", path.string(), ": ", failure.what()));
  }
}

/// Writes a file that the packages named above read. Throws Error when it cannot be written; an
/// existing file is then unchanged.
inline void write_feature_moments(const std::filesystem::path& path,
                                  const FeatureMoments& moments) {
  const std::size_t d = moments.dim();
  io::NpzWriter file;
  file.add("mu", {d}, std::span<const double>(moments.mean));
  file.add("sigma", {d, d}, std::span<const double>(moments.covariance));
  if (moments.count > 0) {
    const auto count = static_cast<double>(moments.count);
    file.add("count", {1}, std::span<const double>(&count, 1));
  }
  const std::vector<std::uint8_t> name(moments.extractor.begin(), moments.extractor.end());
  if (!name.empty()) file.add("extractor", {name.size()}, std::span<const std::uint8_t>(name));
  file.write(path);
}

}  // namespace scoresde
