// SPDX-License-Identifier: MIT
/// Resizing of feature maps, one plane after the other (scoresde/resize.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include <scoresde/eigen/detail/parallel.hpp>
#include <scoresde/nn/graph/inference_ops.hpp>
#include <scoresde/resize.hpp>

namespace scoresde::eigen::detail {

/// Scratch of one thread.
[[nodiscard]] inline std::size_t resize_part_size(const nn::Resize& op, const nn::Shape& x) {
  return resize_scratch_size({x.h, x.w}, {op.height, op.width});
}

template <class T>
void resize(const nn::Resize& op, nn::View<const T> x, nn::View<T> y, std::size_t threads,
            T* scratch) {
  const PlaneExtents from{x.shape.h, x.shape.w}, to{y.shape.h, y.shape.w};
  const T lowest = static_cast<T>(op.lowest), highest = static_cast<T>(op.highest);
  for_each_item(threads, x.shape.n * x.shape.c, [&](std::size_t worker, std::size_t plane) {
    T* const out = y.data + plane * to.size();
    resize_plane(op.rule, from, to, x.data + plane * from.size(), out,
                 scratch + worker * resize_part_size(op, x.shape));
    if (lowest <= std::numeric_limits<T>::lowest() && highest >= std::numeric_limits<T>::max())
      return;
    for (std::size_t i = 0; i < to.size(); ++i) out[i] = std::clamp(out[i], lowest, highest);
  });
}

}  // namespace scoresde::eigen::detail
