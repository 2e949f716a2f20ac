// SPDX-License-Identifier: MIT
/// Arbitrary bytes as reference statistics: rejected with an Error, or a Fréchet distance to
/// themselves that is finite or rejected. Files of features are not converted, because the memory
/// of their covariance is not proportional to theirs.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <scoresde/checkpoint/feature_statistics_file.hpp>
#include <scoresde/evaluate/frechet_distance.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const scoresde::io::NpzFile file(std::as_bytes(std::span(data, size)),
                                     scoresde::io::ZipChecksums::ignored);
    if (!file.contains("mu")) return 0;
    const scoresde::FeatureMoments moments = scoresde::feature_moments_in(file);
    if (moments.dim() > 64) return 0;
    const auto distance = scoresde::frechet_distance(moments, moments);
    if (!(distance.value >= 0)) std::abort();
  } catch (const scoresde::Error&) {
  }
  return 0;
}
