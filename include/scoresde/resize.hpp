// SPDX-License-Identifier: MIT
/// Resizing of images by the rules of published programs: the input pixels that contribute to an
/// output pixel and their weights, once for data sets, networks and every backend.
///
/// Along an axis of n inputs and o outputs, output j is y[j] = Σ_k w_k x[first + k].
///
///   two taps            s = position(j), i = ⌊s⌋, f = s − i,   y = x[i] + f (x[min(i + 1, n−1)] − x[i])
///   tf1_bilinear        s = j·float32(n/o)
///   grid_sample         s = j·n/o
///   half_pixel_bilinear s = max((j + ½)·n/o − ½, 0)
///
///   PIL's filters       c = n/o,  F = max(c, 1),  m = (j + ½)·c,  S = support·F
///                       k from max(⌊m − S + ½⌋, 0) to min(⌊m + S + ½⌋, n) − 1
///                       w_k ∝ filter((k − m + ½)/F), with sum 1
///
/// Both axes are resized one after the other, columns of pixels first (the width), then rows.
/// PIL's filters are antialiased: their support grows with the factor by which an image shrinks.
/// Intermediate values are of the type of the pixels; those of PIL's filters are sums in double
/// that are rounded to float32, as in PIL's images of mode F. In float, tf1_bilinear has the bits
/// of single-precision products and sums without fused multiply-adds.
///
/// tf1_bilinear is tf.image.resize_bilinear of TensorFlow 1 (align_corners and half_pixel_centers
/// false); half_pixel_bilinear is torch.nn.functional.interpolate (align_corners false);
/// grid_sample is the resizing in StyleGAN2-ADA's traced Inception network; PIL's filters are those
/// of Pillow's Image.resize, bicubic with a = −½ (Keys 1981).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <scoresde/error.hpp>
#include <scoresde/host_device.hpp>

namespace scoresde {

/// How images are resized.
enum class ResizeRule {
  tf1_bilinear,
  grid_sample,
  half_pixel_bilinear,
  pil_box,
  pil_bilinear,
  pil_bicubic,
  pil_lanczos
};

/// Whether the rule is one of PIL's filters.
[[nodiscard]] SCORESDE_HOST_DEVICE constexpr bool is_antialiased(ResizeRule rule) {
  return rule >= ResizeRule::pil_box;
}

namespace detail {

/// Half the width of a filter at scale 1.
SCORESDE_HOST_DEVICE constexpr double filter_support(ResizeRule rule) {
  switch (rule) {
    case ResizeRule::pil_box:
      return 0.5;
    case ResizeRule::pil_bilinear:
      return 1;
    case ResizeRule::pil_bicubic:
      return 2;
    default:
      return 3;
  }
}

/// sin(πx)/(πx).
SCORESDE_HOST_DEVICE inline double normalized_sinc(double x) {
  if (x == 0) return 1;
  constexpr double pi = 3.14159265358979323846;
#if defined(__CUDA_ARCH__)
  return sinpi(x) / (pi * x);  // without the memory that sin needs for large arguments
#else
  return std::sin(pi * x) / (pi * x);
#endif
}

SCORESDE_HOST_DEVICE inline double filter_value(ResizeRule rule, double x) {
  const double r = std::abs(x);
  switch (rule) {
    case ResizeRule::pil_box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case ResizeRule::pil_bilinear:
      return r < 1 ? 1 - r : 0;
    case ResizeRule::pil_bicubic:
      if (r < 1) return (1.5 * r - 2.5) * r * r + 1;
      return r < 2 ? -0.5 * (((r - 5) * r + 8) * r - 4) : 0;
    default:
      return r < 3 ? normalized_sinc(x) * normalized_sinc(x / 3) : 0;
  }
}

}  // namespace detail

/// The inputs of one output along one axis, and their weights. T is the type of the pixels.
template <class T>
class ResizeWindow {
 public:
  /// Of output j < `outputs` from `inputs` pixels, both positive.
  SCORESDE_HOST_DEVICE ResizeWindow(ResizeRule rule, std::size_t inputs, std::size_t outputs,
                                    std::size_t j)
      : rule_(rule) {
    const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
    if (is_antialiased(rule))
      place_filter(scale, inputs, j);
    else
      place_two_taps(position(rule, scale, static_cast<double>(j)), inputs);
  }

  /// The first input.
  [[nodiscard]] SCORESDE_HOST_DEVICE std::size_t first() const { return first_; }
  /// Number of inputs, at least 1.
  [[nodiscard]] SCORESDE_HOST_DEVICE std::size_t size() const { return size_; }
  /// The weight of input first() + k, k < size(). The weights have the sum 1.
  [[nodiscard]] SCORESDE_HOST_DEVICE double weight(std::size_t k) const {
    if (is_antialiased(rule_)) return unnormalized(k) / sum_;
    if (size_ == 1) return 1;
    return k == 0 ? 1 - fraction_ : fraction_;
  }

  /// The output, where at(i) is the value of input i.
  template <class At>
  [[nodiscard]] SCORESDE_HOST_DEVICE T operator()(const At& at) const {
    if (!is_antialiased(rule_)) return lerp(at(first_), at(first_ + size_ - 1));
    double sum = 0;
    for (std::size_t k = 0; k < size_; ++k) sum += static_cast<double>(at(first_ + k)) * weight(k);
    return rounded(sum);
  }
  /// x + f (y − x) for a rule of two taps. The conversion of the product, which is exact for
  /// floats, keeps compilers from fusing it with the sum.
  [[nodiscard]] SCORESDE_HOST_DEVICE T lerp(T x, T y) const {
    return x + static_cast<T>(static_cast<double>(y - x) * fraction_);
  }
  /// A sum of one of PIL's filters as PIL stores it.
  [[nodiscard]] SCORESDE_HOST_DEVICE static T rounded(double sum) {
    return static_cast<T>(static_cast<float>(sum));
  }

