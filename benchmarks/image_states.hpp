// SPDX-License-Identifier: MIT
/// States of images of 3×32×32 in float32, of every CPU backend.
#pragma once

#include <cstddef>
#include <vector>

#include <scoresde/eigen/eigen_backend.hpp>
#include <scoresde/state/host_state.hpp>
#include <scoresde/xtensor/xtensor_backend.hpp>

inline constexpr std::size_t image = 3 * 32 * 32;

/// A batch of images whose elements are 0.5.
template <class X>
X make(std::size_t batch) {
  if constexpr (requires { X::RowsAtCompileTime; })
    return X::Constant(static_cast<Eigen::Index>(image), static_cast<Eigen::Index>(batch), 0.5f);
  else if constexpr (requires { X::rank; })
    return 0.5f * xt::ones<float>({batch, std::size_t{3}, std::size_t{32}, std::size_t{32}});
  else
    return X({batch, image}, std::vector<float>(batch * image, 0.5f));
}
