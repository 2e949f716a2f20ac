// SPDX-License-Identifier: MIT
/// NoiseSource: the noise argument of a sampler.
#pragma once

#include <concepts>
#include <cstdint>

#include <scoresde/noise/noise.hpp>

namespace scoresde {

/// A source of standard normal noise: Noise (named draws, generated inside the update) or stored
/// states (RecordedNoise).
template <class N, class X>
concept NoiseSource = requires(const N& noise, std::uint64_t index) {
  { noise.draw(index) } -> std::same_as<NoiseDraw>;
}
|| requires(const N& noise, std::uint64_t index) {
  { noise.draw(index) } -> std::same_as<const X&>;
};

}  // namespace scoresde