 private:
  SCORESDE_HOST_DEVICE static double position(ResizeRule rule, double scale, double j) {
    if (rule == ResizeRule::tf1_bilinear)
      return static_cast<double>(
          static_cast<T>(j * static_cast<double>(static_cast<float>(scale))));
    if (rule == ResizeRule::grid_sample) return j * scale;
    const double s = (j + 0.5) * scale - 0.5;
    return s > 0 ? s : 0;
  }
  SCORESDE_HOST_DEVICE void place_two_taps(double s, std::size_t inputs) {
    first_ = static_cast<std::size_t>(s);
    if (first_ >= inputs) first_ = inputs - 1;
    size_ = first_ + 1 < inputs ? 2 : 1;
    fraction_ = s - static_cast<double>(first_);
  }
  SCORESDE_HOST_DEVICE void place_filter(double scale, std::size_t inputs, std::size_t j) {
    stretch_ = scale > 1 ? scale : 1;
    const double reach = detail::filter_support(rule_) * stretch_;
    center_ = (static_cast<double>(j) + 0.5) * scale;
    const double begin = center_ - reach + 0.5, end = center_ + reach + 0.5;
    first_ = begin > 0 ? static_cast<std::size_t>(begin) : 0;
    const auto last = static_cast<std::size_t>(end);
    size_ = (last < inputs ? last : inputs) - first_;
    for (std::size_t k = 0; k < size_; ++k) sum_ += unnormalized(k);
  }
  [[nodiscard]] SCORESDE_HOST_DEVICE double unnormalized(std::size_t k) const {
    return detail::filter_value(rule_,
                                (static_cast<double>(first_ + k) - center_ + 0.5) * (1 / stretch_));
  }

  ResizeRule rule_;
  std::size_t first_ = 0, size_ = 0;
  double fraction_ = 0;                        // of two taps
  double center_ = 0, stretch_ = 1, sum_ = 0;  // of a filter
};

/// Extents of an image plane in pixels.
struct PlaneExtents {
  std::size_t height = 0, width = 0;
  [[nodiscard]] constexpr std::size_t size() const { return height * width; }
  constexpr bool operator==(const PlaneExtents&) const = default;
};

namespace detail {

/// Values along an axis that is resized, and across it: value i of line l is at i·along + l·across.
template <class T>
struct ResizeLines {
  T* data;
  std::size_t along, across;
};

/// Resizes `lines` lines along one axis, a block of lines at a time for each output.
template <class T>
void resize_axis(ResizeRule rule, std::size_t inputs, std::size_t outputs, std::size_t lines,
                 const ResizeLines<const T>& from, const ResizeLines<T>& to) {
  constexpr std::size_t block = 128;
  for (std::size_t j = 0; j < outputs; ++j) {
    const ResizeWindow<T> window(rule, inputs, outputs, j);
    const T* x = from.data + window.first() * from.along;
    T* y = to.data + j * to.along;
    if (!is_antialiased(rule)) {
      const T* next = x + (window.size() - 1) * from.along;
      for (std::size_t l = 0; l < lines; ++l)
        y[l * to.across] = window.lerp(x[l * from.across], next[l * from.across]);
      continue;
    }
    for (std::size_t l = 0; l < lines; l += block) {
      const std::size_t count = std::min(block, lines - l);
      double sums[block] = {};
      for (std::size_t k = 0; k < window.size(); ++k) {
        const double weight = window.weight(k);
        const T* line = x + k * from.along + l * from.across;
        for (std::size_t i = 0; i < count; ++i)
          sums[i] += static_cast<double>(line[i * from.across]) * weight;
      }
      for (std::size_t i = 0; i < count; ++i)
        y[(l + i) * to.across] = ResizeWindow<T>::rounded(sums[i]);
    }
  }
}

}  // namespace detail

/// Throws Error for an extent of 0.
inline void require_extents(const PlaneExtents& from, const PlaneExtents& to) {
  require(from.size() > 0 && to.size() > 0, "resize: from ", from.height, " x ", from.width, " to ",
          to.height, " x ", to.width, "; every extent must be at least 1");
}

/// Elements of scratch that resize_plane requires: the plane after the first axis.
[[nodiscard]] constexpr std::size_t resize_scratch_size(const PlaneExtents& from,
                                                        const PlaneExtents& to) {
  return from.height * to.width;
}

/// Resizes one plane, row-major. Values are not clipped: PIL's bicubic and Lanczos filters leave
/// the range of the input, and PIL clips the bytes of its 8-bit images after each axis. `scratch`
/// has resize_scratch_size elements and may not overlap x and y, which may not overlap each other.
template <class T>
void resize_plane(ResizeRule rule, const PlaneExtents& from, const PlaneExtents& to, const T* x,
                  T* y, T* scratch) {
  if (from == to) {
    std::copy_n(x, from.size(), y);
    return;
  }
  const T* columns = x;
  if (from.width != to.width) {
    T* target = from.height != to.height ? scratch : y;
    detail::resize_axis<T>(rule, from.width, to.width, from.height, {x, 1, from.width},
                           {target, 1, to.width});
    columns = target;
  }
  if (from.height != to.height)
    detail::resize_axis<T>(rule, from.height, to.height, to.width, {columns, to.width, 1},
                           {y, to.width, 1});
}

}  // namespace scoresde
